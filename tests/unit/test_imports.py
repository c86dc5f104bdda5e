"""Imports: the pure core stays pure, the arrows between the modules point one way, and every file is called after what it is for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from meterhouse.warehouse.schema import OF_AN_ORGANIZATION
from meterhouse.warehouse.tables import metadata

from .structure import figures

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "etl"
PURE = [
    "windows",
    "money",
    "catalogue.endpoints",
    "vendors.openai.rows",
    "vendors.openai.names",
    "vendors.page_text",
    "load.chain",
    "warehouse.schema",
]
HEAVY = ["requests", "psycopg", "sqlalchemy", "airflow", "pandas"]
# Each costs a command a tenth of a second or more, and only migrations, exports and the dashboard need them.
NOT_FOR_LOADS = ["sqlalchemy", "alembic", "pandas", "plotly", "pyarrow", "dash", "airflow"]
RUN_BY_COMMANDS = [
    "command_line.cli",
    "command_line.progress",
    "load.sync",
    "load.directory",
    "load.store",
    "checks.warehouse_checks",
]


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {module_name(path): path for path in sorted((SOURCE / "meterhouse").rglob("*.py"))}


def imported_by(path: Path) -> set[str]:
    """Every name that a file imports, `from a import b` as a and a.b, wherever in the file it stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where an arrow points"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` needs the module; the package's own file only collects names.
            found |= names if names <= set(modules()) else names | {node.module or ""}
    return found


@cache
def arrows() -> dict[str, set[str]]:
    """Which modules of the package each of them imports."""
    known = set(modules())
    return {name: (imported_by(path) & known) - {"meterhouse", name} for name, path in modules().items()}


def reachable(start: str) -> set[str]:
    seen, todo = set(), [start]
    while todo:
        for name in arrows()[todo.pop()] - seen:
            seen.add(name)
            todo.append(name)
    return seen


def foreign(name: str) -> set[str]:
    """The third-party packages that one module imports directly."""
    return {imported.split(".")[0] for imported in imported_by(modules()[name])} - {"meterhouse"}


def loaded_by(names: list[str]) -> set[str]:
    """The top-level packages in memory once these modules of the package are imported, in a process of their own."""
    program = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("meterhouse." + name)
