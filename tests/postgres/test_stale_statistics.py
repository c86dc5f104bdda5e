"""Statistics that know nothing of a load a second ago: no statement of a replace is planned as if there were few rows."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Composed
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import COSTS, DAY, ENDPOINTS, Endpoint
from meterhouse.load.statements import Statements
from meterhouse.load.store import Store
from meterhouse.warehouse.rollups import WITHOUT_STATISTICS
from meterhouse.warehouse.rollups import statements as sum_statements
from meterhouse.windows import Window

from .loaded_organization import LoadedOrganization, midnight

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


def plans(warehouse: Warehouse, endpoint: Endpoint, window: Window, *, as_loaded: bool) -> dict[str, str]:
    """How each statement of a replace is planned."""
    found = {}
    with psycopg.connect(warehouse.superuser_url) as connection:
        (organization,) = connection.execute("SELECT min(organization_id) FROM warehouse.dim_organization").fetchone() or (0,)
        sql = Statements(endpoint, DAY, organization)
        connection.execute(sql.create_stage())
        if as_loaded:
            connection.execute(WITHOUT_STATISTICS)
        names = {"endpoint": endpoint.name, "grouping": "", "buckets": [window.start + timedelta(days=number) for number in range(5)]}
        names["whole"] = names["buckets"]
        statements: dict[str, Composed] = {"facts": sql.replace(window)}
        for number, sums in enumerate(sum_statements(endpoint, organization, window)):
            statements |= {f"sums {number}": sums.replace, f"sums {number} of days without any": sums.fill}
        for name, statement in statements.items():
            lines = connection.execute(SQL("EXPLAIN {}").format(statement), names).fetchall()
            found[name] = "\n".join(str(line) for (line,) in lines)
    return found


@pytest.mark.parametrize("endpoint", [ENDPOINTS["completions"], COSTS], ids=lambda endpoint: endpoint.name)
def test_no_statement_of_a_replace_loops_over_rows_for_each_row(forgetful: LoadedOrganization, endpoint: Endpoint) -> None:
    window = Window(midnight(forgetful.today - timedelta(days=5)), midnight(forgetful.today))
    by_themselves = plans(forgetful.warehouse, endpoint, window, as_loaded=False)
    # Else these statistics would not be the ones that led it astray.
    assert any("Nested Loop" in plan for plan in by_themselves.values())
    for name, plan in plans(forgetful.warehouse, endpoint, window, as_loaded=True).items():
        assert "Nested Loop" not in plan, f"{name}\n{plan}"


REFUSE_OTHERWISE = """
CREATE FUNCTION ops.as_planned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('enable_nestloop') <> 'off' THEN RAISE 'this load is planned by statistics'; END IF;
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
        connection.execute("SET enable_nestloop = off")
        connection.execute("DELETE FROM warehouse.rollup_usage_by_model")
    with Store(acme.warehouse.loader_url) as store:
        assert store.rebuild_totals() > 0
