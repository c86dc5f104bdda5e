"""Books of one day, written by hand: what is billed, what is used, and whose the amounts then are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import Warehouse

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import (
    COMPLETIONS,
    COSTS,
    COSTS_BY_USER,
    DAY,
    FILE_SEARCH_CALLS,
    VECTOR_STORES,
    WEB_SEARCH_CALLS,
    Dimension,
    Endpoint,
    Key,
    Values,
)
from meterhouse.catalogue.endpoints import MODEL as MODEL_NAME
from meterhouse.load.stream import Fetch, Stream
from meterhouse.warehouse.derived_names import keep_models

from .test_allocation import DIFFERENT
from .test_replace_window import NOW, Loading, covered, day, rows, window

MODEL = "gpt-5.6-terra"
LINE = f"{MODEL}, input"
Amount = str | None


@dataclass
class Books:
    """One day of one organization: what was billed and used, and whose the billed amounts are found to be."""

    loading: Loading
    warehouse: Warehouse
    answers: dict[str, dict[Key, Values]] = field(default_factory=dict)

    def bill(self, line_item: str | None, amount: Amount, *, key: str | None = None, project: str | None = "p", quantity: int | None = None,
             unit: str | None = "tokens", currency: str = "usd") -> None:  # fmt: skip
        """Put a line on the bill."""
        values = (None if amount is None else Decimal(amount), None if quantity is None else Decimal(quantity), unit, None)
        self.answers.setdefault(COSTS.name, {})[project, key, line_item, currency] = values

    def bill_user(self, user: str | None, line_item: str, amount: str, *, key: str | None = None, project: str | None = "p") -> None:
        """Put an amount into the second copy of the bill."""
        self.answers.setdefault(COSTS_BY_USER.name, {})[project, user, key, line_item, "usd"] = (Decimal(amount), None, "tokens", None)

    def use(self, user: str | None, key: str | None, *, fresh: int | None = None, model: str = MODEL, tier: str = "default",
            batch: bool = False, project: str = "p", requests: int = 1, **tokens: int) -> None:  # fmt: skip
        """Count tokens of completions, `fresh` ones as uncached input."""
        figures = {"input_tokens": fresh or 0, "output_tokens": 0, "input_uncached_tokens": fresh, "num_model_requests": requests, **tokens}
        values = tuple(figures.get(metric.name) for metric in COMPLETIONS.metrics)
        self.answers.setdefault(COMPLETIONS.name, {})[project, user, key, model, batch, tier, None] = (*values, None)

    def count(self, endpoint: Endpoint, dimensions: Key, *figures: int) -> None:
        """Count what an endpoint of tools or storage counts."""
        self.answers.setdefault(endpoint.name, {})[dimensions] = (*figures, None)

    def load(self, endpoint: Endpoint, *, finality: Finality = Finality.SETTLED, without: tuple[Dimension, ...] = ()) -> None:
        """Put one endpoint's day in place; keys have a value of every dimension, those `without` are not asked for."""
        buckets = {day(0): self.answers.get(endpoint.name, {})}
        kept = [position for position, one in enumerate(endpoint.dimensions) if one not in without]
        others = range(len(endpoint.dimensions), len(endpoint.dimensions) + len(endpoint.family.keys))
        found = {tuple(key[position] for position in (*kept, *others)): values for key, values in buckets[day(0)].items()}
        dimensions = tuple(endpoint.dimensions[position] for position in kept)
        store = self.loading.store
        if MODEL_NAME in dimensions:
            position = dimensions.index(MODEL_NAME)
            with store.connection.cursor() as cursor:
                keep_models(cursor, {str(key[position]) for key in found}, endpoint.vendor.name)
        stage = store.stage(Stream("acme", endpoint, DAY), dimensions)
        stage.collect([(day(0), found)])
        stage.replace(
            window(0, 1),
            [replace(one, finality=finality) for one in covered({day(0): found})],
            Fetch(store.next_fetch_number(), dimensions, 1, 0.0),
            run_id=self.loading.run_id,
            now=NOW,
            moves_watermark=True,
            protected=None,
        )

    def load_all(self) -> None:
        for endpoint in (COMPLETIONS, COSTS, *([COSTS_BY_USER] if COSTS_BY_USER.name in self.answers else [])):
            self.load(endpoint)
        for endpoint in (WEB_SEARCH_CALLS, FILE_SEARCH_CALLS, VECTOR_STORES):
            if endpoint.name in self.answers:
                self.load(endpoint)

    def owners(self) -> list[tuple[Any, ...]]:
        """(user, key, cost, method, basis, reason) of every part; the parts are the bill."""
        self.loading.store.allocate("acme")
        assert rows(self.warehouse.superuser_url, DIFFERENT) == []
        return rows(
            self.warehouse.superuser_url,
            "SELECT user_id, api_key_id, trim_scale(cost)::text, method, basis, reason FROM bi.cost_allocation_daily ORDER BY 1, 2, cost",
        )


@pytest.fixture
def books(warehouse: Warehouse) -> Iterator[Books]:
    loading = Loading.opened(warehouse.loader_url)
    with loading.store:
        yield Books(loading, warehouse)
