"""Invoices against the bill: what ties, what does not and why, and that a month that tied stays as it was."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice, product
from json import dumps
from pathlib import Path
from random import Random

import pytest
from tests.bi.given import Given
from tests.bi.invoices import imported, settled_month, tie_out, written


@pytest.fixture
def october(given: Given) -> Given:
    """A settled October with 10 USD."""
    settled_month(given)
    given.cost("2026-10-15", "7.5", project_id="a", line_item="x")
    given.cost("2026-10-16", "2.5", project_id="b", line_item="y")
    return given


def test_an_invoice_of_what_was_billed_ties_and_closes_its_month(october: Given, tmp_path: Path) -> None:
    lines = imported(october, written(tmp_path, [("usage", "10.00")]))
    assert lines == [
        "1 invoice (1 new) of 2026-10-01 to 2026-10-31, 10 usd in all: stored",
        "acme 2026-10 usd: billed 10, invoiced 10: tied, tolerance 0.01, closed",
    ]
    (row,) = tie_out(october)
    assert (row["state"], row["is_closed"], row["billed"], row["invoiced"]) == ("tied", True, Decimal(10), Decimal(10))
    assert october.shown("SELECT DISTINCT finality, is_complete FROM bi.costs_daily") == [("invoiced", True)]


def test_tax_credits_a_bundle_and_an_adjustment_explain_what_they_are(october: Given, tmp_path: Path) -> None:
    given = [("usage", "10.00"), ("tax", "1.90"), ("credit", "-3.00"), ("bundle", "500"), ("adjustment", "-0.25")]
    imported(october, written(tmp_path, given))
    (row,) = tie_out(october)
    shown = {
        name: row[name] for name in ("tax", "credit", "bundle", "adjustment", "restatement", "period_shift", "rounding", "unexplained")
    }
    assert shown == {
        "tax": Decimal("1.9"), "credit": -3, "bundle": 500, "adjustment": Decimal("-0.25"),
        "restatement": 0, "period_shift": 0, "rounding": 0, "unexplained": 0,
    }  # fmt: skip
    assert (row["state"], row["invoiced"]) == ("tied", Decimal("508.65"))


@pytest.mark.parametrize("cents", ["0.02", "-0.02"])
def test_two_cents_that_nothing_explains_do_not_tie_in_either_direction(october: Given, tmp_path: Path, cents: str) -> None:
    billed = Decimal(10) + Decimal(cents)
    lines = imported(october, written(tmp_path, [("usage", str(billed)), ("tax", "1.90"), ("credit", "-3"), ("bundle", "500")]))
    assert "mismatch" in lines[1]
    (row,) = tie_out(october)
    assert (row["state"], row["unexplained"], row["rounding"], row["tolerance"]) == (
        "mismatch",
        Decimal(cents),
        0,
        max(Decimal("0.01"), billed / 1000),
    )
    assert row["state_reason"] == f"the invoice is 0.02 {'higher' if Decimal(cents) > 0 else 'lower'} than what explains it"
    assert not row["is_closed"]
    assert october.shown("SELECT DISTINCT finality FROM bi.costs_daily") == [("settled",)]


@pytest.mark.parametrize("fraction", ["0.01", "-0.01", "0.000000000001"])
def test_a_cent_is_rounding(october: Given, tmp_path: Path, fraction: str) -> None:
    imported(october, written(tmp_path, [("usage", str(Decimal(10) + Decimal(fraction)))]))
    (row,) = tie_out(october)
    assert (row["state"], row["rounding"], row["unexplained"]) == ("tied_with_rounding", Decimal(fraction), 0)
    assert row["is_closed"]


def test_half_a_cent_per_line_of_usage_is_rounding_and_more_is_not(october: Given, tmp_path: Path) -> None:
    imported(october, written(tmp_path, [("usage", "2.00")] * 5 + [("usage", "0.03")]))
    assert tie_out(october)[0]["state"] == "tied_with_rounding"
    imported(october, written(tmp_path, [("usage", "2.00")] * 5 + [("usage", "0.00")] * 7 + [("usage", "0.07")]), reopens=True)
    assert tie_out(october)[0]["state"] == "mismatch"


def test_the_tolerance_is_a_setting_and_is_shown_with_the_month(october: Given, tmp_path: Path) -> None:
    lines = imported(october, written(tmp_path, [("usage", "10.05")]), invoice_tolerance_amount=Decimal("0.05"))
    assert lines[1].endswith("unexplained 0.05: tied, tolerance 0.05, closed")
    (row,) = tie_out(october)
    assert (row["state"], row["tolerance"]) == ("tied", Decimal("0.05"))


def test_of_a_large_invoice_a_share_may_be_unexplained(october: Given, tmp_path: Path) -> None:
    october.cost("2026-10-20", "99990", project_id="a", line_item="x")
    imported(october, written(tmp_path, [("usage", "100099.00")]))
    (row,) = tie_out(october)
    assert (row["state"], row["unexplained"], row["tolerance"]) == ("tied", 99, Decimal("100.099"))
    imported(october, written(tmp_path, [("usage", "99899.00")]), reopens=True)
    assert tie_out(october)[0]["state"] == "mismatch"


def test_a_month_with_costs_and_no_invoice_says_so(october: Given) -> None:
    (row,) = tie_out(october)
    assert (row["state"], row["billed"], row["invoiced"], row["unexplained"], row["is_complete"]) == ("no_invoice", 10, None, None, True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "UPDATE ops.coverage SET finality = 'settling', is_complete = false WHERE bucket_start = '2026-10-31Z'",
            "30 of 31 days are settled",
        ),
        ("DELETE FROM ops.coverage WHERE bucket_start < '2026-10-04Z'", "28 of 31 days are settled"),
        ("UPDATE warehouse.costs SET amount = NULL WHERE amount = 2.5", "the vendor left out the amount of"),
    ],
)
def test_a_month_that_is_not_known_for_good_is_open_even_if_its_figures_match(
    october: Given, tmp_path: Path, change: str, reason: str
) -> None:
    october.do(change)
    lines = imported(october, written(tmp_path, [("usage", "10.00")]))
    assert ": open (" in lines[1]
    (row,) = tie_out(october)
    assert (row["state"], row["is_closed"]) == ("open", False)
    assert row["state_reason"].startswith(reason)


def test_a_month_of_which_no_amount_is_known_has_no_billed_sum_and_says_why(october: Given, tmp_path: Path) -> None:
    october.do("UPDATE warehouse.costs SET amount = NULL")
    (row,) = tie_out(october)
    assert (row["state"], row["billed"], row["state_reason"]) == ("open", None, "the vendor left out the amount of 2 rows")
    lines = imported(october, written(tmp_path, [("usage", "10.00"), ("tax", "1.90")]))
    assert lines[1] == (
        "acme 2026-10 usd: billed not known, invoiced 11.9, tax 1.9: open (the vendor left out the amount of 2 rows), tolerance 0.01"
    )
    (row,) = tie_out(october)
    shown = [row[name] for name in ("billed", "tax", "restatement", "period_shift", "rounding", "unexplained", "is_closed")]
    assert shown == [None, Decimal("1.9"), 0, None, None, None, False]


def test_what_is_known_of_a_month_is_its_billed_sum_and_rows_without_an_amount_are_counted_once(october: Given, tmp_path: Path) -> None:
    october.do("UPDATE warehouse.costs SET amount = NULL WHERE amount = 2.5")
    imported(october, written(tmp_path, [("usage", "10.00")]))
    (row,) = tie_out(october)
    assert (row["billed"], row["state_reason"]) == (Decimal("7.5"), "the vendor left out the amount of 1 row")


def test_a_month_of_which_no_day_is_loaded_has_no_billed_sum_and_a_loaded_one_without_costs_has_zero(given: Given, tmp_path: Path) -> None:
    imported(given, written(tmp_path, [("usage", "10.00")]))
    (row,) = tie_out(given)
    assert (row["state"], row["billed"], row["unexplained"], row["state_reason"]) == ("open", None, None, "no day of the month is loaded")
    given.covered("costs", "2026-10-01T00:00Z", rows=0)
    (row,) = tie_out(given)
    assert (row["state"], row["billed"], row["unexplained"], row["state_reason"]) == ("open", 0, 10, "1 of 31 days are settled")


@pytest.mark.parametrize("kind", ["usage", "tax", "credit", "bundle", "adjustment"])
def test_an_invoice_of_nothing_ties_with_an_empty_month(given: Given, tmp_path: Path, kind: str) -> None:
    settled_month(given)
    imported(given, written(tmp_path, [(kind, "0.00")]))
    (row,) = tie_out(given)
    assert (row["state"], row["billed"], row["invoiced"]) == ("tied", 0, 0)


@pytest.mark.parametrize(("kind", "amount"), [("tax", "1.9"), ("credit", "-5"), ("bundle", "1000"), ("adjustment", "7")])
def test_an_invoice_of_one_kind_only_leaves_nothing_unexplained(given: Given, tmp_path: Path, kind: str, amount: str) -> None:
    settled_month(given)
    imported(given, written(tmp_path, [(kind, amount)]))
    (row,) = tie_out(given)
    assert (row["state"], row[kind], row["unexplained"]) == ("tied", Decimal(amount), 0)


def test_the_same_file_twice_changes_nothing(october: Given, tmp_path: Path) -> None:
    path = written(tmp_path, [("usage", "10.00"), ("tax", "1")])
    first, stored = imported(october, path), october.do("SELECT * FROM warehouse.invoices, warehouse.invoice_lines ORDER BY position")
    second = imported(october, path)
    assert second[0] == "1 invoice (1 unchanged) of 2026-10-01 to 2026-10-31, 11 usd in all: nothing had changed"
    assert second[1:] == first[1:]
    assert october.do("SELECT * FROM warehouse.invoices, warehouse.invoice_lines ORDER BY position") == stored


def test_a_dry_run_says_what_would_be_and_stores_nothing(october: Given, tmp_path: Path) -> None:
    lines = imported(october, written(tmp_path, [("usage", "10.00")]), dry_run=True)
    assert lines[0].endswith("nothing was stored, as this was a dry run")
    assert lines[1].endswith("tied, tolerance 0.01, closed")
    assert october.do("SELECT count(*) FROM warehouse.invoices") == [(0,)]
    assert october.shown("SELECT DISTINCT finality FROM bi.costs_daily") == [("settled",)]


def test_an_invoice_that_was_corrected_replaces_the_one_of_its_number(october: Given, tmp_path: Path) -> None:
    imported(october, written(tmp_path, [("usage", "12.00")]))
    lines = imported(october, written(tmp_path, [("usage", "10.00")]))
    assert lines[0].startswith("1 invoice (1 changed)")
    assert tie_out(october)[0]["state"] == "tied"


def test_two_currencies_have_rows_of_their_own_and_the_month_is_closed_when_both_tie(october: Given, tmp_path: Path) -> None:
    october.cost("2026-10-15", "4", project_id="a", line_item="x", currency="eur")
    imported(october, written(tmp_path, [("usage", "10.00")]))
    eur, usd = tie_out(october)
    assert (eur["currency"], eur["state"], eur["billed"]) == ("eur", "no_invoice", 4)
    assert (usd["currency"], usd["state"], usd["billed"], usd["is_closed"]) == ("usd", "tied", 10, False)
    imported(october, written(tmp_path, [("usage", "4.00"), ("tax", "0.4")], invoice_id="INV-2", currency="eur"))
    eur, usd = tie_out(october)
    assert [(row["state"], row["invoiced"], row["is_closed"]) for row in (eur, usd)] == [("tied", Decimal("4.4"), True), ("tied", 10, True)]


def test_organizations_have_rows_of_their_own(october: Given, tmp_path: Path) -> None:
    settled_month(october, org=2)
    october.cost("2026-10-15", "99", org=2, project_id="z")
    imported(october, written(tmp_path, [("usage", "10.00")]))
    assert [(row["organization"], row["state"], row["is_closed"]) for row in tie_out(october)] == [
        ("acme", "tied", True), ("other", "no_invoice", False),
    ]  # fmt: skip


def test_an_invoice_over_other_days_says_what_they_cost_and_closes_nothing(october: Given, tmp_path: Path) -> None:
    settled_month(october, "2026-09")
    october.cost("2026-09-29", "3", project_id="a")
    october.cost("2026-10-30", "1", project_id="a")
    imported(october, written(tmp_path, [("usage", "13.00")], period_start="2026-09-28", period_end="2026-10-27"))
    row = tie_out(october, "month_start = '2026-10-01'")[0]
    assert (row["billed"], row["period_shift"], row["state"], row["is_closed"]) == (11, 2, "tied", False)
    assert row["state_reason"] == "27 of 31 days are invoiced, so the month is not closed"


def test_two_invoices_over_parts_of_a_month_tie_together(october: Given, tmp_path: Path) -> None:
    imported(october, written(tmp_path, [("usage", "7.50")], period_end="2026-10-15"))
    assert tie_out(october)[0]["period_shift"] == Decimal("-2.5")
    imported(october, written(tmp_path, [("usage", "2.50")], invoice_id="INV-2", period_start="2026-10-16"))
    (row,) = tie_out(october)
    assert (row["period_shift"], row["invoice_count"], row["state"], row["is_closed"]) == (0, 2, "tied", True)


def restated(given: Given, day: str, change: str, old: str | None, new: str | None, at: str, was_complete: bool = True) -> None:
    """An entry of the log of revisions, with the amounts of one row."""
    given.do(
        "INSERT INTO ops.revisions (organization_id, endpoint, bucket_width, bucket_start, group_id, change, was_complete, old_values,"
        " new_values, recorded_at) SELECT 1, 'costs', 1440, %s, min(group_id), %s, %s, jsonb_strip_nulls(jsonb_build_object('amount',"
        " %s::numeric)), jsonb_build_object('amount', %s::numeric), %s FROM warehouse.dim_cost_group",
        f"{day}T00:00Z", change, was_complete, old, new, at,
    )  # fmt: skip


def test_what_was_restated_after_the_day_of_the_invoice_is_a_reason_of_its_own(october: Given, tmp_path: Path) -> None:
    restated(october, "2026-10-15", "changed", "6.5", "7.5", "2026-11-03T00:00Z")
    restated(october, "2026-10-16", "added", None, "0.5", "2026-11-04T00:00Z")
    restated(october, "2026-10-16", "removed", "0.25", None, "2026-11-04T00:00Z")
    # On the day of the invoice, before the day was settled, and of another month.
    restated(october, "2026-10-16", "changed", "1", "2", "2026-11-02T23:59Z")
    restated(october, "2026-10-16", "changed", "1", "2", "2026-11-03T00:00Z", was_complete=False)
    restated(october, "2026-09-30", "changed", "1", "2", "2026-11-03T00:00Z")
    imported(october, written(tmp_path, [("usage", "8.75")]))
    (row,) = tie_out(october)
    assert (row["restatement"], row["unexplained"], row["state"]) == (Decimal("-1.25"), 0, "tied")


def test_a_thousand_random_rows_add_up_to_the_last_digit(given: Given, tmp_path: Path) -> None:
    rng = Random(13)  # noqa: S311  # cases, not secrets
    currencies = ["".join(letters) for letters in islice(product("abcdefghij", repeat=3), 1000)]
    given.do("SELECT warehouse.ensure_partition('costs', '2026-10-01'::date), warehouse.ensure_partition('costs', '2026-11-01'::date)")
    given.do("INSERT INTO warehouse.dim_cost_group (organization_id, currency) SELECT 1, unnest(%s::text[])", currencies)

    def amount() -> str:
        return f"{rng.choice([-1, 1, 1, 1]) * rng.randrange(10 ** rng.randrange(1, 15))}e-{rng.randrange(13)}"

    days = [
        (f"2026-{day}T00:00Z", amount(), currency)
        for currency in currencies
        for day in rng.sample(["10-02", "10-13", "10-31", "11-02"], rng.randrange(3))
    ]
    given.do(
        "INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount) SELECT d.day, 1440, g.group_id, d.amount"
        " FROM unnest(%s::timestamptz[], %s::numeric[], %s::text[]) AS d (day, amount, currency)"
        " JOIN warehouse.dim_cost_group g ON g.currency = d.currency",
        *([row[place] for row in days] for place in range(3)),
    )
    months = [{"period_start": "2026-10-01", "period_end": "2026-10-31"}, {"period_start": "2026-10-05", "period_end": "2026-11-04"}]
    lines = []
    for currency in currencies:
        head = {"organization": "acme", "currency": currency, "issued_on": "2026-11-02", "invoice_id": currency} | rng.choice(months)
        for _ in range(rng.randrange(1, 6)):
            kind = rng.choice(["usage", "usage", "credit", "tax", "bundle", "adjustment", "other"])
            text = amount()
            lines.append(head | {"kind": kind, "amount": f"-{text.lstrip('-')}" if kind == "credit" else text})
    path = tmp_path / "many.json"
    path.write_text(dumps(lines))
    imported(given, path)
    # Each row is added up by tie_out.
    shown = tie_out(given)
    assert sum(1 for row in shown if row["invoice_count"]) == 1000
    assert len({row["period_shift"] for row in shown}) > 100
    assert given.shown("SELECT sum(billed) FROM bi.invoice_tie_out") == given.shown("SELECT sum(cost) FROM bi.costs_daily")
