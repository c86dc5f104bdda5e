"""What EXPLAIN tells a team of other people's rows: the plans for values that only others have, and that nobody has."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.conftest import Warehouse

from meterhouse.warehouse.table_statistics import gather

from .teams_of_projects import Team

CHOOSING = {"endpoint", "bucket_width", "bucket_at", "bucket_start_utc", "usage_date", "usage_date_local", "month_start"}
NOBODYS = {"boolean": "false", "date": "1999-01-01", "timestamp without time zone": "1999-01-01"}
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
WHERE a.attrelid = '{}'::regclass AND a.attnum > 0 ORDER BY a.attnum
"""


def plan(team: Team, relation: str, condition: str, options: str) -> list[str]:
    """What EXPLAIN says of every step: its rows and costs, and how many rows were passed over."""
    lines = team.read(f"EXPLAIN ({options}, SUMMARY OFF) SELECT * FROM {relation} WHERE {condition}")
    return [line for (line,) in lines if "rows=" in line or "Removed" in line]


@pytest.fixture(scope="module")
def analyzed(filled: Warehouse) -> Warehouse:
    """The same warehouse, with many rows of somebody else's project, once the server has gathered which values are common."""
    with psycopg.connect(filled.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO warehouse.dim_group (organization_id, endpoint, project_id, user_id)"
            " SELECT 1, 'completions', 'proj_yours', 'user_yours_' || n FROM generate_series(1, 1000) n"
        )
        gather(owner, every_table=True)
    return filled


def plans_at_once(mine: Team, view: str, column: str, values: tuple[str, str], options: str) -> list[Any]:
    """The plans for two values on the same statistics: the server gathers new ones when it likes, and then they are taken again."""
    while True:
        *plans, first_again = [plan(mine, view, f"{column} = '{one}'", options) for one in (*values, values[0])]
        if first_again == plans[0]:
            return plans
