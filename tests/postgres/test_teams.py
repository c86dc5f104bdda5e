"""Teams: who sees what of every view, judged by the rows; what else a team's role can reach; and the command that grants it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import Server, Warehouse

from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration
from meterhouse.load.store import Store
from meterhouse.local.roles import give_login
from meterhouse.warehouse.access import grant_team, revoke_team
from meterhouse.warehouse.allocation import allocate
from meterhouse.warehouse.changes import compare_costs
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.rollups import fill
from meterhouse.warehouse.table_statistics import gather
from meterhouse.warehouse.view_reach import REACH, TEAM_VIEW_NAMES, VIEW_NAMES, Reach

from .loaded_organization import fresh_warehouse
from .revisions import before

PASSWORD = "of-a-team-in-a-test"
# Everything of a project has its letter in every name; no row of the one may show a word of another.
PROJECTS = {"mine": "acme", "yours": "acme", "theirs": "other"}
FILL = """
INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai'), ('other', 'openai');
SELECT warehouse.ensure_partition(t, '2026-11-01') FROM unnest(ARRAY['costs', 'costs_by_user', 'usage_completions']) t;
INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width, loaded_from, watermark, updated_at)
    SELECT o, e, w, '2026-11-01Z', '2026-11-04Z', now() FROM unnest(ARRAY[1, 2]) o,
        (VALUES ('costs', 1440), ('costs_by_user', 1440), ('completions', 1440), ('completions', 60), ('completions', 1)) v (e, w);
INSERT INTO ops.coverage
    SELECT w.organization_id, w.endpoint, w.bucket_width, b, b, b + make_interval(mins => w.bucket_width), true, 3, '', now(), 'settled'
    FROM ops.watermarks w, unnest(ARRAY['2026-11-01Z', '2026-11-02Z', '2026-11-03Z']::timestamptz[]) b;
INSERT INTO ops.coverage
    SELECT o, 'costs', 1440, b, b, b + interval '1 day', true, 0, '', now(), 'settled'
    FROM unnest(ARRAY[1, 2]) o, generate_series('2026-10-01Z'::timestamptz, '2026-10-31Z', '24 hours') b;
INSERT INTO ops.capabilities VALUES (1, 'decisions', 'endpoint', false, NULL, now()), (2, 'decisions', 'endpoint', false, NULL, now());
INSERT INTO ops.check_results (check_name, severity, is_ok, findings, detail, checked_at)
    VALUES ('c', 'fail', false, 1, 'proj_yours', now());
INSERT INTO warehouse.dim_line_item (line_item) VALUES ('of nobody');
INSERT INTO warehouse.dim_cost_group (organization_id, line_item, currency) VALUES (1, 'of nobody', 'usd');
INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount)
    SELECT '2026-11-01Z', 1440, group_id, 11000003 FROM warehouse.dim_cost_group;
INSERT INTO warehouse.dim_cost_by_user_group (organization_id, line_item, currency) VALUES (1, 'of nobody', 'usd');
INSERT INTO warehouse.costs_by_user (bucket_start, bucket_width, group_id, amount)
    SELECT '2026-11-01Z', 1440, group_id, 11000003 FROM warehouse.dim_cost_by_user_group;
INSERT INTO warehouse.exchange_rates (rate_date, from_currency, to_currency, rate) VALUES ('2026-11-01', 'usd', 'eur', 1);
INSERT INTO warehouse.dim_group (organization_id, endpoint) VALUES (1, 'completions');
INSERT INTO warehouse.usage_completions (bucket_start, bucket_width, group_id, input_tokens)
    SELECT '2026-11-01Z', w, group_id, 11000003 FROM warehouse.dim_group, unnest(ARRAY[1440, 60, 1]) w;
"""
FILL_PROJECT = """
INSERT INTO warehouse.dim_project (organization_id, project_id, project_name, valid_from)
    VALUES (%(org)s, 'proj_' || %(name)s, 'Project ' || %(name)s, '2026-01-01');
INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_email, user_kind, valid_from)
    VALUES (%(org)s, 'user_' || %(name)s, 'User ' || %(name)s, %(name)s || '@example.com', 'user', '2026-01-01');
INSERT INTO warehouse.dim_user (organization_id, user_id, user_name, user_kind, project_id, valid_from)
    VALUES (%(org)s, 'svc_' || %(name)s, 'Service ' || %(name)s, 'service_account', 'proj_' || %(name)s, '2026-01-01');
INSERT INTO warehouse.dim_api_key (organization_id, api_key_id, api_key_name, project_id, owner_name, valid_from)
    VALUES (%(org)s, 'key_' || %(name)s, 'Key ' || %(name)s, 'proj_' || %(name)s, 'User ' || %(name)s, '2026-01-01');
INSERT INTO warehouse.dim_model VALUES ('gpt-' || %(name)s, 'gpt-' || %(name)s);
INSERT INTO warehouse.dim_line_item (line_item, model, direction, quantity_unit)
    VALUES ('gpt-' || %(name)s || ', input', 'gpt-' || %(name)s, 'input', 'tokens');
