"""FOCUS on the stand-in: an October that is invoiced with tax, a credit and a bundle, corrected after its close, with prepaid credits."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Server

from meterhouse.command_line.cli import main
from meterhouse.errors import FixConfiguration
from meterhouse.export import Selection, export_view
from meterhouse.imports.invoice_files import COLUMNS
from meterhouse.imports.invoices import import_invoices
from meterhouse.imports.purchases import import_purchases
from meterhouse.imports.teams import import_teams

from .conftest import MakeOrganization, MakeWarehouse
from .doctored_vendor import doctor
from .exported_files import read_back
from .focus_rules import RULES
from .loaded_organization import LoadedOrganization, midnight
from .teams_of_projects import team
from .test_closing import more_on

NOW = datetime(2026, 11, 4, 12, 9, tzinfo=UTC)
DAY = date(2026, 10, 28)
# The header of the file, in its order.
HEADER = (
    "x_UsageDate,BillingAccountId,BillingAccountName,BillingAccountType,SubAccountId,SubAccountName,SubAccountType,BillingPeriodStart,"
    "BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,BilledCost,EffectiveCost,ContractedCost,ListCost,"
    "ContractedUnitPrice,ListUnitPrice,ConsumedQuantity,ConsumedUnit,PricingQuantity,PricingUnit,PricingCategory,ChargeCategory,"
    "ChargeClass,ChargeDescription,ChargeFrequency,SkuId,SkuPriceId,SkuMeter,SkuPriceDetails,InvoiceId,InvoiceDetailId,"
    "InvoiceIssuerName,ProviderName,PublisherName,ServiceProviderName,HostProviderName,ServiceCategory,ServiceSubcategory,ServiceName,"
    "Tags,x_ChargeOrigin,x_LineItem,x_ApiKeyId,x_ApiKeyName,x_BilledCostExact,x_SourceGrouping,x_IsComplete,x_Finality,x_CostBasis,"
    "x_ListCostBasis,x_AllocationMethod,x_Conformance"
)
NUMBERS = (
    "BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "ContractedUnitPrice", "ListUnitPrice", "ConsumedQuantity",
    "PricingQuantity",
)  # fmt: skip
INSTANTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


@pytest.fixture(scope="module")
def billed(
    make_warehouse: MakeWarehouse, make_organization: MakeOrganization, tmp_path_factory: pytest.TempPathFactory
) -> LoadedOrganization:
    """An organization whose October ties and is closed with tax, a credit and a bundle, restated later; and with teams and credits."""
    acme = make_organization(make_warehouse(), now=NOW, scale=0.2)
    acme.defaults |= {"history_start": midnight(date(2026, 10, 1)), "endpoints": ("costs",)}
    acme.sync().raise_first()
    folder = tmp_path_factory.mktemp("files")
    ((usage,),) = acme.read("SELECT round(sum(cost), 2) FROM bi.costs_daily WHERE usage_date < '2026-11-01'")
    head = ["INV-10", "acme", "2026-10-01", "2026-10-31", "USD", "2026-11-02"]
    lines = [("usage", str(usage)), ("tax", "19.00"), ("credit", "-5.00"), ("bundle", "500"), ("adjustment", "-0.25")]
    with (folder / "invoice.csv").open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, *([*head, *line] for line in lines)])
    import_invoices(acme.settings(), [folder / "invoice.csv"], acme.now)
    (folder / "purchases.csv").write_text("bought_on,amount,currency,expires_on,organization,note\n2026-11-02,0.5,usd,,acme,\n")
    import_purchases(acme.settings(), [folder / "purchases.csv"], acme.now)
    (folder / "teams.csv").write_text("kind,value,team,cost_centre,valid_from,valid_to\ndefault,,Overhead,CC-900,2026-10-03,2026-10-20\n")
    import_teams(acme.settings(), folder / "teams.csv", acme.now)
    doctor(acme, more_on(DAY, "1.25"))
    acme.sync().raise_first()
    return acme


@pytest.fixture(scope="module")
def copied(billed: LoadedOrganization) -> Iterator[psycopg.Connection]:
    """A session in which focus_costs is a copy of the view, which can be changed."""
    with psycopg.connect(billed.warehouse.superuser_url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE focus_costs AS SELECT * FROM bi.focus_costs")
        yield connection


@pytest.mark.parametrize("name", RULES)
def test_no_row_breaks_a_rule(billed: LoadedOrganization, name: str) -> None:
    with psycopg.connect(billed.warehouse.reader_url, options="-c search_path=bi") as connection:
        assert connection.execute(RULES[name].breaking.encode()).fetchone() == (0,)


@pytest.mark.parametrize("name", RULES)
def test_a_row_that_breaks_a_rule_is_found(copied: psycopg.Connection, name: str) -> None:
    with copied.transaction(force_rollback=True):
        assert copied.execute(RULES[name].breaking.encode()).fetchone() == (0,)
        assert copied.execute(RULES[name].fault.encode()).rowcount == 1
        assert copied.execute(RULES[name].breaking.encode()).fetchone() != (0,)


def test_every_kind_of_charge_is_there(billed: LoadedOrganization) -> None:
    shown = billed.read(
        "SELECT x_charge_origin, charge_category, charge_class, count(*) FILTER (WHERE invoice_id = 'INV-10') > 0 FROM bi.focus_costs"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2"
    )
    assert shown == [
        ("correction", "Usage", "Correction", False),
        ("costs", "Credit", None, True),
        ("costs", "Usage", None, True),
        ("invoice", "Adjustment", None, True),
        ("invoice", "Credit", None, True),
        ("invoice", "Purchase", None, True),
        ("invoice", "Tax", None, True),
        ("prepaid_purchase", "Purchase", None, False),
        ("prepaid_use", "Credit", None, False),
    ]
    usage, rows = billed.read("SELECT (SELECT count(*) FROM bi.focus_costs WHERE x_charge_origin = 'costs'), count(*) FROM bi.costs_daily")[
        0
    ]
    assert usage == rows > 100


def test_what_rounds_the_invoice_is_an_adjustment_of_its_own(billed: LoadedOrganization) -> None:
    ((difference,),) = billed.read("SELECT round(sum(cost), 2) - sum(cost) FROM bi.costs_daily WHERE usage_date < '2026-11-01'")
    shown = billed.read("SELECT billed_cost FROM bi.focus_costs WHERE x_charge_origin = 'invoice' AND invoice_detail_id IS NULL")
    assert shown == [(difference,)]
    assert difference != 0


def test_a_correction_is_billed_in_the_month_that_sees_it(billed: LoadedOrganization) -> None:
    shown = billed.read(
        "SELECT usage_date, billed_cost, billing_period_start_utc, invoice_id FROM bi.focus_costs WHERE charge_class = 'Correction'"
    )
    assert shown == [(DAY, Decimal("1.25"), datetime(2026, 11, 1), None)]  # noqa: DTZ001  # UTC by its name


def test_prepaid_credits_are_billed_once_and_effective_when_they_are_used(billed: LoadedOrganization) -> None:
    november = "usage_date >= '2026-11-01' AND charge_class IS NULL"
    ((spent, covered),) = billed.read(
        "SELECT sum(cost), sum(cost) FILTER (WHERE usage_date >= '2026-11-02') FROM bi.costs_daily WHERE usage_date >= '2026-11-01'"
    )
    assert covered > Decimal("0.5")
    totals = billed.read(f"SELECT sum(billed_cost), sum(effective_cost) FROM bi.focus_costs WHERE {november}")
    # 0.5 was bought and has all been used: it is billed as a purchase, and no longer as usage.
    assert totals == [(spent, spent)]
    bought = billed.read("SELECT billed_cost, effective_cost FROM bi.focus_costs WHERE x_charge_origin = 'prepaid_purchase'")
    assert bought == [(Decimal("0.5"), 0)]


def test_tags_are_those_in_force_on_the_day(billed: LoadedOrganization) -> None:
    shown = billed.read(
        "SELECT min(usage_date), max(usage_date), count(*) = count(*) FILTER (WHERE x_charge_origin = 'costs'), min(tags), max(tags)"
        " FROM bi.focus_costs WHERE tags IS NOT NULL"
    )
    ((first, last, only_costs, *tags),) = shown
    assert (first, last, only_costs) == (date(2026, 10, 3), date(2026, 10, 20), True)
    assert [json.loads(one) for one in tags] == [{"team": "Overhead", "cost_centre": "CC-900"}] * 2


@pytest.fixture(scope="module")
def exported(billed: LoadedOrganization, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file for tools that read FOCUS."""
    path = tmp_path_factory.mktemp("exported") / "focus.csv"
    export_view(billed.warehouse.reader_url, "focus_costs", "csv", path, raw=True, is_focus=True)
    return path


