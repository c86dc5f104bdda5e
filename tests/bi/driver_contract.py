"""What every driver must find in the schema that BI tools read: read from the server once, and compared with what each driver says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg
from tests.conftest import Warehouse

# A client's own zone: behind the vendor's, ahead of it, and ahead by a half hour.
ZONES = ("America/New_York", "Europe/Paris", "Asia/Kolkata")
# The same day by each column that a tool may group by.
DAYS = (
    "SELECT usage_date, sum(input_tokens)::bigint FROM bi.usage_hourly GROUP BY 1 ORDER BY 1",
    "SELECT date_trunc('day', bucket_start_utc)::date, sum(input_tokens)::bigint FROM bi.usage_hourly GROUP BY 1 ORDER BY 1",
)
AMOUNTS = "SELECT cost FROM bi.costs_daily"
UNKNOWN = "SELECT images FROM bi.usage_daily WHERE endpoint = 'completions' LIMIT 1"
SECRET = "SELECT * FROM warehouse.costs LIMIT 1"
WRITES = (
    "CREATE TABLE bi.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "CREATE VIEW bi.mine AS SELECT 1 AS one",
    "DELETE FROM bi.dim_organization",
    "UPDATE warehouse.costs SET amount = 0",
    "INSERT INTO ops.team_access VALUES ('a', 'b')",
)
INSUFFICIENT_PRIVILEGE = "42501"
# The server's types, and their short names, which JDBC and ODBC show.
SHORT_TYPES = {
    "bigint": "int8", "boolean": "bool", "character varying": "varchar", "date": "date", "numeric": "numeric",
    "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp", "integer": "int4", "double precision": "float8",
}  # fmt: skip
POWER_BI = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'bi' AND table_type IN ('BASE TABLE', 'VIEW')"
METABASE = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'bi' AND c.relkind IN ('r', 'p', 'v', 'f', 'm')"
)


@dataclass(frozen=True)
class Contract:
    """The views with (name, type, comment) of each column, their own comments, the billed total, and tokens by day."""

    columns: dict[str, list[tuple[str, str, str]]]
    comments: dict[str, str]
    amounts: int
    total: Decimal
    days: list[list[object]]
    hidden: set[str]

    @classmethod
    def of(cls, warehouse: Warehouse) -> Contract:
        """Ask the server, as the owner and in UTC."""
        columns: dict[str, list[tuple[str, str, str]]] = {}
        with psycopg.connect(warehouse.owner_url, options="-c timezone=UTC") as owner:
            for view, *column in owner.execute(
                "SELECT view_name, column_name, data_type, description FROM bi.data_dictionary ORDER BY 1, column_position"
            ):
                columns.setdefault(view, []).append(tuple(column))
            comments = dict(owner.execute("SELECT DISTINCT view_name, view_description FROM bi.data_dictionary").fetchall())
            amounts, total = owner.execute("SELECT count(cost), sum(cost) FROM bi.costs_daily").fetchone()
            days = [[str(day), int(tokens)] for day, tokens in owner.execute(DAYS[0]).fetchall()]
            hidden = {
                name
                for (name,) in owner.execute(
                    "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'warehouse'::regnamespace AND c.relkind IN ('r', 'p', 'v')"
                )
            }
        assert amounts > 300
        assert total.as_tuple().exponent == -12, "an amount with every decimal, so that a float would show"
        assert len(days) == 3
        return cls(columns, comments, amounts, total, days, hidden)


@dataclass(frozen=True)
class Server:
    """The parts of a reader's address, for drivers that take no URL."""

    host: str
    port: int
    database: str
    user: str
    password: str

    @classmethod
    def of(cls, url: str) -> Server:
        """Take an address apart."""
        parts = urlsplit(url)
        return cls(str(parts.hostname), parts.port or 5432, parts.path.lstrip("/"), str(parts.username), str(parts.password))


def probed(
    command: Sequence[str],
    contract: Contract,
    given: Mapping[str, Any],
    *,
    zone: str,
    timeout: int,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a driver saw, from a process in one of the zones that is asked everything at once, in JSON."""
    asked = {
        **given, "views": list(contract.columns), "lists": [POWER_BI, METABASE], "amounts": AMOUNTS, "unknown": UNKNOWN, "days": DAYS,
        "secret": SECRET, "writes": WRITES,
    }  # fmt: skip
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "zone": zone}


def size_and_scale(kind: str) -> tuple[int | None, int | None]:
    """Length of a text, precision and scale of a numeric, as the server words its types."""
    matched = re.search(r"\((\d+)(?:,(\d+))?\)", kind)
    return (int(matched[1]), None if matched[2] is None else int(matched[2])) if matched else (None, None)


def base(kind: str) -> str:
    """The type without its size."""
    return kind.partition("(")[0]
