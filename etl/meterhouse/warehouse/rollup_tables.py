"""Rollups: the tables of day figures added up beforehand, each over all dimensions but a few.

A question about a year reads some hundred rows a day from them instead of ten thousand. They hold sums of the facts and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.catalogue.endpoints import API_KEY, BATCH, LINE_ITEM, MODEL, PROJECT, USER, Dimension


@dataclass(frozen=True)
class Rollup:
    """One table of day figures and the dimensions that it keeps. Every one keeps the project: teams see their projects alone."""

    name: str
    dimensions: tuple[Dimension, ...]
    is_costs: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell its rows apart."""
        kept = (dimension.name for dimension in self.dimensions)
        return (
            ("usage_date", "organization_id", *kept, "currency") if self.is_costs else ("usage_date", "organization_id", "endpoint", *kept)
        )


BY_MODEL = Rollup("rollup_usage_by_model", (PROJECT, MODEL, BATCH))
BY_API_KEY = Rollup("rollup_usage_by_api_key", (PROJECT, API_KEY))
BY_USER = Rollup("rollup_usage_by_user", (PROJECT, USER))
COSTS_BY_LINE_ITEM = Rollup("rollup_costs_by_line_item", (PROJECT, LINE_ITEM), is_costs=True)
COSTS_BY_PROJECT = Rollup("rollup_costs_by_project", (PROJECT,), is_costs=True)
COSTS_BY_API_KEY = Rollup("rollup_costs_by_api_key", (PROJECT, API_KEY), is_costs=True)
ROLLUPS = (BY_MODEL, BY_API_KEY, BY_USER, COSTS_BY_LINE_ITEM, COSTS_BY_API_KEY, COSTS_BY_PROJECT)
