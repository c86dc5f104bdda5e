"""A closed month on the stand-in: what the vendor restates later is a correction, and no figure of the month moves."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices
from meterhouse.imports.removed_invoices import remove_invoice

from .conftest import MakeOrganization, MakeWarehouse
from .doctored_vendor import Change, ask, doctor
from .loaded_organization import LoadedOrganization, midnight

NOW = datetime(2026, 11, 4, 12, 9, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
DAY = date(2026, 10, 28)
IN_OCTOBER = "usage_date BETWEEN '2026-10-01' AND '2026-10-31'"
# Every view with a cost of a day of October.
FIGURES = ("costs_daily", "costs_daily_by_line_item", "costs_daily_by_api_key", "costs_daily_by_project", "costs_daily_spine")


@pytest.fixture
def closed(make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path: Path) -> LoadedOrganization:
    """An organization whose October is billed, invoiced to the cent and closed."""
    acme = make_organization(make_warehouse(), now=NOW, scale=0.2)
    acme.defaults |= {"history_start": midnight(OCTOBER), "endpoints": ("costs",)}
    acme.sync().raise_first()
    invoice(acme, tmp_path)
    assert tie_out(acme)[0]["is_closed"]
    return acme


def invoice(acme: LoadedOrganization, folder: Path, more: str = "0.00", **options: Any) -> list[str]:
    ((billed,),) = acme.read(f"SELECT round(sum(cost), 2) FROM bi.costs_daily WHERE {IN_OCTOBER}")
    path = folder / "october.csv"
    head = ["INV-10", "acme", "2026-10-01", "2026-10-31", "USD", "2026-11-02"]
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, [*head, "usage", str(billed)], [*head, "tax", more]])
    return import_invoices(acme.settings(), [path], acme.now, **options)


def tie_out(acme: LoadedOrganization) -> list[dict[str, Any]]:
    rows = acme.read("SELECT to_jsonb(t) FROM bi.invoice_tie_out t ORDER BY t.month_start")
    return [row for (row,) in rows]


def seen(acme: LoadedOrganization) -> list[tuple[Any, ...]]:
    """Every row of every view of October's costs, and its row of the tie-out, as text."""
    found = [row for view in FIGURES for row in acme.read(f"SELECT v::text FROM bi.{view} v WHERE {IN_OCTOBER} ORDER BY 1")]
    return [*found, *acme.read("SELECT t::text FROM bi.invoice_tie_out t WHERE month_start = '2026-10-01'")]