print(*{{module.split(".")[0] for module in sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_walk_finds_what_is_there():
    assert {
        "meterhouse.vendors.openai.rows",
        "meterhouse.vendors.openai.client",
        "meterhouse.local.up",
        "meterhouse.fake_openai.server",
    } <= set(modules())
    assert "meterhouse.money" in arrows()["meterhouse.vendors.openai.rows"]
    assert {"meterhouse.errors", "meterhouse.catalogue.endpoints"} <= reachable("meterhouse.load.chain")
    assert "requests" in foreign("meterhouse.vendors.http_client")


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_reaches_no_network_no_database_and_no_frames(name):
    for module in {f"meterhouse.{name}", *reachable(f"meterhouse.{name}")}:
        assert not foreign(module) & {*HEAVY, "urllib3", "http", "socket", "os", "time"}, module


def test_importing_the_pure_core_loads_none_of_the_heavy_packages():
    assert not loaded_by(PURE) & set(HEAVY)


@pytest.mark.parametrize("name", RUN_BY_COMMANDS)
def test_what_a_load_imports_begins_without_what_only_migrations_and_exports_need(name):
    assert not loaded_by([name]) & set(NOT_FOR_LOADS)


def test_help_begins_without_what_only_a_command_at_work_needs():
    assert not loaded_by(["command_line.cli"]) & {"requests", "psycopg", "msgspec", "rich", "tempfile", "zoneinfo", "mcp"}


def test_those_proofs_can_fail():
    assert "requests" in loaded_by(["vendors.openai.client"])
    assert {"sqlalchemy", "alembic"} <= loaded_by(["warehouse.migrate"])


def test_what_a_purge_empties_is_every_table_whose_rows_name_their_organization():
    names = [f"{schema}.{table}" for schema, table in OF_AN_ORGANIZATION]
    assert len(names) == len(set(names))
    assert set(names) == {table.fullname for table in metadata.sorted_tables if "organization_id" in table.columns}
    # A table that others refer to comes behind them.
    referring = {(one.fullname, key.column.table.fullname) for one in metadata.sorted_tables for key in one.foreign_keys}
    assert all(names.index(one) < names.index(other) for one, other in referring if one in names and other in names)


# What each folder may import; modules in no folder are under "ground". Data falls: nothing climbs back from a fact to a page.
GROUND = {"catalogue"}
FLOOR = GROUND | {"ground"}
ALLOWED = {
    "catalogue": set(),
    "ground": GROUND,
    "vendors": FLOOR,
    "accounting": FLOOR,
    # The words of line items and models are kept with the facts, and views show them.
    "warehouse": FLOOR | {"accounting", "vendors"},
    "load": FLOOR | {"accounting", "vendors", "warehouse"},
    # Files are put into the warehouse by the door that loads use.
    "imports": FLOOR | {"accounting", "vendors", "warehouse", "load"},
    "checks": FLOOR | {"vendors", "warehouse", "load"},
    "export": FLOOR | {"warehouse"},
    "answers": {"ground", "warehouse"},
    "dashboard": FLOOR | {"accounting", "warehouse", "export", "answers"},
    # Questions are asked as those of meterhouse sql.
    "assistant": {"ground", "warehouse", "export"},
    # One of its generators starts a temporary server to read the columns of the views.
    "bi_files": FLOOR | {"accounting", "warehouse", "export", "local"},
    "orchestration": FLOOR | {"load", "checks", "export", "dashboard", "answers"},
    "local": {"ground", "warehouse", "load", "orchestration"},
    "fake_openai": FLOOR | {"vendors"},
    "command_line": FLOOR
    | {"warehouse", "load", "imports", "checks", "export", "dashboard", "assistant", "bi_files", "local", "fake_openai", "orchestration"},
}


def folder(name: str) -> str:
    parts = name.split(".")
    if name == "meterhouse.__main__":
        return "command_line"
    return parts[1] if parts[1] in ALLOWED else "ground"


@cache
def arrows_between_folders() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for name, targets in arrows().items():
        if name != "meterhouse":
            found[folder(name)] |= {folder(target) for target in targets} - {folder(name)}
    return found


@pytest.mark.parametrize("name", ALLOWED)
def test_a_folder_imports_what_it_may(name: str) -> None:
    assert arrows_between_folders()[name] == ALLOWED[name], f"{name}: an arrow that is not allowed, or one that is not needed any more"


def test_the_folders_are_all_there_are() -> None:
    folders = {path.parent.name for path in (SOURCE / "meterhouse").glob("*/__init__.py")}
    assert folders == set(ALLOWED) - {"ground"}


def test_no_allowed_arrow_leads_back() -> None:
    todo, done = dict(ALLOWED), set[str]()
    while todo:
        free = {name for name, targets in todo.items() if targets <= done}
        assert free, f"a circle among {sorted(todo)}"
        done |= free
        todo = {name: targets for name, targets in todo.items() if name not in free}


def test_each_folder_says_in_one_place_what_it_is() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_/]+)/` \| (.+) \|$", page, re.MULTILINE))
    said = {
        path.parent.relative_to(SOURCE / "meterhouse").as_posix(): (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        for path in (SOURCE / "meterhouse").rglob("__init__.py")
        if path.parent != SOURCE / "meterhouse"
    }
    assert rows == {name: " ".join(text.split()) for name, text in said.items()}


def test_nothing_in_the_package_knows_the_dags():
    for path in modules().values():
        assert not any(name == "dags" or name.startswith("dags.") for name in imported_by(path)), path


def test_nothing_of_the_product_depends_on_the_stand_in():
    allowed = ("meterhouse.fake_openai", "meterhouse.local", "meterhouse.command_line", "meterhouse.__main__")
    for name, targets in arrows().items():
        if not name.startswith(allowed):
            assert not {target for target in targets if target.startswith("meterhouse.fake_openai")}, name


def test_no_two_modules_need_each_other():
    for name in modules():
        assert name not in reachable(name), f"{name} is imported by what it imports"


def test_only_the_client_speaks_http_to_the_vendor():
    # Metabase is not a vendor of figures: we send it what to show.
    allowed = (
        "meterhouse.vendors.http_client",
        "meterhouse.vendors.transport",
        "meterhouse.local",
        "meterhouse.fake_openai",
        "meterhouse.bi_files.metabase",
    )
    assert {name for name, targets in arrows().items() if "meterhouse.vendors.transport" in targets} == {"meterhouse.vendors.http_client"}
    for name in modules():
        if not name.startswith(allowed):
            assert not foreign(name) & {"requests", "urllib3", "http", "httpx", "aiohttp"}, name
            assert "urllib.request" not in imported_by(modules()[name]), name


def test_the_figures_of_the_structure_stay_within_their_bounds():
    found = figures(ROOT)
    assert (found["pairs of folders that need each other"], found["cycles of modules"]) == ("0", "0")
    assert int(found["largest module"].split()[0]) <= 350
    assert int(found["longest function"].split()[0]) <= 80
    assert int(found["most complex function"].split()[0]) <= 10


def test_no_file_is_called_utils_or_helpers():
    folders = [SOURCE, ROOT / "dags", ROOT / "migrations", ROOT / "tests", ROOT / "benchmarks"]
    names = {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}
    assert not [path for path in names if path.stem.lower().strip("_") in {"util", "utils", "helper", "helpers", "misc", "common"}]


def test_every_module_says_what_it_is_for():
    silent = [path for path in modules().values() if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


@pytest.mark.parametrize(
    "module", ["meterhouse.warehouse.ownership", "meterhouse.warehouse.table_statistics", "meterhouse.warehouse.migrate"]
)
def test_code_that_goes_through_all_tables_gets_all_of_them(module: str) -> None:
    run = f"from meterhouse.warehouse.columns import metadata; import {module}; assert len(metadata.tables) > 30"
    subprocess.run([sys.executable, "-c", run], check=True)
