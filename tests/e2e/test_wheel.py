"""The wheel as a product: built, installed into an empty environment, and used outside of any checkout."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse import __version__
from meterhouse.fake_openai import FakeOrganization, FakeServer

pytestmark = pytest.mark.install

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GENERATED = {
    "powerbi": "meterhouse.pbip",
    "tableau": "usage_daily.tds",
    "dbt": "dbt_project.yml",
    "metabase": "collections",
    "superset": "bundle/metadata.yaml",
    "grafana": "provisioning/datasources/meterhouse.yaml",
}
# The folders whose modules need an extra; formats that need one are imported by name, and say which.
EXTRAS = {
    "airflow": ("dags", "etl/meterhouse/orchestration"),
    "dashboard": ("etl/meterhouse/dashboard",),
    "assistant": ("etl/meterhouse/assistant",),
    "local": ("etl/meterhouse/local",),
}


class Installed:
    """An environment with nothing in it but the wheel; what it depends on is looked up beside the tests, as nothing is downloaded."""

    def __init__(self, place: Path, wheel: Path) -> None:
        self.place = place
        venv.create(place / "env", with_pip=False)
        self.python = place / "env" / "bin" / "python"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(place / "env"), "platbase": str(place / "env")}))
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], check=True, timeout=120)
        # Of the test environment the packages, but not the checkout that it was installed from.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(self, *words: str, exit_status: int = 0, **environment: str) -> str:
        """Run the interpreter in an empty folder; return what was said, on both streams when it was to fail."""
        empty = self.place / "empty"
        empty.mkdir(exist_ok=True)
        known = {"PATH": "/usr/bin:/bin", "METERHOUSE_HOME": str(self.place / "home"), "HOME": str(self.place)}
        done = subprocess.run(
            [self.python, *words], env=known | environment, cwd=empty, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == exit_status, done.stdout + done.stderr
        return done.stdout if exit_status == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    return Installed(place, wheel)


@pytest.fixture(scope="module")
def api() -> Iterator[FakeServer]:
    with FakeServer(FakeOrganization(scale=0.05)) as server:
        yield server


def test_it_is_the_installed_package_that_is_driven(installed: Installed) -> None:
    where = installed.run("-c", "import meterhouse; print(meterhouse.__version__, *meterhouse.__path__)")
    assert where.split() == [__version__, str(installed.site / "meterhouse")]
    assert "backfill" in installed.run("-m", "meterhouse", "--help")
    assert installed.run(str(installed.python.with_name("meterhouse")), "--version").strip() == __version__


def test_an_installed_package_migrates_loads_checks_and_exports(installed: Installed, warehouse: Warehouse, api: FakeServer) -> None:
    today = datetime.now(UTC).date()
    environment = {
        "WAREHOUSE_URL": warehouse.loader_url,
        "METERHOUSE_MIGRATE_URL": warehouse.owner_url,
        "OPENAI_ADMIN_KEY": api.admin_key,
        "OPENAI_BASE_URL": api.base_url,
        "METERHOUSE_HISTORY_START": f"{today - timedelta(days=20):%Y-%m-%d}",
    }

    def meterhouse(*words: str, **more: str) -> str:
        return installed.run("-m", "meterhouse", *words, **environment | more)

    assert meterhouse("migrate").endswith("views are up to date\n")
    assert "default/costs/1d" in meterhouse("sync", "--only", "images,costs,directory")
    meterhouse("check", "--offline")
    csv = installed.place / "costs.csv"
    meterhouse("export", "costs_daily", "--format", "csv", "--out", str(csv))
    with psycopg.connect(warehouse.superuser_url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM bi.costs_daily").fetchone() or (0,)
    assert count
    assert len(csv.read_text().splitlines()) == count + 1
    page = installed.place / "report.html"
    meterhouse("report", "--out", str(page), "--from", f"{today - timedelta(days=9)}", "--to", f"{today - timedelta(days=3)}")
    assert "<html" in page.read_text()[:2000]


@pytest.mark.parametrize(("tool", "file"), GENERATED.items())
def test_each_generator_writes_into_the_folder_that_it_is_given_and_nowhere_else(installed: Installed, tool: str, file: str) -> None:
    before = {path for path in installed.site.parent.rglob("*") if "__pycache__" not in path.parts}
    (refused,) = installed.run("-m", f"meterhouse.bi_files.{tool}", exit_status=2).splitlines()
    assert refused.endswith(f"whose files could be rewritten: name a folder to write to, such as --out {tool}")
    out = installed.place / "files" / tool
    installed.run("-m", f"meterhouse.bi_files.{tool}", "--out", str(out))
    assert (out / file).exists()
    ours = {path.relative_to(ROOT / "bi" / tool) for path in (ROOT / "bi" / tool).rglob("*") if path.is_file()}
    made = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert made.keys() <= ours
    for name, content in made.items():
        assert content == (ROOT / "bi" / tool / name).read_bytes(), name
    assert {path for path in installed.site.parent.rglob("*") if "__pycache__" not in path.parts} == before


def test_the_list_of_columns_in_the_package_is_not_rewritten(installed: Installed) -> None:
    listed = installed.site / "meterhouse" / "warehouse" / "columns.json"
    before = listed.read_bytes()
    (refused,) = installed.run("-m", "meterhouse.bi_files.columns", exit_status=2).splitlines()
    assert refused.startswith("meterhouse: there is no checkout here")
    assert listed.read_bytes() == before == (ROOT / "etl" / "meterhouse" / "warehouse" / "columns.json").read_bytes()


def test_superset_gets_its_bundle_and_all_tools_theirs_at_once(installed: Installed) -> None:
    archive = installed.place / "openai.zip"
    installed.run("-m", "meterhouse.bi_files.superset", "--zip", str(archive), "--warehouse", "db.example.com:5432/warehouse")
    with zipfile.ZipFile(archive) as files:
        assert len([name for name in files.namelist() if "/charts/" in name]) > 5
    everything = installed.place / "everything"
    installed.run("-m", "meterhouse.bi_files", "--out", str(everything))
    assert {path.name for path in everything.iterdir()} == set(GENERATED)


def test_it_carries_the_dags_the_migrations_and_the_files_for_bi_tools(installed: Installed) -> None:
    package = installed.site / "meterhouse"
    for folder in ("dags", "migrations", "bi"):
        ours = {
            path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        }
        assert {path.relative_to(package / folder) for path in (package / folder).rglob("*") if path.is_file()} >= ours
    guide = (ROOT / "docs" / "install.md").read_text()
    command = re.search(r'python -c "(import meterhouse; print\(.+?\))"', guide)
    assert command
    assert installed.run("-c", command[1]).strip() == str(package / "dags")


def test_an_airflow_that_is_pointed_to_the_installed_dags_finds_all_of_them(installed: Installed) -> None:
    program = """
