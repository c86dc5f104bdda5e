"""Teams: who sees what of every view, judged by the rows; what else a team's role can reach; and the command that grants it."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import Server, Warehouse

from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration
from meterhouse.load.store import Store
from meterhouse.warehouse.access import grant_team, revoke_team
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.view_reach import REACH, TEAM_VIEW_NAMES, VIEW_NAMES, Reach

from .revisions import before
from .seen_plans import CHOOSING, COLUMNS, NOBODYS, analyzed, plan, plans_at_once
from .teams_of_projects import PASSWORD, SECRETS, Team, everything, filled, mine, nothing, rows, team

__all__ = ["analyzed", "everything", "filled", "mine", "nothing"]  # fixtures, which pytest finds by their names


@pytest.mark.parametrize("view", TEAM_VIEW_NAMES)
def test_the_reader_a_team_with_all_projects_a_team_with_one_and_one_with_none(
    filled: Warehouse, everything: Team, mine: Team, nothing: Team, view: str
) -> None:
    reader = rows(filled.reader_url, f"SELECT * FROM bi.{view}")
    assert reader, "nothing to hide"
    of_all, of_mine, of_none = (one.read(f"SELECT * FROM bi_team.{view}") for one in (everything, mine, nothing))
    if view == "data_dictionary":
        assert {row[0] for row in of_all} == {row[0] for row in of_mine} == {row[0] for row in of_none} == set(TEAM_VIEW_NAMES)
        return
    assert sorted(map(repr, of_all)) == sorted(map(repr, reader)), "a team with all projects sees what the reader sees"
    match REACH[view]:
        case Reach.EVERYTHING:
            assert of_mine == reader
            assert of_none, "the calendar, of this year and the next"
        case Reach.ORGANIZATION:
            assert 0 < len(of_mine) < len(reader)
            assert of_none == []
        case _:
            assert 0 < len(of_mine) < len(reader)
            assert [row for row in of_none if "(none)" not in map(str, row)] == []
    for strangers in ("yours", "theirs", "other", "of nobody"):
        assert strangers not in repr(of_mine), f"a word of {strangers}"
    # List prices are everybody's.
    own = [row for row in of_mine if not (view == "prices" and row[1].startswith("list"))]
    # The quantity of every project's costs, as FOCUS counts it, and its unit of prices.
    same_for_all = {"1000000"} if view == "focus_costs" else set()
    for figure in set(re.findall(r"\d{7,}", repr(own))) - same_for_all:
        assert int(figure) % SECRETS["mine"] == 0, "a figure that is not of the team's project, or of more than it"


def test_shares_and_months_are_of_what_the_team_sees(mine: Team, everything: Team) -> None:
    query = "SELECT cost, share_of_month FROM bi_team.spend_by_project_month WHERE project_id = 'proj_mine'"
    ((cost, share),) = mine.read(query)
    ((cost_of_all, share_of_all),) = everything.read(query)
    assert cost == cost_of_all
    assert share == 1
    assert 0 < share_of_all < 1


def test_a_team_can_select_from_no_relation_but_its_views_and_the_catalogue(filled: Warehouse, mine: Team) -> None:
    reach = rows(
        filled.superuser_url,
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND has_schema_privilege('{mine.login}', n.oid, 'USAGE')"
        f" AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('{mine.login}', c.oid, 'USAGE, SELECT, UPDATE') ELSE"
        f" has_table_privilege('{mine.login}', c.oid, 'SELECT') OR has_any_column_privilege('{mine.login}', c.oid, 'SELECT') END"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    )
    assert set(reach) == {("bi_team", name) for name in TEAM_VIEW_NAMES}
    for schema, name in [
        *(("bi", name) for name in VIEW_NAMES),
        ("warehouse", "team_scope"),
        ("ops", "team_access"),
        ("bi_team", "checks"),
    ]:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
            mine.read(f"SELECT * FROM {schema}.{name} LIMIT 1")


def test_a_view_that_somebody_adds_to_the_teams_schema_is_not_open_to_them(filled: Warehouse, mine: Team) -> None:
    with psycopg.connect(filled.owner_url, autocommit=True) as owner:
        owner.execute("CREATE VIEW bi_team.of_somebody AS SELECT * FROM bi.costs_daily")
        try:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                mine.read("SELECT * FROM bi_team.of_somebody")
        finally:
            owner.execute("DROP VIEW bi_team.of_somebody")


@pytest.mark.parametrize(
    ("view", "figure"),
    [
        ("costs_daily", "cost"),
        ("fact_costs_daily", "cost"),
        ("usage_daily", "input_tokens"),
        ("usage_hourly", "input_tokens"),
        ("revisions", "new_value"),
    ],
)
def test_a_condition_that_fails_on_a_certain_figure_does_not_show_whether_a_hidden_row_has_it(mine: Team, view: str, figure: str) -> None:
    def guess(number: int, setting: str) -> str:
        with psycopg.connect(mine.url, autocommit=True) as connection:
            connection.execute(setting.encode())
            try:
                connection.execute(f"SELECT {figure} FROM bi_team.{view} WHERE 1 / ({figure} - {number}) IS NOT NULL".encode())
            except psycopg.errors.DivisionByZero:
                return "there is such a row"
        return ""

    for setting in ("RESET ALL", "SET enable_hashjoin = off; SET enable_mergejoin = off", "SET enable_nestloop = off"):
        assert guess(SECRETS["mine"], setting), "otherwise this test would show nothing"
        for name in ("yours", "theirs"):
            assert not guess(SECRETS[name], setting), name


@pytest.mark.parametrize(
    "view",
    [
        name if name in {"usage_daily", "costs_daily", "fact_usage_daily"} else pytest.param(name, marks=pytest.mark.soak)
        for name in TEAM_VIEW_NAMES
        if REACH[name] is not Reach.EVERYTHING
    ],
)
def test_explain_does_not_show_which_values_other_peoples_projects_have(analyzed: Warehouse, mine: Team, view: str) -> None:
    """The plan for a value that only another project has is the plan for a value that nobody has, and so are the rows it passes over."""
    tried: set[str] = set()
    for column, kind in rows(analyzed.owner_url, COLUMNS.format(f"bi_team.{view}")):
        if column in CHOOSING:
            continue
        query = f"SELECT DISTINCT {column}::text FROM {{}}.{view} WHERE {column} IS NOT NULL ORDER BY 1 DESC"
        own = {value for (value,) in mine.read(query.format("bi_team"))}
        theirs = [value for (value,) in rows(analyzed.reader_url, query.format("bi")) if value not in own]
        nobodys = NOBODYS.get(kind, "of-nobody" if kind.startswith("character") else "-17")
        for value in theirs[:1]:
            tried.add(kind.partition("(")[0])
            for options in ("ANALYZE OFF", "ANALYZE, TIMING OFF, BUFFERS OFF"):
                found, expected = plans_at_once(mine, f"bi_team.{view}", column, (value, nobodys), options)
                assert found == expected, (column, value, options)
    assert tried


def test_explain_would_tell_it_of_columns_that_are_not_hidden(analyzed: Warehouse, mine: Team) -> None:
    """Otherwise the test above would show nothing."""
    with psycopg.connect(analyzed.owner_url, autocommit=True) as owner:
        owner.execute("CREATE VIEW warehouse.unhidden WITH (security_barrier = true) AS SELECT * FROM warehouse.team_dim_group")
        try:
            owner.execute(f"GRANT USAGE ON SCHEMA warehouse TO {mine.role}; GRANT SELECT ON warehouse.unhidden TO {mine.role}".encode())
            for options in ("ANALYZE OFF", "ANALYZE, TIMING OFF, BUFFERS OFF"):
                theirs, nobodys = (
                    plan(mine, "warehouse.unhidden", f"project_id = '{one}'", options) for one in ("proj_yours", "of-nobody")
                )
                assert theirs != nobodys
        finally:
            owner.execute(f"DROP VIEW warehouse.unhidden; REVOKE USAGE ON SCHEMA warehouse FROM {mine.role}".encode())


def test_what_a_team_may_do_is_read(mine: Team) -> None:
    for statement in (
        "INSERT INTO bi_team.dim_organization VALUES ('x')",
        "UPDATE bi_team.dim_organization SET vendor = 'x'",
        "DELETE FROM bi_team.coverage",
        f"INSERT INTO ops.team_access (role_name, organization) VALUES ('{mine.login}', 'acme')",
        "CREATE VIEW bi_team.mine AS SELECT 1 AS one",
        "CREATE TABLE public.mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "SET ROLE meterhouse_reader",
        "SET ROLE meterhouse_owner",
        "SET SESSION AUTHORIZATION meterhouse_owner",
        "GRANT meterhouse_reader TO CURRENT_USER",
    ):
        with pytest.raises(psycopg.Error):
            mine.read(statement)


def test_the_loader_neither_reads_nor_changes_who_sees_what(filled: Warehouse) -> None:
    with Store(filled.loader_url) as store:
        for statement in ("SELECT * FROM ops.team_access", "DELETE FROM ops.team_access", "INSERT INTO ops.team_access VALUES ('a', 'b')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                store.connection.execute(statement.encode())


def test_somebody_in_two_teams_sees_both_and_as_one_of_them_only_its_own(server: Server, filled: Warehouse, mine: Team) -> None:
    with team(server, filled, ["proj_yours"]) as yours:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("GRANT {} TO {}").format(Identifier(mine.role), Identifier(yours.login)))
        names = "SELECT DISTINCT project_id FROM bi_team.costs_daily ORDER BY 1"
        assert yours.read(names) == [("proj_mine",), ("proj_yours",)]
        with psycopg.connect(yours.url, autocommit=True) as connection:
            connection.execute(SQL("SET ROLE {}").format(Identifier(yours.role)))
            assert connection.execute(names.encode()).fetchall() == [("proj_yours",)]


def test_a_membership_that_is_not_inherited_shows_its_projects_only_after_set_role(server: Server, filled: Warehouse, mine: Team) -> None:
    with team(server, filled, ["proj_yours"]) as yours, psycopg.connect(server.url(), autocommit=True) as superuser:
        if superuser.info.server_version < 160000:
            pytest.skip("PostgreSQL 15 inherits all memberships of a role or none")
        superuser.execute(SQL("GRANT {} TO {} WITH INHERIT FALSE").format(Identifier(mine.role), Identifier(yours.login)))
        names = "SELECT DISTINCT project_id FROM bi_team.costs_daily ORDER BY 1"
        assert yours.read(names) == [("proj_yours",)]
        with psycopg.connect(yours.url, autocommit=True) as connection:
            connection.execute(SQL("SET ROLE {}").format(Identifier(mine.role)))
            assert connection.execute(names.encode()).fetchall() == [("proj_mine",)]


def test_granting_again_changes_nothing_another_list_replaces_the_first_and_a_migration_keeps_it(server: Server, filled: Warehouse) -> None:
    access = "SELECT organization, project_id FROM ops.team_access WHERE role_name = '{}' ORDER BY 1, 2"
    names = "SELECT project_id FROM bi_team.dim_project WHERE project_id IS NOT NULL ORDER BY 1"
    with team(server, filled, ["proj_mine"]) as made:
        grants = "SELECT datacl::text FROM pg_database WHERE datname = current_database()"
        before = rows(filled.superuser_url, grants)
        assert grant_team(filled.owner_url, made.role, ["proj_mine", "proj_mine"], "acme") == made.said
        assert rows(filled.owner_url, access.format(made.role)) == [("acme", "proj_mine")]
        assert rows(filled.superuser_url, grants) == before
        grant_team(filled.owner_url, made.role, ["proj_yours"], "acme")
        assert made.read(names) == [("proj_yours",)]
        grant_team(filled.owner_url, made.role, ["proj_theirs"], "other")
        assert made.read(names) == [("proj_theirs",), ("proj_yours",)]
        assert migrate(filled.owner_url) == []
        assert made.read(names) == [("proj_theirs",), ("proj_yours",)]
        assert "no longer has access to acme; its access to projects of other stays" in revoke_team(filled.owner_url, made.role, "acme")[0]
        assert made.read(names) == [("proj_theirs",)]
        revoke_team(filled.owner_url, made.role)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            made.read(names)
        with pytest.raises(FixConfiguration, match="has no access that could be taken away"):
            revoke_team(filled.owner_url, made.role)


def test_a_role_that_was_dropped_takes_nobody_elses_views_away(server: Server, filled: Warehouse, mine: Team) -> None:
    with team(server, filled, ["proj_yours"]):
        pass
    assert mine.read("SELECT count(*) > 0 FROM bi_team.costs_daily") == [(True,)]


@pytest.mark.parametrize(
    ("role", "projects", "organization", "words"),
    [
        ("team_x", ["proj_nobody"], "acme", r"acme has no project proj_nobody; it has proj_mine \(Project mine\), proj_yours"),
        ("team_x", ["proj_theirs"], "acme", "acme has no project proj_theirs"),
        ("team_x", ["all", "proj_mine"], "acme", "acme has no project all"),
        ("team_x", [], "acme", "--projects is empty"),
        ("team_x", ["proj_mine"], None, "several organizations are loaded: name one with --organization, out of acme, other"),
        ("team_x", ["proj_mine"], "nobody", "no organization is called 'nobody'; loaded are: acme, other"),
        ("meterhouse_reader", ["proj_mine"], "acme", "cannot be a team's role"),
        ("pg_read_all_data", ["proj_mine"], "acme", "cannot be a team's role"),
        ('x"; DROP', ["proj_mine"], "acme", "cannot be a team's role"),
        ("of_the_readers", ["proj_mine"], "acme", "may read schema bi, and so sees every project already"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_and_changes_nothing(
    server: Server, filled: Warehouse, role: str, projects: list[str], organization: str | None, words: str
) -> None:
    state = "SELECT (SELECT count(*) FROM ops.team_access), (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_auth_members)"
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE of_the_readers IN ROLE meterhouse_reader")
        try:
            before = rows(filled.superuser_url, state)
            with pytest.raises(FixConfiguration, match=words) as refused:
                grant_team(filled.owner_url, role, projects, organization)
            assert "\n" not in str(refused.value)
            assert rows(filled.superuser_url, state) == before
        finally:
            superuser.execute("DROP ROLE of_the_readers")


def test_the_page_says_of_every_view_what_a_team_sees() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bi" / "access.md").read_text()
    shown = re.findall(r"^\| `([a-z_]+)` \| ([a-z][^|]*?) \|$", page.partition("| view | a team sees |")[2], re.MULTILINE)
    assert shown == [(name, reach.value) for name, reach in REACH.items()]


def test_the_connection_kit_of_the_page_gives_a_login_its_schema_its_clock_and_its_limits(server: Server, filled: Warehouse) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bi" / "access.md").read_text()
    (kit,) = [block for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) if "ALTER ROLE" in block]
    with team(server, filled, ["proj_mine"]) as made:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(kit.replace("anna", made.login).encode())
            limit = superuser.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [made.login]).fetchone()
        assert limit == (20,)
        assert made.read("SELECT DISTINCT project_id FROM costs_daily") == [("proj_mine",)], "without naming the schema"
        assert made.read("SHOW timezone") == [("UTC",)]
        assert made.read("SHOW idle_in_transaction_session_timeout") == [("1min",)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            made.read("CREATE TABLE bi_team.mine (a int)")
        with pytest.raises(psycopg.errors.QueryCanceled):
            made.read("SET statement_timeout = '50ms'; SELECT pg_sleep(5)")
        assert made.read("SHOW statement_timeout") == [("2min",)]


@pytest.mark.parametrize("who", ["loader_url", "reader_url"])
def test_only_the_owner_grants(filled: Warehouse, who: str) -> None:
    with pytest.raises(FixConfiguration, match="name the warehouse's owner in METERHOUSE_MIGRATE_URL"):
        grant_team(getattr(filled, who), "team_x", ["proj_mine"], "acme")


def test_an_empty_warehouse_and_an_older_one_say_what_to_do_first(warehouse: Warehouse) -> None:
    with pytest.raises(FixConfiguration, match="nothing is loaded yet: run meterhouse sync first"):
        grant_team(warehouse.owner_url, "team_x", ["all"])
    migrate(warehouse.owner_url, before("team_access"))
    with pytest.raises(FixConfiguration, match="run meterhouse migrate"):
        grant_team(warehouse.owner_url, "team_x", ["all"])


def test_the_command_says_who_sees_what_and_how_to_let_people_in(
    server: Server, filled: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setenv("METERHOUSE_MIGRATE_URL", filled.owner_url)
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    role = f"team_{uuid4().hex[:8]}"
    try:
        assert main(["grant-team", role, "--projects", "proj_yours, proj_mine", "--organization", "acme"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"{role} sees proj_yours (Project yours), proj_mine (Project mine) of acme, in schema bi_team"
        statement = second.partition(" with: ")[2].replace("somebody", f"person_of_{role}").replace("'...'", f"'{PASSWORD}'")
        with psycopg.connect(filled.owner_url, autocommit=True) as owner:
            owner.execute(statement.encode())
        person = server.url(filled.superuser_url.rpartition("/")[2], f"person_of_{role}", PASSWORD)
        assert rows(person, "SELECT count(DISTINCT project_id) FROM bi_team.costs_daily") == [(2,)]
        assert main(["grant-team", role, "--revoke"]) == 0
        assert capsys.readouterr().out == f"{role} no longer has access to anything; the role and its members stay\n"
        assert main(["grant-team", role, "--projects", "proj_x", "--organization", "acme"]) == 2
        assert capsys.readouterr().err.startswith("meterhouse: acme has no project proj_x")
        with pytest.raises(SystemExit):
            main(["grant-team", role, "--revoke", "--projects", "proj_mine"])
    finally:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("DROP ROLE IF EXISTS {}, {}").format(Identifier(f"person_of_{role}"), Identifier(role)))