INSERT INTO warehouse.contract_price (organization_id, line_item, model, is_batch, direction, unit, subject, price_class, price, currency,
    valid_from, source)
    VALUES (%(org)s, 'gpt-' || %(name)s || ', input', 'gpt-' || %(name)s, false, 'input', 'million tokens', 'gpt-' || %(name)s,
        'input_text', 2 * %(secret)s::bigint, 'usd', '2026-01-01', 'contract.csv');
INSERT INTO warehouse.dim_group (organization_id, endpoint, project_id, user_id, api_key_id, model)
    VALUES (%(org)s, 'completions', 'proj_' || %(name)s, 'user_' || %(name)s, 'key_' || %(name)s, 'gpt-' || %(name)s);
INSERT INTO warehouse.dim_cost_group (organization_id, project_id, api_key_id, line_item, currency)
    VALUES (%(org)s, 'proj_' || %(name)s, 'key_' || %(name)s, 'gpt-' || %(name)s || ', input', 'usd');
INSERT INTO warehouse.usage_completions (bucket_start, bucket_width, group_id, input_tokens, output_tokens, num_model_requests)
    SELECT b, w, max(g.group_id), %(secret)s, %(secret)s, 1
    FROM warehouse.dim_group g, unnest(ARRAY['2026-11-01Z', '2026-11-03Z']::timestamptz[]) b,
        unnest(ARRAY[1440, 60, 1]) w GROUP BY b, w;
INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount, quantity, quantity_unit)
    SELECT b, 1440, max(g.group_id), %(secret)s, 1000, '1000_tokens' FROM warehouse.dim_cost_group g,
        unnest(ARRAY['2026-11-01Z', '2026-11-03Z']::timestamptz[]) b GROUP BY b;
INSERT INTO warehouse.dim_cost_by_user_group (organization_id, project_id, user_id, api_key_id, line_item, currency)
    VALUES (%(org)s, 'proj_' || %(name)s, 'user_' || %(name)s, 'key_' || %(name)s, 'gpt-' || %(name)s || ', input', 'usd');
INSERT INTO warehouse.costs_by_user (bucket_start, bucket_width, group_id, amount)
    SELECT b, 1440, max(g.group_id), %(secret)s FROM warehouse.dim_cost_by_user_group g,
        unnest(ARRAY['2026-11-01Z', '2026-11-03Z']::timestamptz[]) b GROUP BY b;
INSERT INTO warehouse.cost_corrections (organization_id, usage_date, project_id, line_item, currency, amount, seen_at)
    VALUES (%(org)s, '2026-11-01', 'proj_' || %(name)s, 'gpt-' || %(name)s || ', input', 'usd', %(secret)s, now());
INSERT INTO warehouse.owner_assignments (organization_id, kind, value, team)
    VALUES (%(org)s, 'project', 'proj_' || %(name)s, 'Team ' || %(name)s);
INSERT INTO warehouse.cost_forecasts (organization_id, month_start, series_kind, series_key, project_id, currency, as_of_date, days_left,
    billed_cost, forecast_rest_cost, expected_cost, low_cost, high_cost, model, origins, forecast_at)
    SELECT %(org)s, '2026-10-01', k, v, p, 'usd', '2026-10-15', 16, 0, %(secret)s, %(secret)s, %(secret)s, %(secret)s, 'weekday', 12, now()
    FROM (VALUES ('project', 'proj_' || %(name)s, 'proj_' || %(name)s), ('team', 'Team ' || %(name)s, NULL)) w (k, v, p);
INSERT INTO warehouse.cost_anomalies (organization_id, usage_date, series_kind, series_key, project_id, currency, kind, actual_cost,
    expected_cost, low_cost, high_cost, z_score, reason, explained_kind, explained_key, state, first_seen_at, judged_at)
    SELECT %(org)s, '2026-11-01', k, v, 'proj_' || %(name)s, 'usd', 'spike', %(secret)s, 0, 0, 0, 9, 'odd', e, x || %(name)s, 'new',
        '2026-11-02Z', '2026-11-02Z'
    FROM (VALUES ('project', 'proj_' || %(name)s, 'api_key', 'key_'), ('api_key', 'key_' || %(name)s, NULL, NULL)) w (k, v, e, x);
INSERT INTO warehouse.planned_activity (organization_id, series_kind, series_key, first_date, last_date, note)
    VALUES (%(org)s, 'project', 'proj_' || %(name)s, '2026-11-01', '2026-11-02', 'Plan of ' || %(name)s);
INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values, new_values)
    SELECT %(org)s, e, 1440, '2026-11-01Z', i, 'changed', true,
        jsonb_build_object('amount', 2 * %(secret)s::bigint, 'input_tokens', 2 * %(secret)s::bigint),
        jsonb_build_object('amount', %(secret)s::int, 'input_tokens', %(secret)s::int)
    FROM (SELECT 'costs', max(group_id) FROM warehouse.dim_cost_group UNION
        SELECT 'costs_by_user', max(group_id) FROM warehouse.dim_cost_by_user_group UNION
        SELECT 'completions', max(group_id) FROM warehouse.dim_group)
        v (e, i);
"""
# Figures that tell whose they are, in a sum as well.
SECRETS = {"mine": 7_000_000, "yours": 900_000_000, "theirs": 2_000_000_000}


@pytest.fixture(scope="module")
def filled(server: Server, template: str) -> Iterator[Warehouse]:
    """Two organizations; one with two projects and figures without one, the other with a third."""
    with fresh_warehouse(server, template, f"teams_{uuid4().hex[:12]}") as warehouse:
        with psycopg.connect(warehouse.owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
            owner.execute(FILL)
            for name, organization in PROJECTS.items():
                values = {"org": 1 if organization == "acme" else 2, "name": name, "secret": SECRETS[name]}
                owner.execute(FILL_PROJECT, values)
        with psycopg.connect(warehouse.owner_url) as owner:
            fill(owner)
        with psycopg.connect(warehouse.owner_url, autocommit=True) as owner:
            for organization_id in (1, 2):
                allocate(owner, organization_id)
                compare_costs(owner, organization_id)
        yield warehouse


class Team:
    """A team's role, and a login of somebody in it."""

    def __init__(self, server: Server, warehouse: Warehouse, projects: list[str], organization: str = "acme") -> None:
        self.role = f"team_{uuid4().hex[:8]}"
        self.login = f"somebody_of_{self.role}"
        self.warehouse = warehouse
        self._server = server
        self.said = grant_team(warehouse.owner_url, self.role, projects, organization)
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("CREATE ROLE {} IN ROLE {}").format(Identifier(self.login), Identifier(self.role)))
        give_login(server.url(), self.login, PASSWORD)
        self.url = server.url(warehouse.superuser_url.rpartition("/")[2], self.login, PASSWORD)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def drop(self) -> None:
        with psycopg.connect(self._server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("DROP ROLE IF EXISTS {}, {}").format(Identifier(self.login), Identifier(self.role)))


@contextmanager
def team(server: Server, warehouse: Warehouse, projects: list[str], organization: str = "acme") -> Iterator[Team]:
    made = Team(server, warehouse, projects, organization)
    try:
        yield made
    finally:
        made.drop()


@pytest.fixture(scope="module")
def mine(server: Server, filled: Warehouse) -> Iterator[Team]:
    with team(server, filled, ["proj_mine"]) as made:
        yield made


@pytest.fixture(scope="module")
def everything(server: Server, filled: Warehouse) -> Iterator[Team]:
    with team(server, filled, ["all"]) as made:
        grant_team(filled.owner_url, made.role, ["all"], "other")
        yield made


@pytest.fixture(scope="module")
def nothing(server: Server, filled: Warehouse) -> Iterator[Team]:
    """A role that is in the teams' group, and was granted no project."""
    with team(server, filled, ["proj_mine"]) as made:
        revoke_team(filled.owner_url, made.role)
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute(SQL("GRANT meterhouse_team TO {}").format(Identifier(made.role)))
        yield made


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


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


CHOOSING = {"endpoint", "bucket_width", "bucket_at", "bucket_start_utc", "usage_date", "usage_date_local", "month_start"}
NOBODYS = {"boolean": "false", "date": "1999-01-01", "timestamp without time zone": "1999-01-01"}
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
WHERE a.attrelid = '{}'::regclass AND a.attnum > 0 ORDER BY a.attnum
"""


def plan(team: Team, relation: str, condition: str, options: str) -> list[str]:
    """What EXPLAIN says of every step: its rows and costs, and how many rows were passed over."""
    lines = team.read(f"EXPLAIN ({options}, SUMMARY OFF) SELECT * FROM {relation} WHERE {condition}")
    return [line for (line,) in lines if "rows=" in line or "Removed" in line]


@pytest.fixture(scope="module")
def analyzed(filled: Warehouse) -> Warehouse:
    """The same warehouse, with many rows of somebody else's project, once the server has gathered which values are common."""
    with psycopg.connect(filled.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO warehouse.dim_group (organization_id, endpoint, project_id, user_id)"
            " SELECT 1, 'completions', 'proj_yours', 'user_yours_' || n FROM generate_series(1, 1000) n"
        )
        gather(owner, every_table=True)
    return filled


def plans_at_once(mine: Team, view: str, column: str, values: tuple[str, str], options: str) -> list[Any]:
    """The plans for two values on the same statistics: the server gathers new ones when it likes, and then they are taken again."""
    while True:
        *plans, first_again = [plan(mine, view, f"{column} = '{one}'", options) for one in (*values, values[0])]
        if first_again == plans[0]:
            return plans


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
