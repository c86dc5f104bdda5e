"""An organization that is served under several labels, and the line by which the second one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Request

from .fingerprints import places
from .loaded_organization import NOW, LoadedOrganization, midnight
from .test_organization_guard import Retold

FIRST = NOW.date() - timedelta(days=6)
LAST = NOW.date() + timedelta(days=1)
SECOND = "emea"
Open = Callable[..., LoadedOrganization]


@pytest.fixture
def under(warehouse: Warehouse) -> Iterator[Open]:
    """Serves the same organization under a label, unless another seed makes it another one."""
    with ExitStack() as opened:

        def make(
            label: str, seed: int = 1, change: Callable[[Request, dict[str, Any]], None] | None = None, **offers: Any
        ) -> LoadedOrganization:
            fake = FakeOrganization(NOW, seed=seed, scale=0.2, **offers)
            loaded = LoadedOrganization(fake, opened.enter_context(FakeServer(Retold(fake, change) if change else fake)), warehouse, label)
            loaded.defaults |= {"history_start": midnight(FIRST), "hourly_history_days": 1}
            return loaded

        yield make


def assert_refused(first: LoadedOrganization, load: Callable[[], Any], *, knows_id: bool = True, second: str = SECOND) -> None:
    """One line names both labels, the organization and what to do, and no table has changed."""
    stood = places(first.warehouse.superuser_url)
    with pytest.raises(FixConfiguration) as refused:
        load()
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"the key of {second} opens the organization ")
    assert (first.fake.roster.organization_id in line) == knows_id
    assert f"already holds under the label {first.label}," in line
    assert f"meterhouse rename-organization {first.label} {second}; " in line
    assert "if two keys open the same organization, leave one out" in line
    assert f"meterhouse purge --organization {first.label}" in line
    assert places(first.warehouse.superuser_url) == stood
