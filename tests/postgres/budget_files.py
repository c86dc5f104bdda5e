"""November's budgets: files with them, what the days cost, and what the warehouse says of a budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.e2e.inbox import Inbox, open_inbox

from meterhouse.imports.budgets import import_budgets
from meterhouse.orchestration.spend_watch import report_spending

from .loaded_organization import LoadedOrganization

NOW = datetime(2026, 11, 20, 12, 9, tzinfo=UTC)
START = date(2026, 11, 1)
HEAD = "organization,budget,scope_kind,scope_key,currency,period,amount,thresholds,valid_from,valid_to"
# The newest day that is settled at noon of the 20th.
THROUGH = date(2026, 11, 18)


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server and a webhook, in the environment that a worker has."""
    with open_inbox() as opened:
        for name, connection in opened.connections.items():
            monkeypatch.setenv(name, connection)
        yield opened


def brought(acme: LoadedOrganization, folder: Path, *lines: str, **options: bool) -> list[str]:
    path = folder / "budgets.csv"
    path.write_text("\n".join([HEAD, *lines]))
    return import_budgets(acme.settings(), path, acme.now, **options)


def billed(acme: LoadedOrganization, where: str = "true") -> Decimal:
    """What the settled days of November cost."""
    ((cost,),) = acme.read(
        f"SELECT coalesce(sum(cost), 0) FROM bi.cost_allocation_daily WHERE is_complete AND usage_date >= '{START}' AND {where}"
    )
    return Decimal(cost)


def status(acme: LoadedOrganization, columns: str, budget: str) -> list[tuple[object, ...]]:
    return acme.read(f"SELECT {columns} FROM bi.budget_status WHERE budget = '{budget}' ORDER BY period_start")


def report(acme: LoadedOrganization) -> list[str]:
    return report_spending(acme.warehouse.loader_url).lines
