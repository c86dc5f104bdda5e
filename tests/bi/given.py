"""Given rows of a warehouse, so that a test can say what its views are expected to show."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
from tests.conftest import Warehouse

from meterhouse.warehouse.rollups import fill


class Given:
    """A warehouse that is filled by hand, and read as the reader."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.owner = psycopg.connect(warehouse.owner_url, autocommit=True)
        self.reader = psycopg.connect(warehouse.reader_url, autocommit=True)
        self.do("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai'), ('other', 'openai')")

    def do(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        cursor = self.owner.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def usage(self, endpoint: str, day: str, figures: dict[str, int | None], *, width: int = 1440, org: int = 1, **dimensions: Any) -> None:
        """One usage fact; the bucket is covered as complete."""
        self.named(dimensions.get("model"))
        self._fact(f"usage_{endpoint}", endpoint, "dim_group", {"endpoint": endpoint} | dimensions, day, figures, width, org)

    def cost(
        self, day: str, amount: str | None, *, org: int = 1, quantity: str | None = None, unit: str | None = None, **dims: Any
    ) -> None:
        """One cost fact in usd, unless another currency is given."""
        figures = {"amount": amount, "quantity": quantity, "quantity_unit": unit}
        if item := dims.get("line_item"):
            model = item.split(",")[0] if item.startswith("gpt") else None
            self.do("INSERT INTO warehouse.dim_line_item (line_item, model) VALUES (%s, %s) ON CONFLICT DO NOTHING", item, model)
            self.named(model)
        self._fact("costs", "costs", "dim_cost_group", {"currency": "usd"} | dims, day, figures, 1440, org)

    def named(self, model: str | None) -> None:
        """A model as a load keeps it; an older version's is without its name."""
        if model:
            self.do("INSERT INTO warehouse.dim_model (model) VALUES (%s) ON CONFLICT DO NOTHING", model)

    def _fact(
        self, table: str, endpoint: str, groups: str, key: dict[str, Any], day: str, figures: dict[str, Any], width: int, org: int
    ) -> None:
        start = f"{day}{'' if 'T' in day else 'T00:00'}Z"
        names, holes = ", ".join(key), ", ".join("%s" for _ in key)
        insert = f"INSERT INTO warehouse.{groups} (organization_id, {names}) VALUES (%s, {holes}) ON CONFLICT DO NOTHING"
        self.do(insert, org, *key.values())
        same = " AND ".join(f"{name} IS NOT DISTINCT FROM %s" for name in key)
        blank = [name for name in ("project_id", "api_key_id", "line_item", "model", "user_id") if name not in key]
        columns = {name for (name,) in self.do("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", f"warehouse.{groups}")}
        others = "".join(f" AND {name} IS NULL" for name in blank if name in columns)
        ((group,),) = self.do(
            f"SELECT group_id FROM warehouse.{groups} WHERE organization_id = %s AND {same}{others} LIMIT 1", org, *key.values()
        )
        self.do("SELECT warehouse.ensure_partition(%s, %s::date)", table, day[:10])
        self.do(
            f"INSERT INTO warehouse.{table} (bucket_start, bucket_width, group_id, {', '.join(figures)})"
            f" VALUES (%s, %s, %s, {', '.join('%s' for _ in figures)})",
            start, width, group, *figures.values(),
        )  # fmt: skip
        self.covered(endpoint, start, width=width, org=org)

    def covered(self, endpoint: str, start: str, *, width: int = 1440, org: int = 1, finality: str = "settled", rows: int = 1) -> None:
        """A bucket that was read."""
        self.do(
            "INSERT INTO ops.coverage (organization_id, endpoint, bucket_width, bucket_start, reported_start, reported_end, finality,"
            " is_complete, row_count, source_grouping, changed_at) VALUES (%s, %s, %s, %s::timestamptz, %s::timestamptz,"
            " %s::timestamptz + make_interval(mins => %s), %s, %s, %s, '', now()) ON CONFLICT DO NOTHING",
            org, endpoint, width, start, start, start, width, finality, finality == "settled", rows,
        )  # fmt: skip

    def covered_days(self, endpoint: str, first: str, days: int) -> None:
        """Days in a row that were read."""
        for number in range(days):
            self.covered(endpoint, f"{date.fromisoformat(first) + timedelta(days=number)}T00:00Z")

    def shown(self, query: str) -> list[tuple[Any, ...]]:
        """What the reader sees, with the sums that a load would have left."""
        fill(self.owner)
        return self.reader.execute(query.encode()).fetchall()
