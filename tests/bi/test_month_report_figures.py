"""The monthly report's tables: both months add up, and what was corrected in closed months is not left out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from tests.bi.given import Given
from tests.bi.invoices import imported, settled_month, written

from meterhouse.dashboard.month_report import month_report
from meterhouse.dashboard.queries import Reader
from meterhouse.warehouse.rollups import fill

OCTOBER = date(2026, 10, 1)
WRITTEN = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture
def two_months(given: Given) -> Given:
    """A settled September and October; a project of September is gone, and one of October is new."""
    for month in ("2026-09", "2026-10"):
        settled_month(given, month)
    given.do("SELECT warehouse.ensure_partition('costs', '2026-09-01'::date)")
    given.cost("2026-09-15", "4.25", project_id="a", line_item="x")
    given.cost("2026-09-15", "1.50", project_id="gone", line_item="x")
    given.cost("2026-10-15", "6.5", project_id="a", line_item="x")
    given.cost("2026-10-15", "3.5", project_id="new", line_item="x")
    return given


def projects(given: Given) -> list[tuple[object, ...]]:
    fill(given.owner)
    found = Reader(given.warehouse.reader_url).month(OCTOBER).spend
    return [(row.name, row.cost, row.previous_month_cost) for row in found if row.kind == "project"]


def test_projects_that_cost_something_only_the_month_before_are_there_so_that_it_adds_up(two_months: Given) -> None:
    found = projects(two_months)
    assert found == [("a", Decimal("6.5"), Decimal("4.25")), ("new", Decimal("3.5"), 0), ("gone", 0, Decimal("1.5"))]


def test_a_row_of_the_month_before_has_no_amount_where_a_part_of_that_month_is_not_known(two_months: Given) -> None:
    two_months.do("DELETE FROM ops.coverage WHERE bucket_start = '2026-09-20T00:00Z'")
    assert projects(two_months) == [("a", Decimal("6.5"), None), ("new", Decimal("3.5"), None), ("gone", Decimal(0), None)]


def test_corrections_of_closed_months_are_shown_under_the_invoice(two_months: Given, tmp_path: Path) -> None:
    two_months.do(
        "INSERT INTO warehouse.cost_corrections (organization_id, usage_date, currency, line_item, amount, seen_at)"
        " VALUES (1, '2026-09-15', 'usd', 'x', -0.75, '2026-10-20')"
    )
    imported(two_months, written(tmp_path, [("usage", "10.00")]))
    page = unescape(month_report(Reader(two_months.warehouse.reader_url).month(OCTOBER), WRITTEN))
    row = page[page.index("corrections of closed months, in none of these") :][:200]
    assert 'data-value="-0.75' in row
