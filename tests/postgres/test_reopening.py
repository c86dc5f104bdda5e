"""A closed month that is opened again, or whose invoices go elsewhere: what was restated stays a reason, and no month is closed by none."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices

from .doctored_vendor import doctor
from .loaded_organization import LoadedOrganization
from .test_allocation import DIFFERENT
from .test_closing import DAY, IN_OCTOBER, closed, corrections, more_on, seen, tie_out

__all__ = ["closed"]  # a fixture, which pytest finds by its name


def invoice_of(folder: Path, amount: str, *, period: tuple[str, str] = ("2026-10-01", "2026-10-31"), issued: str = "2026-11-02") -> Path:
    """The invoice that closed October, over other days or of another day, with 19.00 of tax that it did not have."""
    path = folder / "again.csv"
    head = ["INV-10", "acme", *period, "USD", issued]
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, [*head, "usage", amount], [*head, "tax", "19.00"]])
    return path


def billed(acme: LoadedOrganization) -> str:
    ((cost,),) = acme.read(f"SELECT round(sum(cost), 2) FROM bi.costs_daily WHERE {IN_OCTOBER}")
    return str(cost)


def exact(row: dict[str, object], name: str) -> Decimal:
    return Decimal(str(row[name]))


def test_what_was_restated_while_a_month_was_closed_is_a_restatement_once_it_is_opened(closed: LoadedOrganization, tmp_path: Path) -> None:
    amount, before = billed(closed), tie_out(closed)[0]
    for more in ("1.25", "1.75"):
        doctor(closed, more_on(DAY, more))
        closed.sync().raise_first()
        closed.advance(days=1)
    assert [row[1] for row in corrections(closed)] == [Decimal("0.5"), Decimal("1.25")]
    lines = import_invoices(closed.settings(), [invoice_of(tmp_path, amount)], closed.now, reopens=True)
    assert lines[-1].endswith("was closed and is opened again, and 2 corrections became part of its figures")
    # The load behind it puts the corrections where the vendor has them, which is no restatement.
    for _ in range(2):
        october = tie_out(closed)[0]
        assert (exact(october, "restatement"), exact(october, "unexplained")) == (Decimal("-1.75"), 0)
        assert exact(october, "billed") == exact(before, "billed") + Decimal("1.75")
        assert (october["state"], october["is_closed"]) == (before["state"], True)
        closed.backfill(date(2026, 10, 1), date(2026, 11, 1)).raise_first()
    assert corrections(closed) == []


def test_usage_that_is_loaded_after_a_month_was_closed_says_whose_its_costs_are(closed: LoadedOrganization) -> None:
    waiting = f"SELECT sum(cost) FROM bi.cost_allocation_daily WHERE {IN_OCTOBER} AND reason = 'usage_not_loaded'"
    known = f"SELECT count(*), sum(cost) FROM bi.cost_allocation_daily WHERE {IN_OCTOBER} AND method = 'by_quantity'"
    ((before,),), figures = closed.read(waiting), seen(closed)
    assert before > 0
    assert closed.read(known) == [(0, None)]
    closed.backfill(date(2026, 10, 1), date(2026, 11, 1), endpoints=("completions", "costs")).raise_first()
    assert closed.read(waiting) == [(None,)]
    ((count, amount),) = closed.read(known)
    assert count > 0
    assert 0 < amount <= before
    assert seen(closed) == figures
    assert closed.query(DIFFERENT) == []


def test_what_was_restated_before_the_invoice_was_issued_is_no_restatement(closed: LoadedOrganization, tmp_path: Path) -> None:
    doctor(closed, more_on(DAY, "1.25"))
    closed.sync().raise_first()
    amount = str(Decimal(billed(closed)) + Decimal("1.25"))
    import_invoices(closed.settings(), [invoice_of(tmp_path, amount, issued="2026-11-05")], closed.now, reopens=True)
    october = tie_out(closed)[0]
    assert (october["restatement"], october["unexplained"], october["is_closed"]) == (0, 0, True)


def test_what_was_restated_and_taken_back_is_in_the_log(closed: LoadedOrganization, tmp_path: Path) -> None:
    amount = billed(closed)
    doctor(closed, more_on(DAY, "1.25"))
    closed.sync().raise_first()
    closed.advance(days=1)
    closed.server.application = closed.fake
    closed.sync().raise_first()
    import_invoices(closed.settings(), [invoice_of(tmp_path, amount)], closed.now, reopens=True)
    logged = closed.read(
        "SELECT change, old_value, new_value, recorded_at_utc::date FROM bi.revisions WHERE metric = 'amount' AND is_restatement"
        " ORDER BY revision_id"
    )
    assert logged == [("added", None, Decimal("1.25"), date(2026, 11, 4)), ("changed", Decimal("1.25"), Decimal(0), date(2026, 11, 5))]
    october = tie_out(closed)[0]
    assert (october["restatement"], october["unexplained"], october["is_closed"]) == (0, 0, True)


@pytest.mark.parametrize(
    ("period", "reason"),
    [
        (("2026-11-01", "2026-11-30"), "invoiced nothing would no longer tie"),
        (("2026-10-01", "2026-10-30"), "30 of 31 days are invoiced"),
    ],
)
def test_an_invoice_that_leaves_its_closed_month_is_refused(
    closed: LoadedOrganization, tmp_path: Path, period: tuple[str, str], reason: str
) -> None:
    before = tie_out(closed)
    ((part,),) = closed.read(f"SELECT round(sum(cost), 2) FROM bi.costs_daily WHERE usage_date BETWEEN '{period[0]}' AND '{period[1]}'")
    moved = invoice_of(tmp_path, str(part), period=period)
    with pytest.raises(FixConfiguration, match=rf"acme 2026-10 .*{reason}.* add --reopen"):
        import_invoices(closed.settings(), [moved], closed.now)
    assert tie_out(closed) == before
    import_invoices(closed.settings(), [moved], closed.now, reopens=True)
    assert not tie_out(closed)[0]["is_closed"]
