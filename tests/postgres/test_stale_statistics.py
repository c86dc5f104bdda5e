"""Statistics that know nothing of a load a second ago: no statement of a replace is planned as if there were few rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Self

import psycopg
import pytest
from psycopg.sql import SQL, Composed
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, DAY, HOUR, BucketWidth, Endpoint
from meterhouse.load.statements import Statements
from meterhouse.load.store import Store
from meterhouse.load.stream import API
from meterhouse.warehouse.allocation import allocate
from meterhouse.warehouse.rollup_tables import rollups_of
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS
from meterhouse.warehouse.rollups import statements as sum_statements
from meterhouse.windows import Window, buckets

from .loaded_organization import LoadedOrganization, midnight

STREAMS = [(COMPLETIONS, DAY), (COMPLETIONS, HOUR), (COSTS, DAY)]
FORGET = """
WITH forgotten AS (DELETE FROM pg_statistic WHERE starelid::regclass::text ~ '^(warehouse|ops)[.]' RETURNING 1)
UPDATE pg_class SET reltuples = 0, relpages = 0 WHERE relnamespace IN ('warehouse'::regnamespace, 'ops'::regnamespace)
"""


@pytest.fixture
def forgetful(acme: LoadedOrganization) -> LoadedOrganization:
    """A loaded organization, on a server that takes its tables for empty."""
    acme.sync().raise_first()
    with psycopg.connect(acme.warehouse.superuser_url) as connection:
        connection.execute(FORGET)
    return acme


def plans(warehouse: Warehouse, stream: tuple[Endpoint, BucketWidth], window: Window, *, as_loaded: bool) -> dict[str, str]:
    """How each statement of a replace is planned."""
    found = {}
    endpoint, width = stream
    with psycopg.connect(warehouse.superuser_url) as connection:
        (organization,) = connection.execute("SELECT min(organization_id) FROM warehouse.dim_organization").fetchone() or (0,)
        sql = Statements(endpoint, width, organization)
        connection.execute(sql.create_stage())
        if as_loaded:
            connection.execute(WITHOUT_STATISTICS)
        names = {"endpoint": endpoint.name, "grouping": "", "origin": API, "buckets": list(buckets(window, width))}
        names["whole"] = names["buckets"]
        statements: dict[str, Composed] = {"facts": sql.replace(window)}
        for rollup in rollups_of(endpoint, width):
            sums = sum_statements(rollup, endpoint, organization, window)
            statements |= {rollup.name: sums.replace, f"{rollup.name} where it is empty": sums.fill}
        for name, statement in statements.items():
            lines = connection.execute(SQL("EXPLAIN {}").format(statement), names).fetchall()
            found[name] = "\n".join(str(line) for (line,) in lines)
    return found


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: f"{stream[0].name}/{stream[1].name}")
def test_no_statement_of_a_replace_loops_over_rows_for_each_row(
    forgetful: LoadedOrganization, stream: tuple[Endpoint, BucketWidth]
) -> None:
    window = Window(midnight(forgetful.today - timedelta(days=5)), midnight(forgetful.today))
    by_themselves = plans(forgetful.warehouse, stream, window, as_loaded=False)
    # Else these statistics would not be the ones that led it astray.
    assert any("Nested Loop" in plan for plan in by_themselves.values())
    for name, plan in plans(forgetful.warehouse, stream, window, as_loaded=True).items():
        assert "Nested Loop" not in plan, f"{name}\n{plan}"
        assert "Merge Join" not in plan, f"{name}\n{plan}"


class Explained(psycopg.Cursor[Any]):
    """Notes how each statement of an allocation is planned before it runs."""

    plans: ClassVar[list[str]] = []

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        if params is not None and "start" in params:
            super().execute(b"EXPLAIN " + query, params)
            self.plans.append("\n".join(str(line) for (line,) in self.fetchall()))
        return super().execute(query, params, **options)


def test_no_statement_of_an_allocation_joins_in_a_way_that_is_right_only_for_few_rows(forgetful: LoadedOrganization) -> None:
    with psycopg.connect(forgetful.warehouse.superuser_url, autocommit=True) as connection:
        connection.execute("DELETE FROM ops.allocated_days")
        connection.cursor_factory = Explained
        assert allocate(connection, 1) > 0
    assert len(Explained.plans) >= 10
    for plan in Explained.plans:
        # What has no other way costs far more than it would without the settings.
        assert "Merge Join" not in plan, plan
        assert "Nested Loop" not in plan, plan


REFUSE_OTHERWISE = """
CREATE FUNCTION ops.as_planned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF 'on' IN (current_setting('enable_nestloop'), current_setting('enable_mergejoin')) THEN
        RAISE 'this load is planned by statistics';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER as_planned BEFORE INSERT OR UPDATE ON ops.coverage FOR EACH ROW EXECUTE FUNCTION ops.as_planned();
CREATE TRIGGER as_planned BEFORE INSERT OR DELETE ON warehouse.rollup_usage_by_model FOR EACH ROW EXECUTE FUNCTION ops.as_planned();
"""


def test_loads_and_sums_are_planned_so(acme: LoadedOrganization) -> None:
    with psycopg.connect(acme.warehouse.superuser_url) as connection:
        connection.execute(REFUSE_OTHERWISE)
    acme.sync().raise_first()
    with Store(acme.warehouse.loader_url) as store:
        assert store.rebuild_totals() == 0
    with psycopg.connect(acme.warehouse.superuser_url) as connection:
        connection.execute("SET enable_nestloop = off; SET enable_mergejoin = off")
        connection.execute("DELETE FROM warehouse.rollup_usage_by_model")
    with Store(acme.warehouse.loader_url) as store:
        assert store.rebuild_totals() > 0
