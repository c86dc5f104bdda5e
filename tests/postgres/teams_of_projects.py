"""Two organizations with projects whose rows tell whose they are, and teams that see all, one or none of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.conftest import Server, Warehouse

from meterhouse.local.roles import give_login
from meterhouse.warehouse.access import grant_team, revoke_team
from meterhouse.warehouse.allocation import allocate
from meterhouse.warehouse.changes import compare_costs
from meterhouse.warehouse.rollups import fill

from .loaded_organization import fresh_warehouse

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
