"""Invented costs with gaps: random days that are missing, open, settling or settled, amounts that are unknown, and a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg

from meterhouse.accounting.finality import finality
from meterhouse.warehouse.rollups import fill

FIRST, LAST = date(2025, 12, 10), date(2026, 4, 12)
ORGANIZATIONS = ("acme", "labs")
PROJECTS = ("proj_a", "proj_b", None)
LINE_ITEMS = ("one, input", "one, output")
KEYS = ("key_1", "key_2")
_EMPTY = "DELETE FROM warehouse.costs; DELETE FROM ops.coverage; DELETE FROM ops.watermarks"


@dataclass(frozen=True)
class Plan:
    """What is planted: from a seed, with shares of days that are missing and of amounts that are unknown, as of a clock."""

    seed: int
    organizations: int
    currencies: tuple[str, ...]
    missing: float
    unknown: float
    clock: datetime
    settling_hours: int


def prepare(owner: psycopg.Connection) -> None:
    """Write the names and combinations that every plan uses."""
    owner.execute("INSERT INTO warehouse.dim_organization (label, vendor) VALUES ('acme', 'openai'), ('labs', 'openai')")
    owner.execute("INSERT INTO warehouse.dim_line_item (line_item, model) SELECT unnest(%s::text []), 'one'", [list(LINE_ITEMS)])
    owner.execute(
        "INSERT INTO warehouse.dim_cost_group (organization_id, project_id, api_key_id, line_item, currency)"
        " SELECT o.organization_id, p, k, l, c FROM warehouse.dim_organization o,"
        " unnest(%s::text []) p, unnest(%s::text []) k, unnest(%s::text []) l, unnest(ARRAY['usd', 'eur']) c",
        [list(PROJECTS), list(KEYS), list(LINE_ITEMS)],
    )
    month = FIRST.replace(day=1)
    while month <= LAST:
        owner.execute("SELECT warehouse.ensure_partition('costs', %s)", [month])
        month = (month + timedelta(days=32)).replace(day=1)
    owner.commit()


def plant(owner: psycopg.Connection, plan: Plan) -> None:
    """Put a plan in the place of the one before, with the sums that loads would have left."""
    random = Random(plan.seed)  # noqa: S311  # the same plan plants the same rows
    owner.execute(_EMPTY)
    for label in ORGANIZATIONS[: plan.organizations]:
        found = owner.execute("SELECT organization_id FROM warehouse.dim_organization WHERE label = %s", [label]).fetchone()
        assert found is not None
        _plant_organization(owner, plan, random, found[0])
    fill(owner)
    owner.commit()


def _plant_organization(owner: psycopg.Connection, plan: Plan, random: Random, organization: int) -> None:
    groups = [
        row[0]
        for row in owner.execute(
            "SELECT group_id FROM warehouse.dim_cost_group WHERE organization_id = %s AND currency = ANY (%s) ORDER BY 1",
            [organization, list(plan.currencies)],
        )
    ]
    last = min(LAST, plan.clock.date())
    days = [FIRST + timedelta(days=number) for number in range((last - FIRST).days + 1)]
    costs, covered = [], []
    for day in days:
        if random.random() < plan.missing:
            continue
        # Most days were read just now, some not for a while.
        read_at = plan.clock - timedelta(hours=random.choice((0, 0, 0, 0, 0, 0, 0, 20, 60)))
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = start + timedelta(days=1)
        state = finality(end, is_whole=True, read_at=read_at, settling_time=timedelta(hours=plan.settling_hours))
        chosen = random.sample(groups, random.choice((0, 1, 2, 3, 5)))
        for group in chosen:
            amount = None if random.random() < plan.unknown else f"{random.randint(-200, 90_000) / 10_000:.4f}"
            costs.append((start, 1440, group, amount))
        covered.append((organization, "costs", 1440, start, start, end, str(state), state in {"settled", "invoiced"}, len(chosen), "", end))
    with owner.cursor() as cursor:
        with cursor.copy("COPY warehouse.costs (bucket_start, bucket_width, group_id, amount) FROM STDIN") as copy:
            for row in costs:
                copy.write_row(row)
        columns = "organization_id, endpoint, bucket_width, bucket_start, reported_start, reported_end, finality, is_complete, row_count"
        with cursor.copy(f"COPY ops.coverage ({columns}, source_grouping, changed_at) FROM STDIN") as copy:
            for line in covered:
                copy.write_row(line)
        cursor.execute(
            "INSERT INTO ops.watermarks (organization_id, endpoint, bucket_width, loaded_from, watermark, updated_at)"
            " VALUES (%s, 'costs', 1440, %s, %s, %s)",
            [organization, datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC), plan.clock, plan.clock],
        )
