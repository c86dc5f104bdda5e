"""A year of twelve invented organizations: no part of any line is lost or made up. Part of make soak-test; -s shows whose the money is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.conftest import Warehouse

from meterhouse.fake_openai import FakeOrganization
from meterhouse.load.store import Store

from .loaded_organization import NOW, served
from .test_allocation import DIFFERENT

_SHARES = """
SELECT method, round(100 * sum(cost) / sum(sum(cost)) OVER (), 2)::text || ' %' FROM bi.cost_allocation_daily WHERE is_complete GROUP BY 1
"""
_REASONS = """
SELECT reason, trim_scale(round(sum(cost), 2))::text FROM bi.cost_allocation_daily
WHERE is_complete AND method = 'unallocated' GROUP BY 1 ORDER BY sum(abs(cost)) DESC LIMIT 4
"""


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("combines_user", [True, False], ids=["by user", "by quantity"])
@pytest.mark.parametrize("seed", range(12))
def test_a_year_has_no_difference_between_the_bill_and_its_parts(warehouse: Warehouse, seed: int, combines_user: bool) -> None:
    with served(FakeOrganization(NOW, seed=seed, scale=0.2, combines_user=combines_user), warehouse) as loaded:
        loaded.sync().raise_first()
        for number in range(2):
            loaded.advance(days=1)
            loaded.fake.restate(number)
            loaded.sync().raise_first()
        # After the close of a month too.
        loaded.advance(days=20)
        loaded.fake.restate(2)
        loaded.backfill(loaded.today - timedelta(days=60), loaded.today, ["completions", "costs", "costs_by_user"]).raise_first()
        compared = loaded.query("SELECT count(DISTINCT (usage_date, project_id, line_item)) FROM bi.costs_daily")
        assert loaded.query(DIFFERENT) == []
        shares, reasons = loaded.query(_SHARES), loaded.query(_REASONS)
        print(f"\nseed {seed}: {compared[0][0]} lines, 0 differences; {dict(sorted(shares))}; unallocated: {dict(reasons)}")  # noqa: T201
        with Store(loaded.warehouse.loader_url) as store:
            assert store.allocate(loaded.label) == 0
