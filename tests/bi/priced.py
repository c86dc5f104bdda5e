"""A warehouse with a contract's prices, and a few rows of the bill and of usage, written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.imports.prices import import_prices
from meterhouse.settings import Settings
from meterhouse.warehouse.derived_names import derive_again

from .given import Given

M = 1_000_000
# Ten million input tokens: four read from the cache, one written to it.
ALL_KINDS = {
    "input_tokens": 10 * M,
    "input_cached_tokens": 4 * M,
    "input_uncached_tokens": 5 * M,
    "input_cache_write_tokens": M,
    "output_tokens": 2 * M,
}
HEADING = "organization,line_item,unit,price,currency,valid_from,valid_to,is_batch"


class Priced(Given):
    """A warehouse whose words are read as a load reads them, and whose contract prices come from a file."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        super().__init__(warehouse)
        self._settings = Settings(organizations=(), warehouse_url=warehouse.loader_url)
        self._file = folder / "contract.csv"

    def line(self, day: str, line_item: str, amount: str | None, quantity: str | None, unit: str | None = "tokens", **dims: Any) -> None:
        self.cost(day, amount, quantity=quantity, unit=unit, line_item=line_item, **dims)

    def tokens(self, day: str, model: str, *, endpoint: str = "completions", org: int = 1, figures: dict[str, int], **dims: Any) -> None:
        counted = {"input_tokens": 0, "output_tokens": 0, "num_model_requests": 1} | figures
        self.usage(endpoint, day, counted, org=org, model=model, **dims)

    def agreed(self, *lines: str) -> None:
        self._file.write_text("\n".join([HEADING, *lines]))
        import_prices(self._settings, self._file)

    def shown(self, query: str) -> list[tuple[Any, ...]]:
        derive_again(self.owner)
        return super().shown(query)


@pytest.fixture
def priced(warehouse: Warehouse, tmp_path: Path) -> Any:
    made = Priced(warehouse, tmp_path)
    yield made
    made.owner.close()
    made.reader.close()
