"""What an import of invoices says: lines that the bill has too, a currency that it has not, months that were closed, and removals."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.bi.given import Given
from tests.bi.invoices import NOW, imported, settled_month, tie_out, written

from meterhouse.errors import FixConfiguration
from meterhouse.imports.removed_invoices import remove_invoice
from meterhouse.settings import Settings


@pytest.fixture
def october(given: Given) -> Given:
    """A settled October with 10 USD, of which a credit took 3 on one day."""
    settled_month(given)
    given.cost("2026-10-15", "13", project_id="a", line_item="x")
    given.cost("2026-10-16", "-3", line_item="Promotional credit")
    given.do("UPDATE warehouse.dim_line_item SET category = 'credits' WHERE line_item = 'Promotional credit'")
    return given


def removed(given: Given, number: str = "INV-1", label: str | None = None, **options: bool) -> list[str]:
    return remove_invoice(Settings(warehouse_url=given.warehouse.loader_url), number, label, NOW, **options)


@pytest.mark.parametrize("later", ["0", "-2"])
def test_a_credit_that_the_bill_has_too_is_named_with_its_line_of_the_file(october: Given, tmp_path: Path, later: str) -> None:
    # Of one day, or of all days together.
    october.cost("2026-10-20", later, project_id="a", line_item="Promotional credit")
    lines = imported(october, written(tmp_path, [("usage", "13.00"), ("credit", "-3.00"), ("credit", "-0.50")]))
    assert lines[2:] == [
        "october.csv, line 3: credit -3 equals 'Promotional credit' on the bill, which billed contains: if it is the same money, it counts"
        " twice, so give the line the kind usage and import it again"
    ]


def test_what_equals_no_line_of_the_bill_or_is_usage_is_not_named(october: Given, tmp_path: Path) -> None:
    lines = imported(october, written(tmp_path, [("usage", "13.00"), ("usage", "-3.00"), ("bundle", "500"), ("tax", "0.00")]))
    assert len(lines) == 2


def test_a_bundle_that_the_bill_has_as_a_line_of_many_days_is_named(october: Given, tmp_path: Path) -> None:
    for day in ("2026-10-01", "2026-10-02", "2026-10-03"):
        october.cost(day, "33.333333333333", line_item="scale | gpt-5")
    lines = imported(october, written(tmp_path, [("usage", "10"), ("bundle", "100.00")]), dry_run=True)
    assert lines[2].startswith("october.csv, line 3: bundle 100 equals 'scale | gpt-5' on the bill")


def test_an_invoice_in_another_currency_than_its_bill_says_so_in_one_line(october: Given, tmp_path: Path) -> None:
    lines = imported(october, written(tmp_path, [("usage", "9.00")], currency="EUR"))
    assert lines[2:] == [
        "october.csv, line 2: invoice INV-1 is in eur, and the bill of these days is in usd: amounts of different currencies are never"
        " compared, so write the invoice in the bill's currency and import it again"
    ]
    assert len(imported(october, written(tmp_path, [("usage", "10.00")]))) == 2


def test_an_invoice_of_a_closed_month_that_changes_says_what_became_of_the_month(october: Given, tmp_path: Path) -> None:
    closed = imported(october, written(tmp_path, [("usage", "10.00")]))
    assert closed[1].endswith("closed")
    assert imported(october, written(tmp_path, [("usage", "10.00"), ("tax", "1.90")]))[1:] == [
        "acme 2026-10 usd: billed 10, invoiced 11.9, tax 1.9: tied, tolerance 0.01, closed",
        "acme 2026-10 was closed and stays closed: its invoices changed, its costs did not",
    ]
    october.do(
        "INSERT INTO warehouse.cost_corrections (organization_id, usage_date, currency, line_item, amount, seen_at)"
        " VALUES (1, '2026-10-15', 'usd', 'x', 1.25, '2026-11-05 09:00+00'), (1, '2026-10-16', 'usd', 'x', -0.25, '2026-11-06 09:00+00')"
    )
    # Issued again, with what was restated in between.
    again = written(tmp_path, [("usage", "11.00")], issued_on="2026-11-06")
    assert imported(october, again, reopens=True)[1:] == [
        "acme 2026-10 usd: billed 11, invoiced 11: tied, tolerance 0.011, closed",
        "acme 2026-10 was closed and is opened again, and 2 corrections became part of its figures",
    ]


def test_an_invoice_is_removed_by_its_number_and_its_month_is_judged_without_it(october: Given, tmp_path: Path) -> None:
    imported(october, written(tmp_path, [("usage", "10.00")]))
    with pytest.raises(FixConfiguration, match=r"^acme 2026-10 is closed, and invoice INV-1 is one of its invoices: add --reopen"):
        removed(october)
    assert removed(october, reopens=True, dry_run=True)[0].endswith("nothing was removed, as this was a dry run")
    assert tie_out(october)[0]["is_closed"]
    assert removed(october, reopens=True) == [
        "invoice INV-1 of acme, 2026-10-01 to 2026-10-31, 10 usd: removed",
        "acme 2026-10 was closed and is opened again",
    ]
    (row,) = tie_out(october)
    assert (row["state"], row["is_closed"], row["invoiced"]) == ("no_invoice", False, None)
    assert october.do("SELECT count(*) FROM warehouse.invoice_lines") == [(0,)]


def test_a_credit_without_its_sign_is_refused_with_the_amount_to_write(october: Given, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match=r"line 3: a credit lowers the bill, so its amount is negative: write -100; a credit that"):
        imported(october, written(tmp_path, [("usage", "10.00"), ("credit", "100.00")]))


def test_one_invoice_too_many_is_removed_and_the_month_ties(october: Given, tmp_path: Path) -> None:
    imported(october, written(tmp_path, [("usage", "10.00")], invoice_id="INV-2"), written(tmp_path, [("usage", "5")], "twice.csv"))
    assert tie_out(october)[0]["state"] == "mismatch"
    assert removed(october)[1:] == ["acme 2026-10 usd: billed 10, invoiced 10: tied, tolerance 0.01, closed"]
    assert tie_out(october)[0]["invoiced"] == Decimal(10)


def test_a_number_that_is_not_stored_or_is_several_organizations_is_one_line(october: Given, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match=r"^no invoice INV-1 is stored: bi\.invoice_lines shows those that are$"):
        removed(october)
    first = written(tmp_path, [("usage", "5")])
    imported(october, first, written(tmp_path, [("usage", "5")], "other.csv", organization="other"))
    with pytest.raises(FixConfiguration, match="stored for acme, other: say whose to remove with --organization LABEL"):
        removed(october)
    with pytest.raises(FixConfiguration, match="no invoice INV-1 of nobody is stored"):
        removed(october, label="nobody")
    removed(october, label="other")
    assert october.shown("SELECT organization FROM bi.invoice_lines") == [("acme",)]
