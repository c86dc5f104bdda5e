"""A rollup that is added up from another one can be: it keeps less of the same, and comes behind it."""

from __future__ import annotations

import pytest

from meterhouse.warehouse.rollup_tables import ROLLUPS, Rollup


@pytest.mark.parametrize("rollup", [one for one in ROLLUPS if one.source], ids=lambda one: one.name)
def test_a_rollup_keeps_less_than_its_source_and_is_updated_after_it(rollup: Rollup) -> None:
    source = rollup.source
    assert source is not None
    assert set(rollup.key) < set(source.key)
    assert (rollup.family, rollup.width) == (source.family, source.width)
    assert ROLLUPS.index(source) < ROLLUPS.index(rollup)
    # Quantities of another line of the bill cannot be added up.
    assert not rollup.has_quantities
