"""The guides of docs/bi, followed word by word on a server that knows nothing but the warehouse's owner, after one `meterhouse migrate`.

Whatever is in a fenced block is run, or named here with the test that runs it.
"""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.docs.markdown import blocks
from tests.postgres.loaded_organization import rows
from tests.postgres.restored_warehouse import other_server

from meterhouse.command_line.cli import main

from .test_driver_odbc import DRIVERS
from .test_grafana import expanded

FOLDER = Path(__file__).parents[2] / "docs" / "bi"
# The cookbook has a test of its own.
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "cookbook")
CHECKOUT = FOLDER.parents[1]
# Needs a server or a program of somebody else's; test_metabase_provisioning, test_superset_live and test_dbt run these.
ELSEWHERE = (
    "grep -E '^METERHOUSE_METABASE",
    "export METERHOUSE_METABASE",
    "superset import-dashboards",
    "uv venv ",
    "export METERHOUSE_WAREHOUSE",
)
LOGIN = re.compile(r"`?meterhouse create-reader (\w+)`?")


@dataclass(frozen=True)
class Fresh:
    """The addresses of the warehouse as its owner, and of every login that the guides make."""

    owner_url: str
    logins: dict[str, str]
    place: str

    def as_(self, login: str) -> str:
        return f"postgresql://{login}:{self.logins[login]}@{self.place}"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """A warehouse that was migrated, with two projects, and the logins that the guides name, made by their own command."""
    names = sorted({name for page in PAGES for name in LOGIN.findall(page.read_text())})
    with other_server() as (warehouse, _), pytest.MonkeyPatch.context() as patch:
        patch.setenv("METERHOUSE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("METERHOUSE_MIGRATE_URL", warehouse.owner_url)
        patch.delenv("METERHOUSE_READER_PASSWORD", raising=False)
        assert main(["migrate"]) == 0
        rows(
            warehouse.owner_url,
            "INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai');"
            " INSERT INTO warehouse.dim_project (organization_id, project_id, project_name, valid_from)"
            " VALUES (1, 'proj_abc', 'A', now()), (1, 'proj_def', 'B', now())",
        )
        logins = {}
        for name in names:
            patch.setenv("METERHOUSE_READER_PASSWORD", f"password-of-{name}")
            assert main(["create-reader", name]) == 0
            logins[name] = f"password-of-{name}"
        patch.delenv("METERHOUSE_READER_PASSWORD")
        yield Fresh(warehouse.owner_url, logins, warehouse.owner_url.rpartition("@")[2])


def fenced(page: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block, in order; one inside a list is set in."""
    return [(language, text.strip()) for language, text in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)]


def login_of(page: str) -> str:
    """The login that a page makes."""
    return (LOGIN.findall(page) or ["analyst"])[0]


def test_every_guide_makes_the_login_that_it_uses() -> None:
    for path in PAGES:
        page = path.read_text()
        assert LOGIN.findall(page), path.name
        assert "a member of `meterhouse_reader`," not in page or path.stem == "access"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_its_sql_is_run_by_the_login_that_it_makes(fresh: Fresh, path: Path) -> None:
    page = path.read_text()
    if path.stem == "access":
        pytest.skip("the next test runs it as the owner")
    for sql in blocks(page.replace("\n   ```", "\n```"), "sql"):
        asked = re.sub(r"@DS_(?:START|END)_DATE", "'20261001'", sql)
        asked = re.sub(r"\{\{ source\('meterhouse', '(\w+)'\) \}\}", r"bi.\1", asked)
        found = rows(fresh.as_(login_of(page)), expanded(asked, []))
        assert found == []


def test_the_page_on_access_is_followed_from_a_team_to_the_settings_of_its_member(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (FOLDER / "access.md").read_text()
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", fresh.owner_url)
    for language, text in fenced(page):
        if language == "sql":
            rows(fresh.owner_url, text.replace("'...'", "'anna-of-a-test'"))
        else:
            assert main(shlex.split(text)[1:]) == 0, text
    assert "team_support sees proj_abc (A), proj_def (B) of acme" in capsys.readouterr().out
    anna = f"postgresql://anna:anna-of-a-test@{fresh.place}"
    assert rows(anna, "SELECT project_id FROM dim_project WHERE project_id IS NOT NULL ORDER BY 1") == [("proj_abc",), ("proj_def",)]
    assert rows(anna, "SHOW default_transaction_read_only") == [("on",)]
    # The kit is what create-reader gives a login.
    kit = "SELECT rolconnlimit, (SELECT array_agg(s ORDER BY s) FROM unnest(rolconfig) s WHERE s NOT LIKE 'search_path=%%') FROM pg_roles"
    assert rows(fresh.owner_url, f"{kit} WHERE rolname = 'anna'") == rows(fresh.owner_url, f"{kit} WHERE rolname = 'analyst'")


@pytest.mark.parametrize("path", [path for path in PAGES if path.stem != "access"], ids=lambda path: path.stem)
def test_its_commands_do_what_it_says(fresh: Fresh, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = path.read_text()
    host, _, rest = fresh.place.partition(":")
    port, _, database = rest.partition("/")
    placed = (
        page.replace("db.example.com:5432/warehouse", fresh.place)
        .replace("--server db.example.com --port 5432 --database warehouse", f"--server {host} --port {port} --database {database}")
        .replace("/etc/grafana", str(tmp_path / "grafana"))
    )
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", fresh.owner_url)
    monkeypatch.setenv("WAREHOUSE_URL", fresh.as_(login_of(page)))
    monkeypatch.chdir(tmp_path)
    for folder in ("datasources", "dashboards"):
        (tmp_path / "grafana" / "provisioning" / folder).mkdir(parents=True)
    (tmp_path / "bi").symlink_to(CHECKOUT / "bi")
    for language, text in fenced(placed):
        if language or text.startswith(ELSEWHERE):
            continue
        if text.startswith(("METERHOUSE_WAREHOUSE_HOST=", "Driver=", "hostssl ", "jdbc:")):
            continue  # the tests below
        for line in text.splitlines():
            words = shlex.split(line)
            if words[0] == "meterhouse":
                assert main(words[1:]) == 0, line
            else:
                command = [sys.executable, *words[1:]] if words[0] == "python" else words
                assert command[0] in {sys.executable, "cp", "mkdir"}, line
                done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
                assert done.returncode == 0, f"{line}: {done.stderr}"
    for written in re.findall(r"--(?:out|zip) (\S+)", "\n".join(text for _, text in fenced(placed))):
        assert (tmp_path / written).exists(), written
    login = login_of(page)
    assert all(login in text.read_text() for text in tmp_path.glob("tableau/*.tds"))


def test_grafanas_variables_are_a_session_of_the_login(fresh: Fresh) -> None:
    page = (FOLDER / "grafana.md").read_text()
    ((_, text),) = [block for block in fenced(page) if block[1].startswith("METERHOUSE_WAREHOUSE_HOST=")]
    given = dict(line.split("=", 1) for line in text.splitlines())
    place = psycopg.conninfo.conninfo_to_dict(fresh.owner_url)
    given |= {
        "METERHOUSE_WAREHOUSE_HOST": str(place["host"]),
        "METERHOUSE_WAREHOUSE_PORT": str(place["port"]),
        "METERHOUSE_WAREHOUSE_DATABASE": str(place["dbname"]),
        "METERHOUSE_WAREHOUSE_SSLMODE": "prefer",
        "METERHOUSE_READER_PASSWORD": fresh.logins[given["METERHOUSE_READER_USER"]],
    }
    source = (CHECKOUT / "bi" / "grafana" / "provisioning" / "datasources" / "meterhouse.yaml").read_text()
    filled = re.sub(r"\$(METERHOUSE_\w+)", lambda found: given[found[1]], source)
    found = {key: re.findall(rf"^ *{key}: (.+)$", filled, re.MULTILINE)[0] for key in ("url", "user", "password", "database", "sslmode")}
    host, port = found["url"].split(":")
    with psycopg.connect(
        host=host, port=port, user=found["user"], password=found["password"], dbname=found["database"], sslmode=found["sslmode"]
    ) as connection:
        assert connection.execute("SELECT count(*) FROM bi.costs_daily").fetchone() == (0,)


@pytest.mark.skipif(not DRIVERS, reason="no psqlODBC: apt-get install odbc-postgresql unixodbc")
def test_excels_connection_string_is_a_session_of_the_login(fresh: Fresh) -> None:
    page = (FOLDER / "excel.md").read_text()
    ((_, text),) = [block for block in fenced(page) if block[1].startswith("Driver=")]
    place = psycopg.conninfo.conninfo_to_dict(fresh.owner_url)
    text = text.replace("{PostgreSQL Unicode}", str(DRIVERS[0])).replace("db.example.com", str(place["host"]))
    text = text.replace("Port=5432", f"Port={place['port']}").replace("Database=warehouse", f"Database={place['dbname']}")
    pyodbc = importlib.import_module("pyodbc")
    pyodbc.pooling = False
    login = login_of(page)
    with pyodbc.connect(f"{text};UID={login};PWD={fresh.logins[login]}", autocommit=True) as connection:
        assert tuple(connection.execute("SELECT current_user, count(*) FROM bi.costs_daily").fetchone()) == (login, 0)


def test_metabases_address_and_lookers_are_those_of_their_logins(fresh: Fresh) -> None:
    metabase = (FOLDER / "metabase.md").read_text()
    (url,) = re.findall(r"METERHOUSE_READER_URL=(\S+)\?", metabase)
    placed = url.replace("...", fresh.logins["metabase"]).replace("db.example.com:5432/warehouse", fresh.place)
    assert rows(placed, "SELECT current_user::text") == [("metabase",)]
    looker = (FOLDER / "looker-studio.md").read_text()
    (jdbc,) = re.findall(r"^jdbc:postgresql://db.example.com:5432/warehouse\?currentSchema=(\w+)$", looker, re.MULTILINE)
    assert rows(fresh.as_("looker"), "SHOW search_path") == [(jdbc,)]
