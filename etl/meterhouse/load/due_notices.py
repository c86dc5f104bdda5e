"""Due notices: what is to be reported about spending by what the warehouse holds, whether or not it was reported before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

from meterhouse.accounting.anomaly_notices import OddDay, finding_of
from meterhouse.accounting.budget_notices import Standing, findings_of
from meterhouse.accounting.budgets import Period, Scope, State
from meterhouse.load.claimed_notices import Notice
from meterhouse.warehouse.database import Connection, translated


def due_notices(connection: Connection) -> list[Notice]:
    """Return every notice that is due now: of budgets, by organization and budget, then of odd days, by day and organization."""
    with translated("notices"):
        return [*_of_budgets(connection), *_of_anomalies(connection)]


def _of_budgets(connection: Connection) -> Iterator[Notice]:
    for organization_id, label, budget, kind, key, name, *rest in connection.execute(_sql("due_budgets")):
        currency, period, start, amount, thresholds, spent, through, expected, passes_on, state = rest
        standing = Standing(
            label, budget, _scope(Scope(kind), key, name), currency, Period(period), start, amount, tuple(thresholds), spent, through,
            expected, passes_on, State(state),
        )  # fmt: skip
        for found in findings_of(standing):
            yield Notice(organization_id, found.kind, found.identity, start, found.text)


def _of_anomalies(connection: Connection) -> Iterator[Notice]:
    for organization_id, day, label, kind, key, name, project_id, project_name, currency, actual, expected, reason in connection.execute(
        _sql("due_anomalies")
    ):
        found = finding_of(OddDay(label, kind, key, name, project_id, project_name, currency, day, actual, expected, reason))
        yield Notice(organization_id, found.kind, found.identity, day, found.text)


def _scope(scope: Scope, key: str, name: str | None) -> str:
    """Whose budget it is, in words."""
    if scope is Scope.ORGANIZATION:
        return "the whole organization"
    return f"{'API key' if scope is Scope.API_KEY else scope} {name or key}"


@cache
def _sql(name: str) -> bytes:
    return resources.files("meterhouse.warehouse").joinpath("sql", "notices", f"{name}.sql").read_bytes()
