"""meterhouse import prices: what a file stores, what it replaces, and the one line that a bad one is refused with."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.errors import FixConfiguration
from meterhouse.imports.prices import import_prices
from meterhouse.settings import Settings

HEADING = "organization,line_item,unit,price,currency,valid_from,valid_to,is_batch,note"
GOOD = (
    'acme,"gpt-5-2025-08-07, input",million tokens,1.100000000001,USD,2026-01-01,2026-07-01,,first half',
    'acme,"gpt-5, input",million tokens,1.05,usd,2026-07-01,,,',
    'acme,"gpt-5, input",million tokens,0.50,usd,2026-07-01,,true,',
    'acme,"priority | gpt-5.6-sol, output, long context",million tokens,55,usd,2026-01-01,,,',
    "acme,web search tool calls,thousand calls,9,usd,2026-01-01,,,",
    "other,whisper,hour,0.3,eur,2026-01-01,2027-01-01,,",
)
STORED = (
    "SELECT o.label, p.subject, p.price_class, p.tier, p.is_batch, p.context_band, p.price, p.currency, p.valid_from::text,"
    " p.valid_to::text FROM warehouse.contract_price p JOIN warehouse.dim_organization o USING (organization_id) ORDER BY 1, 2, 3, 5, 9"
)


class Importer:
    """Files that are imported into one warehouse."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.connection = psycopg.connect(warehouse.owner_url, autocommit=True)
        self._settings = Settings(organizations=(), warehouse_url=warehouse.loader_url)
        self._folder = folder
        self.connection.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai'), ('other', 'openai')")

    def bring(self, *lines: str, heading: str = HEADING, dry_run: bool = False) -> list[str]:
        file = self._folder / "prices.csv"
        file.write_text("\n".join([heading, *lines]))
        return import_prices(self._settings, file, dry_run=dry_run)

    def stored(self) -> list[tuple[object, ...]]:
        return self.connection.execute(STORED).fetchall()


@pytest.fixture
def importer(warehouse: Warehouse, tmp_path: Path) -> Iterator[Importer]:
    made = Importer(warehouse, tmp_path)
    yield made
    made.connection.close()


def test_a_file_is_stored_with_every_digit_and_what_its_lines_are_for(importer: Importer) -> None:
    assert importer.bring(*GOOD) == [
        "acme: 5 prices added, 0 removed, 0 as before",
        "other: 1 price added, 0 removed, 0 as before",
        "prices.csv: 6 prices of 2 organizations, from 2026-01-01 to open end: stored",
    ]
    assert importer.stored() == [
        ("acme", "gpt-5", "input_text", None, False, None, Decimal("1.100000000001"), "usd", "2026-01-01", "2026-07-01"),
        ("acme", "gpt-5", "input_text", None, False, None, Decimal("1.05"), "usd", "2026-07-01", None),
        ("acme", "gpt-5", "input_text", None, True, None, Decimal("0.5"), "usd", "2026-07-01", None),
        ("acme", "gpt-5.6-sol", "output_text", "priority", False, "long context", Decimal(55), "usd", "2026-01-01", None),
        ("acme", "web search", "calls", None, False, None, Decimal(9), "usd", "2026-01-01", None),
        ("other", "whisper-1", "seconds", None, False, None, Decimal("0.3"), "eur", "2026-01-01", "2027-01-01"),
    ]


def test_the_same_file_again_changes_nothing_and_says_so(importer: Importer) -> None:
    importer.bring(*GOOD)
    before = importer.connection.execute("SELECT contract_price_id, xmin FROM warehouse.contract_price ORDER BY 1").fetchall()
    assert importer.bring(*reversed(GOOD))[:2] == ["other: nothing changed, 1 price as before", "acme: nothing changed, 5 prices as before"]
    assert importer.connection.execute("SELECT contract_price_id, xmin FROM warehouse.contract_price ORDER BY 1").fetchall() == before


def test_a_file_replaces_the_prices_of_the_organizations_that_it_names_and_no_others(importer: Importer) -> None:
    importer.bring(*GOOD)
    said = importer.bring(GOOD[1], 'acme,"gpt-5, output",million tokens,9,usd,2026-01-01,,,')
    assert said[0] == "acme: 1 price added, 4 removed, 1 as before"
    assert [row[:3] for row in importer.stored()] == [
        ("acme", "gpt-5", "input_text"), ("acme", "gpt-5", "output_text"), ("other", "whisper-1", "seconds"),
    ]  # fmt: skip


def test_a_dry_run_says_what_would_be_done_and_stores_nothing(importer: Importer) -> None:
    said = importer.bring(*GOOD, dry_run=True)
    assert said[0] == "acme: 5 prices added, 0 removed, 0 as before"
    assert said[-1].endswith("nothing was stored (--dry-run)")
    assert importer.stored() == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('acme,"gpt-5, input",million tokens,"1,10",usd,2026-01-01,,,', "line 3: price is '1,10': write a plain number"),
        ('acme,"gpt-5, input",million tokens,-1,usd,2026-01-01,,,', "line 3: price is -1: write 0 or more"),
        ('acme,"gpt-5, input",tokens,1,usd,2026-01-01,,,', "line 3: unit is 'tokens': choose from million tokens"),
        ('acme,"gpt-5, input",million tokens,1,dollars,2026-01-01,,,', "line 3: currency is 'dollars': write a code of three letters"),
        ('acme,"gpt-5, input",million tokens,1,usd,1.1.2026,,,', "line 3: valid_from is '1.1.2026': write a day as"),
        ('acme,"gpt-5, input",million tokens,1,usd,2026-01-01,2026-01-01,,', "line 3: valid_to is 2026-01-01, and valid_from 2026-01-01"),
        ('acme,"gpt-5, input",million tokens,1,usd,2026-01-01,,perhaps,', "line 3: is_batch is 'perhaps': choose from true, false"),
        ("acme,Promotional credit,million tokens,1,usd,2026-01-01,,,", "which names no model and no tool"),
        ("acme,gpt-5,million tokens,1,usd,2026-01-01,,,", "which is not billed by the million tokens"),
        ('nobody,"gpt-5, input",million tokens,1,usd,2026-01-01,,,', "line 3: organization is 'nobody', and loaded are: acme, other"),
        (
            'acme,"gpt-5-2025-08-07, input",million tokens,2,usd,2026-06-30,,,',
            "'gpt-5-2025-08-07, input' has another price from 2026-01-01 (prices.csv, line 2), which is still in force on 2026-06-30",
        ),
    ],
)
def test_a_bad_line_is_refused_in_one_line_and_nothing_is_stored(importer: Importer, line: str, words: str) -> None:
    with pytest.raises(FixConfiguration) as refused:
        importer.bring('acme,"gpt-5, input",million tokens,1,usd,2026-01-01,2026-07-01,,', line)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert importer.stored() == []


def test_a_file_without_a_needed_column_or_without_lines_is_refused(importer: Importer) -> None:
    with pytest.raises(FixConfiguration, match="has no column 'unit'"):
        importer.bring("acme,x,1,usd,2026-01-01", heading="organization,line_item,price,currency,valid_from")
    with pytest.raises(FixConfiguration, match="has no price"):
        importer.bring()