def faults(text: str) -> set[str]:
    """What is wrong with a file: its header, a number with an exponent, an instant without Z, or a word for what is unknown."""
    header, *lines = csv.reader(text.splitlines())
    found = set() if ",".join(header) == HEADER else {"header"}
    for line in lines:
        row = dict(zip(header, line, strict=True))
        found |= {"number" for name in NUMBERS if not re.fullmatch(r"(-?\d+(\.\d+)?)?", row.get(name, ""))}
        found |= {"instant" for name in INSTANTS if not re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", row.get(name, ""))}
        found |= {"null" for value in line if value.lower() in {"null", "none", "nan", "\\n"}}
    return found


def test_the_file_has_the_header_and_values_that_focus_wants(billed: LoadedOrganization, exported: Path) -> None:
    text = exported.read_text()
    assert faults(text) == set()
    rows = list(csv.DictReader(text.splitlines()))
    ((count, billed_cost),) = billed.read("SELECT count(*), sum(billed_cost)::text FROM bi.focus_costs")
    assert (len(rows), str(sum(Decimal(row["BilledCost"]) for row in rows))) == (count, billed_cost)
    assert {row["ChargeClass"] for row in rows} == {"", "Correction"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("BilledCost,", "billed_cost,", "header"),
        (",USD,[^,]*,", ",USD,1e-7,", "number"),
        ("T00:00:00Z,", " 00:00:00,", "instant"),
        (",,", ",NULL,", "null"),
    ],
)
def test_a_file_that_is_not_so_is_found(exported: Path, old: str, new: str, fault: str) -> None:
    assert fault in faults(re.sub(old, new, exported.read_text(), count=1))