def more_on(day: date, amount: str) -> Change:
    """One row of a day costs more than before."""

    def change(path: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if path.endswith("/costs") and bucket["start_time"] == int(midnight(day).timestamp()):
                row = min(bucket["results"], key=lambda one: str(sorted(one.items(), key=str)))
                row["amount"]["value"] = Decimal(str(row["amount"]["value"])) + Decimal(amount)

    return change


def corrections(acme: LoadedOrganization) -> list[tuple[Any, ...]]:
    return acme.read("SELECT usage_date, correction, currency, seen_date, correction_month_start FROM bi.cost_corrections ORDER BY 1, 2")


def test_a_restatement_after_the_close_is_one_correction_of_the_month_in_which_it_is_seen(closed: LoadedOrganization) -> None:
    before = seen(closed)
    doctor(closed, more_on(DAY, "1.25"))
    for _ in range(2):
        closed.sync().raise_first()
        assert corrections(closed) == [(DAY, Decimal("1.25"), "usd", NOW.date(), date(2026, 11, 1))]
        assert seen(closed) == before
    november = tie_out(closed)[1]
    assert (november["corrections"], november["state"]) == (1.25, "no_invoice")


def test_a_second_restatement_adds_its_difference_and_one_that_is_taken_back_leaves_nothing(closed: LoadedOrganization) -> None:
    before = seen(closed)
    doctor(closed, more_on(DAY, "1.25"))
    closed.sync().raise_first()
    closed.advance(days=1)
    doctor(closed, more_on(DAY, "-0.75"))
    closed.sync().raise_first()
    assert [row[1] for row in corrections(closed)] == [Decimal("-2"), Decimal("1.25")]
    closed.advance(days=1)
    closed.server.application = closed.fake
    closed.sync().raise_first()
    assert sum(row[1] for row in corrections(closed)) == 0
    assert len(corrections(closed)) == 3
    assert seen(closed)[:-1] == before[:-1]


def test_the_last_digits_of_a_float_are_no_restatement(closed: LoadedOrganization) -> None:
    doctor(closed, more_on(DAY, "0.0000000000000003"))
    closed.sync().raise_first()
    assert corrections(closed) == []
    doctor(closed, more_on(DAY, "0.000000000001"))
    closed.sync().raise_first()
    assert [row[1] for row in corrections(closed)] == [Decimal("0.000000000001")]


def test_closed_figures_and_corrections_together_are_what_the_vendor_reports(closed: LoadedOrganization) -> None:
    before = seen(closed)
    closed.fake.restate(1)
    closed.backfill(OCTOBER, date(2026, 11, 1), force=True).raise_first()
    assert seen(closed) == before
    assert len(corrections(closed)) > 1
    shown = dict(
        closed.read(
            "SELECT usage_date, sum(amount) FROM (SELECT usage_date, cost AS amount FROM bi.costs_daily"
            " UNION ALL SELECT usage_date, correction FROM bi.cost_corrections) v WHERE usage_date < '2026-11-01' GROUP BY 1"
        )
    )
    truth: dict[date, Decimal] = {}
    for (day, *_), figures in closed.fake.truth("costs", OCTOBER, date(2026, 11, 1), []).items():
        truth[day] = truth.get(day, Decimal(0)) + figures["amount"]
    assert {day: round(amount, 9) for day, amount in shown.items()} == {day: round(amount, 9) for day, amount in truth.items()}


def test_control_totals_take_corrections_into_account(closed: LoadedOrganization) -> None:
    doctor(closed, more_on(DAY, "1.25"))
    result = ask(closed)
    assert result.is_ok, result.detail
    assert len(corrections(closed)) == 1
    assert ask(closed).is_ok


def test_a_month_that_settles_after_its_invoice_is_closed_by_the_load(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path: Path
) -> None:
    acme = make_organization(make_warehouse(), now=datetime(2026, 11, 1, 12, tzinfo=UTC), scale=0.2)
    acme.defaults |= {"history_start": midnight(OCTOBER), "endpoints": ("costs",)}
    acme.sync().raise_first()
    assert ": open (30 of 31 days are settled)" in invoice(acme, tmp_path)[1]
    acme.advance(days=1)
    acme.sync().raise_first()
    row = tie_out(acme)[0]
    # The last hours of October came after the invoice.
    assert row["state"] in {"tied", "tied_with_rounding", "mismatch"}
    assert row["is_closed"] == (row["state"] != "mismatch")
    invoice(acme, tmp_path)
    acme.sync().raise_first()
    assert tie_out(acme)[0]["is_closed"]
    assert acme.read(f"SELECT DISTINCT finality, is_complete FROM bi.costs_daily WHERE {IN_OCTOBER}") == [("invoiced", True)]


def test_an_invoice_that_breaks_a_closed_month_is_refused_unless_the_month_is_to_be_opened(
    closed: LoadedOrganization, tmp_path: Path
) -> None:
    doctor(closed, more_on(DAY, "1.25"))
    closed.sync().raise_first()
    ((october,),) = closed.read(f"SELECT sum(cost) FROM bi.costs_daily WHERE {IN_OCTOBER}")
    lines = invoice(closed, tmp_path, more="19.00")
    assert lines[1].endswith("closed"), "tax explains itself"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(
        '[{"invoice_id": "INV-11", "organization": "acme", "period_start": "2026-10-01", "period_end": "2026-10-31", "currency": "usd",'
        ' "issued_on": "2026-11-03", "kind": "usage", "amount": 5}]'
    )
    before = seen(closed)
    with pytest.raises(FixConfiguration, match=r"would no longer tie .* add --reopen to open the month again"):
        import_invoices(closed.settings(), [wrong], closed.now)
    assert seen(closed) == before
    import_invoices(closed.settings(), [wrong], closed.now, reopens=True)
    assert corrections(closed) == []
    assert closed.read(f"SELECT sum(cost) FROM bi.costs_daily WHERE {IN_OCTOBER}") == [(october + Decimal("1.25"),)]
    assert closed.read(f"SELECT DISTINCT finality FROM bi.costs_daily WHERE {IN_OCTOBER}") == [("settled",)]
    closed.sync().raise_first()
    assert closed.read(f"SELECT sum(cost) FROM bi.costs_daily WHERE {IN_OCTOBER}") == [(october + Decimal("1.25"),)]
    assert closed.read("SELECT sum(cost) FROM bi.costs_daily_by_project WHERE " + IN_OCTOBER) == [(october + Decimal("1.25"),)]


def test_a_month_that_is_opened_again_says_what_was_restated_since_its_invoice(closed: LoadedOrganization, tmp_path: Path) -> None:
    ((invoiced,),) = closed.read(f"SELECT sum(cost) FROM bi.costs_daily WHERE {IN_OCTOBER}")
    # Twice, so that one row has two corrections.
    for amount in ("1.25", "-4.75"):
        doctor(closed, more_on(DAY, amount))
        closed.sync().raise_first()
        closed.advance(minutes=1)
    assert [row[1] for row in corrections(closed)] == [Decimal("-6"), Decimal("1.25")]
    path = tmp_path / "october.csv"
    path.write_text(path.read_text().replace("INV-10", "INV-10-CORRECTED"))
    remove_invoice(closed.settings(), "INV-10", "acme", closed.now, reopens=True)
    import_invoices(closed.settings(), [path], closed.now)
    for _ in range(2):
        row = tie_out(closed)[0]
        assert Decimal(str(row["billed"])) == invoiced - Decimal("4.75")
        assert (row["restatement"], row["unexplained"]) == (4.75, 0)
        assert row["state"] in {"tied", "tied_with_rounding"}
        assert row["is_closed"]
        # The bill's own rows come instead of the correction, which had no API key.
        closed.query("UPDATE ops.coverage SET finality = 'settled', content_digest = NULL WHERE finality = 'invoiced'")
        closed.sync().raise_first()


def test_a_day_whose_rows_were_set_aside_takes_nothing_back(closed: LoadedOrganization) -> None:
    def odd(path: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            if bucket["start_time"] == int(midnight(DAY).timestamp()):
                bucket["results"][0]["amount"]["value"] = "a lot"

    before = seen(closed)
    doctor(closed, odd)
    closed.sync().raise_first()
    assert corrections(closed) == []
    assert seen(closed) == before


def test_what_is_restated_between_the_invoice_and_the_close_is_its_own_reason_whatever_rows_come_go_and_change(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path: Path
) -> None:
    acme = make_organization(make_warehouse(), now=NOW, scale=0.2, restate_days=25, restate_costs_days=40)
    acme.defaults |= {"history_start": midnight(OCTOBER), "endpoints": ("costs",)}
    acme.sync().raise_first()
    invoice(acme, tmp_path)
    acme.query("UPDATE warehouse.invoice_lines SET amount = amount + 5 WHERE kind = 'usage'")
    acme.query("UPDATE ops.coverage SET finality = 'settled' WHERE finality = 'invoiced'")
    before = tie_out(acme)[0]
    assert (before["state"], before["restatement"]) == ("mismatch", 0)
    for number in (1, 2):
        acme.fake.restate(number)
        acme.backfill(OCTOBER, date(2026, 11, 1)).raise_first()
    after = tie_out(acme)[0]
    kinds = {kind for (kind,) in acme.read("SELECT DISTINCT change FROM bi.revisions WHERE is_restatement AND endpoint = 'costs'")}
    assert kinds == {"added", "changed", "removed"}
    assert after["restatement"] != 0
    assert Decimal(str(after["billed"])) + Decimal(str(after["restatement"])) == Decimal(str(before["billed"]))
    assert (after["unexplained"], after["state"]) == (before["unexplained"], "mismatch")


def test_a_charge_on_settled_days_that_had_none_is_in_the_log(make_warehouse: MakeWarehouse, make_organization: MakeOrganization) -> None:
    acme = make_organization(make_warehouse(), now=NOW, scale=0.2)
    acme.defaults |= {"history_start": midnight(OCTOBER), "endpoints": ("costs",)}

    def nothing(path: str, dimensions: list[str], buckets: list[dict[str, Any]]) -> None:
        for bucket in buckets:
            bucket["results"] = []

    doctor(acme, nothing)
    acme.sync().raise_first()
    acme.server.application = acme.fake
    acme.backfill(DAY, date(2026, 10, 29)).raise_first()
    logged = acme.read("SELECT change, is_restatement, count(*) FROM bi.revisions WHERE metric = 'amount' GROUP BY 1, 2")
    assert logged == [("added", True, acme.read("SELECT count(*) FROM bi.costs_daily")[0][0])]