import meterhouse
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=meterhouse.__path__[0] + "/dags")
assert bag.import_errors == {}, bag.import_errors
print(*bag.dags)
"""
    found = installed.run("-c", program, AIRFLOW_HOME=str(installed.place / "airflow")).splitlines()[-1].split()
    assert set(found) == {path.stem for path in (ROOT / "dags").glob("*.py")}


def test_folders_of_a_project_that_the_package_was_put_into_are_not_taken_for_a_checkout(installed: Installed) -> None:
    project = installed.place / "project"
    for folder in ("bi", "dags", "migrations"):
        (project / folder).mkdir(parents=True)
    (project / "pyproject.toml").touch()
    shutil.copytree(installed.site / "meterhouse", project / "vendored" / "meterhouse")
    vendored = {"PYTHONPATH": str(project / "vendored")}
    for tool in (*GENERATED, "columns"):
        (refused,) = installed.run("-m", f"meterhouse.bi_files.{tool}", exit_status=2, **vendored).splitlines()
        assert refused.startswith("meterhouse: there is no checkout here")
    program = "from meterhouse import checkout; print(checkout.folder_beside('dags'), checkout.default_home())"
    dags, home = installed.run("-c", program, **vendored).split()
    assert dags == str(project / "vendored" / "meterhouse" / "dags")
    assert project not in Path(home).parents
    assert [path for folder in ("bi", "dags", "migrations") for path in (project / folder).iterdir()] == []


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_what_is_imported_is_declared_where_it_is_used(extra: str | None) -> None:
    """An extra's packages may be imported only in its folders; everything else has to run without any extra."""
    declared = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else ())]
    names = {re.split(r"[\[<>=]", one)[0].lower().replace("_", "-") for one in declared}
    # Airflow is several packages, of which it brings its own.
    brought = {"airflow"} if extra == "airflow" else set()
    providers = metadata.packages_distributions()
    missing = {}
    for path in _sources(extra):
        for name in {*_imported(path)} - sys.stdlib_module_names - {"meterhouse"} - brought:
            if not {one.lower().replace("_", "-") for one in providers.get(name, [])} & names:
                missing[name] = path.relative_to(ROOT).as_posix()
    assert not missing


def _sources(extra: str | None) -> list[Path]:
    """The modules that need an extra; for None those of all folders that need none."""
    package = ROOT / "etl" / "meterhouse"
    of_extras = {name: [path for folder in folders for path in (ROOT / folder).rglob("*.py")] for name, folders in EXTRAS.items()}
    if extra:
        return of_extras[extra]
    return [path for path in package.rglob("*.py") if not any(path in paths for paths in of_extras.values())]


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