@pytest.mark.parametrize("file_format", ["json", "parquet", "xlsx", "hyper"])
def test_the_other_formats_have_the_names_too(billed: LoadedOrganization, tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"focus.{file_format}"
    selection = Selection(first=DAY, last=DAY, organizations=["acme"])
    rows = export_view(billed.warehouse.reader_url, "focus_costs", file_format, path, selection, is_focus=True)
    read = read_back(path, file_format)
    assert (len(read), ",".join(read[0])) == (rows, HEADER)


def test_the_command_writes_either_names(billed: LoadedOrganization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", billed.warehouse.loader_url)
    out = tmp_path / "focus.csv"
    words = ["export", "focus_costs", "--format", "csv", "--out", str(out), "--from", "2026-10-28", "--to", "2026-10-28"]
    assert main([*words, "--names", "focus"]) == 0
    assert out.read_text().startswith(f"{HEADER}\n")
    assert main(words) == 0
    assert out.read_text().startswith("usage_date,billing_account_id,")


def test_other_views_have_no_names_of_focus(billed: LoadedOrganization, tmp_path: Path) -> None:
    with pytest.raises(FixConfiguration, match="has no columns of FOCUS: leave --names out, or export focus_costs"):
        export_view(billed.warehouse.reader_url, "costs_daily", "csv", tmp_path / "x.csv", is_focus=True)


def test_a_team_sees_charges_of_its_projects_and_invoices_only_with_the_whole_organization(
    billed: LoadedOrganization, server: Server
) -> None:
    ((project,),) = billed.read("SELECT min(sub_account_id) FROM bi.focus_costs WHERE charge_class IS NULL AND billed_cost > 0")
    shown = "SELECT to_jsonb(f) - 'invoice_id' FROM {}.focus_costs f WHERE {} ORDER BY 1"
    with team(server, billed.warehouse, [project]) as mine:
        rows = mine.read(shown.format("bi_team", "true"))
        assert rows == billed.read(shown.format("bi", f"sub_account_id = '{project}'"))
        assert {row["x_charge_origin"] for (row,) in rows} <= {"costs", "correction"}
        assert mine.read("SELECT DISTINCT invoice_id FROM bi_team.focus_costs") == [(None,)]
    with team(server, billed.warehouse, ["all"]) as whole:
        everything = "SELECT to_jsonb(f) FROM {}.focus_costs f ORDER BY 1"
        assert whole.read(everything.format("bi_team")) == billed.read(everything.format("bi"))
