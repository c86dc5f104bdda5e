"""Rollups: the tables of day and hour figures added up in advance, each over all dimensions but a few.

A query over a year reads a few hundred rows per day from them instead of ten thousand. They hold only sums of the facts.
"""

from __future__ import annotations

from dataclasses import dataclass

from meterhouse.catalogue.endpoints import (
    API_KEY,
    BATCH,
    COSTS_FAMILY,
    DAY,
    HOUR,
    LINE_ITEM,
    MODEL,
    PROJECT,
    SERVICE_TIER,
    USAGE_FAMILY,
    USER,
    BucketWidth,
    Dimension,
    Endpoint,
    Family,
)


@dataclass(frozen=True)
class Rollup:
    """One table of sums and the dimensions that it keeps, of facts of one width.

    Every one keeps the project: teams see only their projects. Every one has the day: people ask for ranges of it. One that keeps less than
    another of them is added up from its few rows (`source`), not from all the facts once more.
    """

    name: str
    dimensions: tuple[Dimension, ...]
    family: Family = USAGE_FAMILY
    width: BucketWidth = DAY
    source: Rollup | None = None

    @property
    def times(self) -> tuple[str, ...]:
        """Columns that say of when a row is; the last one tells its bucket."""
        return ("usage_date",) if self.width.is_day else ("usage_date", "bucket_start")

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell its rows apart."""
        kept = (dimension.name for dimension in self.dimensions)
        return (*self.times, *self.family.owner, *kept, *self.family.keys)

    @property
    def has_quantities(self) -> bool:
        """Whether billed quantities are added up: they are comparable only within one line of the bill."""
        return LINE_ITEM in self.dimensions


# Tiers and batches have prices of their own.
BY_TIER = Rollup("rollup_usage_by_tier", (PROJECT, MODEL, BATCH, SERVICE_TIER))
BY_MODEL = Rollup("rollup_usage_by_model", (PROJECT, MODEL, BATCH), source=BY_TIER)
BY_API_KEY = Rollup("rollup_usage_by_api_key", (PROJECT, API_KEY))
BY_USER = Rollup("rollup_usage_by_user", (PROJECT, USER))
BY_HOUR = Rollup("rollup_usage_by_hour", (PROJECT,), width=HOUR)
COSTS_BY_LINE_ITEM = Rollup("rollup_costs_by_line_item", (PROJECT, LINE_ITEM), COSTS_FAMILY)
COSTS_BY_API_KEY = Rollup("rollup_costs_by_api_key", (PROJECT, API_KEY), COSTS_FAMILY)
COSTS_BY_PROJECT = Rollup("rollup_costs_by_project", (PROJECT,), COSTS_FAMILY, source=COSTS_BY_API_KEY)
# Each behind its source.
ROLLUPS = (BY_TIER, BY_MODEL, BY_API_KEY, BY_USER, BY_HOUR, COSTS_BY_LINE_ITEM, COSTS_BY_API_KEY, COSTS_BY_PROJECT)


def rollups_of(endpoint: Endpoint, width: BucketWidth) -> list[Rollup]:
    """Return the tables that the figures of an endpoint in buckets of `width` are added up in, sources first; of minutes there are none."""
    # By length: how many buckets a page has is a matter of the vendor.
    return [rollup for rollup in ROLLUPS if (rollup.family, rollup.width.seconds) == (endpoint.family, width.seconds)]
