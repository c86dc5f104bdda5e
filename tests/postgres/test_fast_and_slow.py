"""The fast way of loading and the slow one leave the same rows behind, and they are those that the vendor's pages say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from .conftest import MakeOrganization, MakeWarehouse
from .fast_and_slow import FastAndSlow, spans
from .loaded_organization import LoadedOrganization, midnight
from .restless_vendor import CHANGES, RestlessVendor

pytestmark = pytest.mark.upgrade

MakeBoth = Callable[..., FastAndSlow]


@pytest.fixture
def make_both(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> MakeBoth:
    """Makes two empty warehouses of one organization that reads a number of days, and hours of the last ones, in every round."""

    def make(days: int, days_of_hours: int, rounds: int, share: float, **options: float) -> FastAndSlow:
        fast = make_organization(make_warehouse(), history_days=days + rounds + 3, **options)
        slow = LoadedOrganization(fast.fake, fast.server, make_warehouse())
        end = midnight(fast.today + timedelta(days=rounds + 3))
        begins = (midnight(fast.today - timedelta(days=span)) for span in (days, days_of_hours))
        return FastAndSlow(fast, slow, RestlessVendor(fast.fake, share), spans(*begins, end))

    return make


def require_proof(both: FastAndSlow, rounds: int) -> None:
    """Read a first time and then after each round; every kind of change must have come, and rows of every kind been compared."""
    both.plant()
    for number in range(rounds + 1):
        both.read(number)
    assert set(both.vendor.changes) == set(CHANGES)
    assert both.compared["planted"] > 0
    assert both.compared["buckets that were left alone"] > both.compared["coverage"] / 3
    assert {kind for kind, number in both.compared.items() if number > 100} >= {"facts", "sums", "revisions", "coverage"}


def test_three_rounds_of_a_few_weeks(make_both: MakeBoth) -> None:
    require_proof(make_both(33, 8, rounds=3, share=0.15, scale=0.12), rounds=3)


@pytest.mark.soak
@pytest.mark.timeout(2 * 3600)
def test_ten_rounds_of_a_year(make_both: MakeBoth, capsys: pytest.CaptureFixture[str]) -> None:
    both = make_both(365, 14, rounds=10, share=0.06, restate_days=10, restate_costs_days=30)
    require_proof(both, rounds=10)
    assert both.vendor.most_at_once > 1
    with capsys.disabled():
        lines = [f"{number:>12,} {what}" for counted in (both.compared, both.vendor.changes) for what, number in sorted(counted.items())]
        sys.stdout.write("\n".join(["", "rows that were compared, and buckets that were changed:", *lines, ""]))
