"""List prices: the file's own shape, the facts that it was made for, and the library that it was made from, where that is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from meterhouse.accounting.list_prices import COLUMNS, FILE_NAME, ListPrice, list_prices, parse, written
from meterhouse.accounting.price_classes import price_class
from meterhouse.accounting.price_units import PRICE_UNITS
from meterhouse.vendors.openai.names import canonical_model

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "etl" / "meterhouse" / "accounting" / FILE_NAME
PRICES = list_prices()


def price_on(day: str, model: str, direction: str | None, modality: str | None = "text", **parts: object) -> Decimal | None:
    """The only price of a model for these parts on a day."""
    wanted = {"model": model, "direction": direction, "modality": modality, "tier": None, "is_batch": False, "context_band": None} | parts
    found = [
        one.price
        for one in PRICES
        if all(getattr(one, name) == value for name, value in wanted.items())
        and (one.valid_from or date.min) <= date.fromisoformat(day) < (one.valid_to or date.max)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def test_the_file_is_what_the_writer_writes() -> None:
    assert written(PRICES) == FILE.read_text(encoding="utf-8")
    assert len(PRICES) > 1000


def test_each_price_is_of_one_thing_in_a_known_unit() -> None:
    for one in PRICES:
        assert one.vendor == "openai"
        assert one.currency == "usd"
        assert (one.model is None) != (one.feature is None)
        assert one.price >= 0
        assert one.unit in {unit.name for unit in PRICE_UNITS}
        assert price_class(one.unit, one.direction, one.modality) is not None, one
        assert one.source.startswith("genai-prices ")


def test_nothing_has_two_prices_on_one_day() -> None:
    spans = defaultdict(list)
    for one in PRICES:
        key = (one.model, one.feature, one.tier, one.is_batch, price_class(one.unit, one.direction, one.modality), one.context_band)
        spans[key].append((one.valid_from or date.min, one.valid_to or date.max))
    for key, found in spans.items():
        assert all(start < end for start, end in found), key
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(found))), key


def test_a_dated_name_is_there_only_where_its_prices_are_others() -> None:
    by_name = defaultdict(set)
    for one in PRICES:
        by_name[one.model].add(replace(one, model=None))
    for name, prices in by_name.items():
        if name is not None and canonical_model(name) != name:
            assert prices != by_name.get(canonical_model(name)), name


def test_batches_and_tiers_have_no_price_before_the_library_knows_them() -> None:
    undated = {one.model for one in PRICES if (one.is_batch or one.tier) and one.valid_from is None}
    # The library has every price of these from their first day.
    assert undated <= {"gpt-6.1-sol", "gpt-6.1-terra"}
    dated = {one.valid_from for one in PRICES if (one.is_batch or one.tier) and one.model not in undated}
    assert min(day for day in dated if day) == date(2026, 10, 12)
    assert price_on("2026-10-13", "gpt-5", "input", is_batch=True) is None
    assert price_on("2026-10-14", "gpt-5", "input", is_batch=True) == Decimal("0.625")
    assert price_on("2026-10-11", "gpt-5", "input", tier="priority") is None
    assert price_on("2026-10-12", "gpt-5", "input", tier="priority") == Decimal("2.5")
    assert price_on("2026-11-01", "text-embedding-3-small", "input", is_batch=True) is None


@pytest.mark.parametrize(
    ("day", "model", "direction", "modality", "parts", "price"),
    [
        ("2026-11-01", "gpt-4o", "input", "text", {}, "2.5"),
        ("2026-11-01", "gpt-4o", "cached input", "text", {}, "1.25"),
        ("2026-11-01", "gpt-4o", "output", "text", {}, "10"),
        ("2026-11-01", "o3-mini", "output", "text", {}, "4.4"),
        ("2025-06-09", "o3", "input", "text", {}, "10"),
        ("2025-06-10", "o3", "input", "text", {}, "2"),
        ("2025-06-10", "o3", "output", "text", {}, "8"),
        ("2026-08-20", "gpt-5.6-sol", "output", "text", {}, "30"),
        ("2026-08-21", "gpt-5.6-sol", "output", "text", {}, "20"),
        ("2026-08-21", "gpt-5.6-sol", "output", "text", {"context_band": "long context"}, "30"),
        ("2026-10-12", "gpt-5.6-sol", "output", "text", {"context_band": "long context", "tier": "priority"}, "60"),
        ("2026-08-21", "gpt-5.6-sol", "cache writes", None, {}, "5"),
        ("2026-11-01", "gpt-6-astra", "output", "text", {}, "50"),
        ("2026-11-01", "gpt-image-1", "output", "image", {}, "40"),
        ("2026-11-01", "gpt-image-1", "output", "text", {}, None),
        ("2026-11-01", "gpt-4o-mini-tts", "output", "audio", {}, "12"),
        ("2026-11-01", "gpt-realtime-2.1", "output", "audio", {}, "64"),
        ("2026-11-01", "whisper-1", None, None, {}, "0.36"),
        ("2026-11-01", "tts-1", None, None, {}, "15"),
        ("2026-11-01", "ft:gpt-4o", "input", "text", {}, "3.75"),
        ("2026-11-01", "gpt-4o-2024-05-13", "input", "text", {}, "5"),
        ("2026-11-01", "sora-2", "output", "video", {}, None),
    ],
)
def test_the_prices_that_the_file_was_made_for(day, model, direction, modality, parts, price) -> None:
    assert price_on(day, model, direction, modality, **parts) == (None if price is None else Decimal(price))


def test_tools_are_priced_whatever_the_model() -> None:
    assert {(one.feature, one.unit, one.price) for one in PRICES if one.model is None} == {
        ("web search", "thousand calls", Decimal(10)),
        ("file search", "thousand calls", Decimal("2.5")),
    }


def test_another_heading_or_a_word_that_is_no_price_is_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        parse("vendor,model\nopenai,gpt-5\n")
    line = "openai,gpt-5,,,maybe,input,text,,million tokens,1,usd,,,test"
    with pytest.raises(KeyError):
        parse(",".join(COLUMNS) + "\n" + line + "\n")


def test_every_digit_of_a_price_is_kept() -> None:
    tiny = ListPrice("openai", "m", None, None, False, "input", "text", None, "million tokens", Decimal("1E-12"), "usd", None, None, "test")
    text = written([tiny])
    assert "0.000000000001" in text
    assert parse(text) == [tiny]


@pytest.mark.skipif(
    importlib.util.find_spec("genai_prices") is None,
    reason="genai-prices is not installed: make prices installs it in an environment of its own",
)
def test_the_file_is_what_the_pinned_library_says(tmp_path: Path) -> None:
    made = tmp_path / FILE_NAME
    program = "import sys, runpy; from pathlib import Path; module = runpy.run_path(sys.argv[1]); module['write'](Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", program, str(ROOT / "prices" / "write_list_prices.py"), str(made)], check=True, timeout=60)
    assert made.read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")
