"""Which view somebody meant by a name that does not exist."""

from __future__ import annotations

import pytest

from meterhouse.export.view_meant import views_meant
from meterhouse.warehouse.view_reach import VIEW_NAMES


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("costs_daily", "bi.costs_daily"),
        ("bi.costs", "bi.costs_daily"),
        ("bi.cost_daily", "bi.costs_daily"),
        ('"bi" . "Usage_Dayly"', "bi.usage_daily"),
        ("BI.FRESHNES", "bi.freshness"),
    ],
)
def test_a_view_that_looks_like_the_name_is_meant(written: str, first: str) -> None:
    statement = f"SELECT * FROM {written} WHERE costs_daily > 1"
    assert views_meant(statement, len("SELECT * FROM "))[0] == first


@pytest.mark.parametrize("view", VIEW_NAMES)
def test_a_view_without_its_schema_is_meant_and_no_other(view: str) -> None:
    assert views_meant(view, 0) == (f"bi.{view}",)


@pytest.mark.parametrize("written", ["nothing", "warehouse.costs_daily", "public.usage_daily", "(", ""])
def test_nothing_is_guessed_for_a_name_like_no_view_or_in_another_schema(written: str) -> None:
    assert views_meant(written, 0) == ()
