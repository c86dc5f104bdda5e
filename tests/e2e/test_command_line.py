"""The command line as people meet it: what each command says of its work, its help, and one line for what it did not find."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conftest import Warehouse
from tests.postgres.fingerprints import places, row_counts
from tests.postgres.loaded_organization import rows

from meterhouse.command_line.cli import COMMANDS
from meterhouse.fake_openai import FakeOrganization, FakeServer

from .command_processes import TODAY, Terminal, api, terminal

__all__ = ["api", "terminal"]  # fixtures, which pytest finds by their names


def test_migrate_needs_the_owner_and_says_what_it_did(terminal: Terminal, empty_database: Warehouse) -> None:
    found, out, err = terminal.run("migrate", WAREHOUSE_URL=empty_database.owner_url)
    assert (found, err) == (0, "")
    assert out.startswith("applied 0001")
    assert terminal.run("migrate", WAREHOUSE_URL=empty_database.owner_url)[1] == "tables and views are up to date\n"
    assert "migrate as meterhouse_owner" in terminal.refused("migrate", WAREHOUSE_URL=empty_database.loader_url)


def test_the_help_of_every_command_works(terminal: Terminal) -> None:
    found, out, err = terminal.run("--help")
    assert (found, err) == (0, "")
    assert all(f"    {command} " in out or f"    {command}\n" in out for command in COMMANDS)
    for command in COMMANDS:
        found, out, err = terminal.run(command, "--help")
        assert (found, err) == (0, "")
        assert f"meterhouse {command}" in out
    assert terminal.run("--version")[0] == 0


def test_a_whole_session_of_plain_lines(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    few = ["completions", "costs", "directory"]
    found, out, err = terminal.run("status")
    assert (found, out, err) == (0, "nothing is loaded yet: run meterhouse sync\n", "")

    found, out, err = terminal.run("sync", "--only", ",".join(few))
    assert found == 0, err
    assert "default/completions/1d: 1 window, 1 page, 21 buckets" in out
    assert "default: names: projects" in out
    # Not on a terminal: plain lines, without bars, colours or carriage returns.
    assert sorted(err.splitlines()) == [
        "default/completions/1d: 1 of 1 window", "default/completions/1h: 3 of 3 windows", "default/costs/1d: 1 of 1 window",
    ]  # fmt: skip
    assert not set(out + err) & {"\x1b", "\r"}

    found, out, _ = terminal.run("status")
    assert found == 0
    assert [line.split()[:4] for line in out.splitlines()[1:]] == [
        ["default", "completions", "1d", "loaded"], ["default", "completions", "1h", "loaded"], ["default", "costs", "1d", "loaded"],
    ]  # fmt: skip
    headings, *lines = (re.split(r"\s{2,}", line) for line in out.splitlines())
    assert headings[4:10] == ["read_at_utc", "loaded_until_utc", "settled_through", "buckets", "settled", "missing"]
    shown = rows(
        warehouse.superuser_url,
        "SELECT last_loaded_at_utc, loaded_until_utc, settled_through_date, bucket_count, settled_bucket_count, missing_bucket_count"
        " FROM bi.freshness ORDER BY organization, endpoint, bucket_width",
    )
    assert [line[4:10] for line in lines] == [[str(cell) for cell in row] for row in shown]
    found, out, err = terminal.run("check")
    assert (found, err) == (0, ""), out
    assert "ok    coverage_gaps: nothing found" in out
    rows(warehouse.superuser_url, "DELETE FROM ops.coverage WHERE endpoint = 'costs' AND bucket_start = now()::date - 3")
    found, out, _ = terminal.run("check")
    assert found == 1
    assert "fail  coverage_gaps: 1 found: default/costs/1d: missing buckets: 1" in out

    out_file = tmp_path / "costs.csv"
    found, out, _ = terminal.run("export", "costs_daily", "--format", "csv", "--out", str(out_file))
    lines = len(out_file.read_text().splitlines()) - 1
    assert (found, out) == (0, f"wrote {lines:,} rows to {out_file}\n")

    found, out, _ = terminal.run(
        "backfill", "--from", str(TODAY - timedelta(days=40)), "--to", str(TODAY - timedelta(days=30)), "--only", "costs"
    )
    assert found == 0
    assert f"coverage of [{TODAY - timedelta(days=40)}, {TODAY - timedelta(days=29)}) in default/costs/1d: 11 loaded\n" in out

    found, out, _ = terminal.run("purge", "--organization", "default")
    assert found == 0
    assert out.startswith("removed default: ")
    assert set(row_counts(warehouse.superuser_url)) <= {"ops.check_results"}


def test_an_endpoint_that_is_not_offered_is_said_and_is_no_failure(terminal: Terminal, warehouse: Warehouse) -> None:
    with FakeServer(FakeOrganization(scale=0.2, absent_endpoints=["decisions"])) as other:
        found, out, err = terminal.run("sync", "--only", "decisions,images", OPENAI_BASE_URL=other.base_url)
        assert found == 0, err
        assert "default/decisions/1d: not offered by this organization" in out
        assert "not offered" in terminal.run("status")[1]


def test_a_load_that_got_nothing_is_not_a_success(terminal: Terminal, warehouse: Warehouse) -> None:
    floor = TODAY - timedelta(days=40)
    offers: dict[str, Any] = {"absent_endpoints": ["decisions"], "history_days": 40}
    with FakeServer(FakeOrganization(scale=0.2, **offers)) as other:
        found, out, err = terminal.run("sync", "--only", "decisions", OPENAI_BASE_URL=other.base_url)
        assert (found, err.splitlines()[-1][:60]) == (2, "meterhouse: nothing was loaded: not offered by this organiza")
        assert "default/decisions/1d: not offered by this organization" in out

        beyond = ["--from", str(TODAY - timedelta(days=90)), "--to", str(TODAY - timedelta(days=80)), "--only", "costs,images"]
        found, out, err = terminal.run("backfill", *beyond, OPENAI_BASE_URL=other.base_url)
        assert found == 2
        assert err.splitlines()[-1] == (
            f"meterhouse: nothing was loaded: the vendor reports nothing before {floor} (default/images/1d, default/costs/1d):"
            " ask for other days or endpoints"
        )
        assert f"default/costs/1d: the vendor reports nothing before {floor}\n" in out
        assert "default/costs/1d: nothing could be loaded" in err
        assert "1 of 1 window" not in err

        partly = ["--from", str(TODAY - timedelta(days=50)), "--to", str(TODAY + timedelta(days=3)), "--only", "costs"]
        found, out, err = terminal.run("backfill", *partly, OPENAI_BASE_URL=other.base_url)
        assert found == 0, err
        assert out.splitlines()[0].endswith(f"; the vendor reports nothing before {floor}")
        assert "10 missing" in out
        assert f"meterhouse: the days after today, {TODAY}, are in the future and left out" in err.splitlines()


def test_a_key_that_may_read_no_list_reads_no_names_and_says_so(terminal: Terminal, api: FakeServer) -> None:
    for _ in range(2):
        api.fail_next(9, status=404, path_contains="/projects")
        api.fail_next(9, status=404, path_contains="/users")
    found, out, err = terminal.run("sync", "--only", "directory")
    # Its spend limits are another list, which it may read.
    names = "default: names: the vendor offers none of the lists\n"
    assert (found, out) == (2, f"{names}default: spend limits: 3 limits at the vendor, changed\n")
    assert err == "meterhouse: no names were read: the vendor offers none of the lists (default)\n"


def test_an_export_says_what_it_did_not_find(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "costs.csv"
    export = ["export", "costs_daily", "--format", "csv", "--out", str(out)]
    assert "nothing is loaded yet: run meterhouse sync first" in terminal.refused(*export, "--where-project", "proj_x")
    assert terminal.run("sync", "--only", "costs,directory")[0] == 0
    (project, name), (other, _), *_ = rows(
        warehouse.reader_url, "SELECT project_id, project_name FROM bi.dim_project WHERE project_id IS NOT NULL ORDER BY 2"
    )
    line = terminal.refused(*export, "--where-project", other, name)
    assert line == f"meterhouse: {name!r} is the name of a project and not its identifier: write --where-project {project}"
    assert f"did you mean {project} ({name})?" in terminal.refused(*export, "--where-project", f"{project}x")
    assert "there is " in terminal.refused(*export, "--where-project", "zzzzzz")
    line = terminal.refused(*export, "--where-organization", "Default")
    assert line == "meterhouse: no organization is called 'Default'; did you mean default?"
    assert not out.exists()

    # A project that exists, and days that were never loaded: the file is there, without a row.
    early = ["--from", str(TODAY - timedelta(days=60)), "--to", str(TODAY - timedelta(days=31))]
    found, told, err = terminal.run(*export, *early, "--where-project", project)
    assert (found, told) == (0, f"wrote 0 rows to {out}\n")
    assert len(out.read_text().splitlines()) == 1
    assert err.splitlines() == [
        "meterhouse: bi.costs_daily has no rows for this",
        f"meterhouse: default: 0 of the 30 days {early[1]} to {early[3]} are loaded of costs",
    ]
    found, _, err = terminal.run(*export, "--from", str(TODAY - timedelta(days=29)))
    assert (found, err) == (0, f"meterhouse: default: 21 of the 30 days {TODAY - timedelta(days=29)} to {TODAY} are loaded of costs\n")
    found, _, err = terminal.run(*export, "--from", str(TODAY - timedelta(days=9)), "--to", str(TODAY + timedelta(days=9)))
    assert (found, err) == (0, "")
    assert "is in the future" in terminal.run(*export, "--from", str(TODAY + timedelta(days=2)))[2]
    usage = ["export", "usage_hourly", "--format", "json", "--out", str(tmp_path / "usage.json")]
    assert "no usage is loaded yet" in terminal.run(*usage, "--to", str(TODAY))[2]


def test_a_report_of_days_that_nobody_loaded_is_not_written(terminal: Terminal, warehouse: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert terminal.run("sync", "--only", "costs")[0] == 0
    first, last = TODAY - timedelta(days=60), TODAY - timedelta(days=31)
    line = terminal.refused("report", "--out", str(out), "--from", str(first), "--to", str(last))
    assert f"nothing is loaded for {first} to {last}" in line
    assert f"meterhouse backfill --from {first} --to {last}" in line
    assert not out.exists()


def test_renaming_an_organization_is_one_command(terminal: Terminal, warehouse: Warehouse) -> None:
    assert terminal.run("sync", "--only", "costs")[0] == 0
    renamed = {"OPENAI_ADMIN_KEY": "", "OPENAI_ADMIN_KEY_ACME": terminal.environment["OPENAI_ADMIN_KEY"]}
    stood = places(warehouse.superuser_url)
    line = terminal.refused("sync", "--only", "costs", **renamed)
    assert "if its label has changed, run meterhouse rename-organization default acme;" in line
    assert places(warehouse.superuser_url) == stood
    assert "METERHOUSE_MIGRATE_URL" in terminal.refused("rename-organization", "default", "acme")
    owner = {"METERHOUSE_MIGRATE_URL": warehouse.owner_url}
    assert "cannot be a label" in terminal.refused("rename-organization", "default", "Acme Inc", **owner)
    for words in ("default is now called acme", "default is already called acme"):
        found, out, err = terminal.run("rename-organization", "default", "acme", **owner)
        assert (found, err) == (0, "")
        assert out.startswith(words)
    assert terminal.run("sync", "--only", "costs", **renamed)[0] == 0
    assert rows(warehouse.reader_url, "SELECT DISTINCT organization FROM bi.costs_daily") == [("acme",)]
