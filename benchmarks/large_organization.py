"""One large organization in a real embedded PostgreSQL: a year of hours and days that add up, and costs; the same figures for a seed.

The data stays in a folder, so that it can be made once, upgraded, and read by `reading.py` before and after a change:

    .venv/bin/python benchmarks/large_organization.py --home /var/tmp/large --rows 20000000 --seed 7
    .venv/bin/python benchmarks/large_organization.py --home /var/tmp/large --upgrade
"""

from __future__ import annotations

import argparse
import importlib.util
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, LiteralString

import psycopg
from psycopg import sql

import meterhouse
from meterhouse.catalogue.endpoints import COSTS, DAY, HOUR, USAGE, USAGE_DIMENSIONS, Endpoint
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.local.postgres import EmbeddedPostgres
from meterhouse.local.roles import allow_only, give_login
from meterhouse.warehouse.derived_names import keep_line_items, keep_models
from meterhouse.warehouse.harden import harden
from meterhouse.warehouse.migrate import migrate
from meterhouse.warehouse.schema import LOADER_ROLE, OWNER_ROLE, READER_ROLE, SCHEMA_REVISION, WAREHOUSE
from meterhouse.warehouse.tables import metadata

LABEL = "large"
DATABASE = "warehouse"
LAST_DAY = date(2026, 11, 20)
DAYS = 365
FIRST_DAY = LAST_DAY - timedelta(days=DAYS - 1)
COMBINATIONS, PROJECTS, USERS, SERVICE_ACCOUNTS, API_KEYS = 12_000, 60, 400, 40, 800
# Share of the combinations by endpoint; storage and sessions are known only by project.
SHARES = {
    "completions": 0.85, "embeddings": 0.05, "decisions": 0.02, "moderations": 0.02, "images": 0.015, "audio_speeches": 0.01,
    "audio_transcriptions": 0.01, "file_search_calls": 0.005, "web_search_calls": 0.01,
}  # fmt: skip
BY_PROJECT = {"vector_stores", "code_interpreter_sessions"}
# Model, and the price in 1e-12 USD of an input token (or of the one thing counted), a cached one and an output token.
CHAT_MODELS = {
    "gpt-5.4-2026-03-05": (1_250_000, 125_000, 10_000_000), "gpt-5.4-mini-2026-03-17": (400_000, 40_000, 3_200_000),
    "gpt-5.4-nano-2026-03-17": (50_000, 5_000, 400_000), "gpt-5-2025-08-07": (1_250_000, 125_000, 10_000_000),
    "gpt-5-mini-2025-08-07": (250_000, 25_000, 2_000_000), "gpt-5-nano-2025-08-07": (50_001, 5_003, 400_007),
    "gpt-4.1-2025-04-14": (2_000_000, 500_000, 8_000_000), "gpt-4.1-mini-2025-04-14": (400_000, 100_000, 1_600_000),
    "gpt-4.1-nano-2025-04-14": (100_000, 25_000, 400_000), "gpt-4o-2024-08-06": (2_500_000, 1_250_000, 10_000_000),
    "gpt-4o-mini-2024-07-18": (150_000, 75_000, 600_000), "o3-2025-04-16": (2_000_000, 500_000, 8_000_000),
    "o4-mini-2025-04-16": (1_100_000, 275_000, 4_400_000), "o1-2024-12-17": (15_000_000, 7_500_000, 60_000_000),
    "ft-gpt-4o-2024-08-06": (3_750_000, 1_875_000, 15_000_000),
}  # fmt: skip
OTHER_MODELS = {
    "embeddings": {"text-embedding-3-small": 20_000, "text-embedding-3-large": 130_000, "text-embedding-ada-002": 100_000},
    "moderations": {"omni-moderation-2024-09-26": 0},
    "images": {"gpt-image-1": 42_000_000_000, "dall-e-3": 40_000_000_000},
    "audio_speeches": {"tts-1": 15_000_000, "tts-1-hd": 30_000_000},
    "audio_transcriptions": {"whisper-1": 100_000_000, "gpt-4o-transcribe": 100_000_000},
}
TOKEN_ENDPOINTS = ("completions", "decisions")
VARIANTS = ((False, "default"), (False, "flex"), (False, "priority"), (True, "default"))
UNITS = {"embeddings": "tokens", "moderations": "tokens", "images": "images", "audio_speeches": "characters"}
UNITS |= {"audio_transcriptions": "duration_seconds"}
MODELS_OF_A_KEY, USERS_OF_A_KEY = 2, 3
# Each hour of the day, by how busy it is next to the average; weekends are quieter.
BUSY = [0.5] * 6 + [0.8] * 2 + [1.5] * 10 + [1.0] * 4 + [0.7] * 2
WEEKEND = 0.6
CHANCE_ONE = 1 << 20

# What a row says, in the words of the rolls below; every figure that is not named is 0.
FIGURES = {
    "input_tokens": "fresh + cached",
    "input_uncached_tokens": "fresh",
    "input_text_tokens": "fresh",
    "input_cached_tokens": "cached",
    "input_cached_text_tokens": "cached",
    "output_tokens": "written",
    "output_text_tokens": "written",
    "num_model_requests": "requests",
    "num_requests": "requests",
    "num_sessions": "requests",
    "images": "requests",
    "characters": "fresh",
    "seconds": "fresh",
    "usage_bytes": "tokens_in * 1048576 + roll_2 * 1024",
}
# One hash of hour and combination decides whether there is a row, and its bits what is in it.
HOURS_OF_A_DAY = """
INSERT INTO {fact} (bucket_start, bucket_width, group_id, {names})
SELECT bucket_start, 60, group_id, {figures}
FROM (
    SELECT
        r.*,
        requests * tokens_in * (32768 + roll_2) >> 16 AS fresh,
        requests * tokens_in * cached_permille / 1000 * roll_3 >> 16 AS cached,
        requests * tokens_out * (32768 + roll_3) >> 16 AS written
    FROM (
        SELECT h.*, 1 + (size * (bits >> 20 & 65535) >> 16) AS requests, bits >> 36 & 65535 AS roll_2, bits >> 48 & 65535 AS roll_3
        FROM (
            SELECT b.bucket_start, b.busy, a.*, hashint8extended(b.number * 1000000 + a.group_id, %(seed)s) AS bits
            FROM benchmark.buckets b
            CROSS JOIN benchmark.activity a
            WHERE b.bucket_start >= %(day)s AND b.bucket_start < %(day)s + interval '24 hours' AND a.endpoint = %(endpoint)s
            OFFSET 0
        ) h
        WHERE (bits & 1048575) < chance * busy
        OFFSET 0
    ) r
) f
ORDER BY 1, 3
"""
DAY_OF_HOURS = """
INSERT INTO {fact} (bucket_start, bucket_width, group_id, {names})
SELECT %(day)s, 1440, group_id, {figures}
FROM {fact}
WHERE bucket_width = 60 AND bucket_start >= %(day)s AND bucket_start < %(day)s + interval '24 hours'
GROUP BY group_id
ORDER BY group_id
"""
COSTS_OF_DAYS = """
INSERT INTO warehouse.costs (bucket_start, bucket_width, group_id, amount, quantity, quantity_unit)
SELECT
    u.bucket_start, 1440, p.cost_group_id, trim_scale(sum(u.quantity * p.picodollars * p.permille) * 0.000000000000001), sum(u.quantity),
    p.unit
FROM (
    {quantities}
) u
JOIN benchmark.prices p ON p.group_id = u.group_id AND p.kind = u.kind
WHERE u.quantity > 0
GROUP BY u.bucket_start, p.cost_group_id, p.unit
ORDER BY 1, 3
"""
COVERAGE = """
INSERT INTO ops.coverage
SELECT %(organization)s, %(endpoint)s, %(minutes)s, s.bucket_start, s.bucket_start, s.bucket_start + make_interval(mins => %(minutes)s),
    true, coalesce(f.row_count, 0), %(grouping)s, %(changed)s, 'settled'
FROM generate_series(%(first)s, %(end)s - interval '1 second', make_interval(mins => %(minutes)s)) AS s (bucket_start)
LEFT JOIN (SELECT bucket_start, count(*) AS row_count FROM {fact} WHERE bucket_width = %(minutes)s GROUP BY 1) f USING (bucket_start)
"""


@dataclass(frozen=True)
class Combination:
    """One combination of dimensions, and how its usage looks: a chance per average hour, requests, tokens of a request."""

    group_id: int
    endpoint: str
    dimensions: dict[str, str | bool]
    weight: float
    requests: int
    tokens_in: int
    tokens_out: int
    cached_permille: int

    @property
    def picodollars(self) -> dict[str, tuple[str, int, str | None]]:
        """Line item, price and unit by what is counted."""
        model = str(self.dimensions.get("model", ""))
        if self.endpoint in TOKEN_ENDPOINTS:
            kinds = ("input", "cached input", "output")
            return {kind: (f"{model}, {kind}", price, "tokens") for kind, price in zip(kinds, CHAT_MODELS[model], strict=True)}
        if prices := OTHER_MODELS.get(self.endpoint):
            return {"input": (model, prices[model], UNITS[self.endpoint])}
        if self.endpoint == "vector_stores":
            return {}
        return {"input": (self.endpoint.replace("_", " "), 10_000_000_000, None)}

    @property
    def price_permille(self) -> int:
        """What the price is multiplied with: batches and flex cost half, priority twice."""
        if self.dimensions.get("batch") or self.dimensions.get("service_tier") == "flex":
            return 500
        return 2000 if self.dimensions.get("service_tier") == "priority" else 1000


@dataclass(frozen=True)
class Key:
    """An API key: whose it is, in which project, and what it is used for."""

    api_key_id: str
    project_id: str
    owner_id: str
    users: tuple[str, ...]
    models: tuple[str, ...]


class Roster:
    """Who is who: projects, users, keys and combinations, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # figures that come again are the point
        self.projects = [f"proj_{number:04d}" for number in range(PROJECTS)]
        self.users = [f"user-{number:04d}" for number in range(USERS)]
        self.accounts = {f"svcacct-{number:04d}": self.projects[number % PROJECTS] for number in range(SERVICE_ACCOUNTS)}
        popularity = [1 / (place + 1) for place in range(PROJECTS)]
        self.keys = [self._key(number, popularity) for number in range(API_KEYS)]
        self.combinations = list(self._combinations())

    def _key(self, number: int, popularity: Sequence[float]) -> Key:
        # The first ones go round, so that no project is without a key.
        project = self.projects[number] if number < PROJECTS else self._random.choices(self.projects, popularity)[0]
        accounts = [account for account, home in self.accounts.items() if home == project]
        owner = self._random.choice(accounts if accounts and number % 4 == 0 else self.users)
        others = self._random.sample(self.users, USERS_OF_A_KEY)
        users = (owner, *(user for user in others if user != owner))[:USERS_OF_A_KEY]
        return Key(f"key_{number:05d}", project, owner, users, tuple(self._random.sample(list(CHAT_MODELS), MODELS_OF_A_KEY)))

    def _combinations(self) -> Iterator[Combination]:
        number = 0
        for endpoint in USAGE:
            if endpoint.name in BY_PROJECT:
                found = [{"project_id": project} for project in self.projects]
            else:
                found = self._sample(endpoint, round(COMBINATIONS * SHARES.get(endpoint.name, 0)))
            for dimensions in found:
                number += 1
                yield self._active(number, endpoint.name, dimensions)

    def _sample(self, endpoint: Endpoint, wanted: int) -> list[dict[str, Any]]:
        names = {dimension.name for dimension in endpoint.dimensions}
        rest = {"api_source": "unlabeled", "size": "1024x1024", "source": "generation", "context_level": "medium"}
        rest = {name: value for name, value in rest.items() if name in names}
        every: list[dict[str, Any]] = []
        for key in self.keys:
            callers = [{"project_id": key.project_id, "user_id": user, "api_key_id": key.api_key_id} for user in key.users]
            models = key.models if endpoint.name not in OTHER_MODELS else tuple(OTHER_MODELS[endpoint.name])
            if "batch" in names:
                what: list[dict[str, Any]] = [
                    {"model": m, "batch": batch, "service_tier": tier} for m in models for batch, tier in VARIANTS
                ]
            elif "model" in names:
                what = [{"model": model} for model in models]
            else:
                what = [{"vector_store_id": f"vs_{key.project_id[-4:]}"}]
            every += [caller | one for caller in callers for one in what]
        if endpoint.name == "completions":
            # People at the playground have no key.
            every += [
                {
                    "project_id": self._random.choice(self.projects),
                    "user_id": user,
                    "model": model,
                    "batch": False,
                    "service_tier": "default",
                }
                for user in self.users
                for model in list(CHAT_MODELS)[:2]
            ]
        return [dimensions | rest for dimensions in self._random.sample(every, min(wanted, len(every)))]

    def _active(self, number: int, endpoint: str, dimensions: dict[str, Any]) -> Combination:
        roll = self._random
        always = endpoint == "vector_stores"
        return Combination(
            number,
            endpoint,
            dimensions,
            weight=1e9 if always else roll.lognormvariate(0, 2),
            requests=1 + int(roll.lognormvariate(3, 1.5)),
            tokens_in=roll.randint(200, 6000),
            tokens_out=roll.randint(50, 1200),
            cached_permille=roll.randint(0, 900) if endpoint in TOKEN_ENDPOINTS else 0,
        )


def chances(combinations: Sequence[Combination], rows: int) -> list[int]:
    """Return each combination's chance of a row in an average hour, in 2**-20, such that about `rows` come together."""
    busy = Counter(BUSY[hour] * factor for hour in range(24) for factor in (*[1.0] * 5, *[WEEKEND] * 2))
    weeks = DAYS / 7
    low, high = 0.0, 1e3
    for _ in range(40):
        middle = (low + high) / 2
        expected = weeks * sum(times * min(1.0, middle * one.weight * factor) for one in combinations for factor, times in busy.items())
        low, high = (middle, high) if expected < rows else (low, middle)
    return [min(CHANCE_ONE * 4, round(low * one.weight * CHANCE_ONE)) for one in combinations]


class Generator:
    """Fills an empty warehouse, as its superuser."""

    def __init__(self, connection: psycopg.Connection[Any], rows: int, seed: int) -> None:
        self._connection = connection
        self._rows = rows
        self._seed = seed
        self._roster = Roster(seed)
        self._first = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
        self._end = self._first + timedelta(days=DAYS)
        self._organization = 1

    def run(self) -> None:
        """Fill everything; the last thing written are the watermarks."""
        self._names()
        self._groups()
        self._rolls()
        self._facts()
        self._roll_up()
        for endpoint in (*USAGE, COSTS):
            self._coverage(endpoint)
        self._connection.execute("DROP SCHEMA benchmark CASCADE")
        say("vacuum and analyze")
        self._connection.execute("VACUUM (ANALYZE)")

    def _copy(self, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        schema, _, name = table.partition(".")
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(schema, name), columns)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _names(self) -> None:
        roster, org, seen = self._roster, self._organization, self._first
        self._connection.execute(
            "INSERT INTO warehouse.dim_organization (organization_id, label, vendor, created_at, vendor_organization_id)"
            " OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, 'org-large')",
            (org, LABEL, OPENAI.name, seen),
        )
        common = ("organization_id", "valid_from", "created_at")
        self._copy(
            "warehouse.dim_project",
            (*common, "project_id", "project_name", "status"),
            [(org, seen, seen, project, f"Project {project[-4:]}", "active") for project in roster.projects],
        )
        people: list[tuple[Any, ...]] = [
            (org, seen, seen, user, f"Person {user[-4:]}", f"{user}@example.com", "member", "user", None) for user in roster.users
        ]  # fmt: skip
        people += [
            (org, seen, seen, account, f"Robot {account[-4:]}", None, "member", "service_account", project)
            for account, project in roster.accounts.items()
        ]
        self._copy("warehouse.dim_user", (*common, "user_id", "user_name", "user_email", "role", "user_kind", "project_id"), people)
        named = {row[3]: (row[4], row[7]) for row in people}
        names = ("api_key_id", "api_key_name", "project_id", "owner_id", "owner_name", "owner_kind", "redacted_value")
        keys = [
            (
                org,
                seen,
                seen,
                key.api_key_id,
                f"Key {key.api_key_id[-5:]}",
                key.project_id,
                key.owner_id,
                *named[key.owner_id],
                "sk-...abcd",
            )
            for key in roster.keys
        ]
        self._copy("warehouse.dim_api_key", (*common, *names), keys)

    def _groups(self) -> None:
        """Store combinations under numbers of their own, the models and line items in them, and what each costs."""
        roster, org = self._roster, self._organization
        dimensions = [dimension.name for dimension in USAGE_DIMENSIONS]
        groups = [(one.group_id, org, one.endpoint, *(one.dimensions.get(name) for name in dimensions)) for one in roster.combinations]
        self._numbered("dim_group", ("group_id", "organization_id", "endpoint", *dimensions), groups)
        cost_groups: dict[tuple[Any, ...], int] = {}
        prices = []
        for one in roster.combinations:
            for kind, (item, price, unit) in one.picodollars.items():
                payer = (one.dimensions.get("project_id"), one.dimensions.get("api_key_id"), item)
                number = cost_groups.setdefault(payer, len(cost_groups) + 1)
                prices.append((one.group_id, kind, number, price, one.price_permille, unit))
        rows = [(number, org, *payer, "usd") for payer, number in cost_groups.items()]
        self._numbered("dim_cost_group", ("group_id", "organization_id", "project_id", "api_key_id", "line_item", "currency"), rows)
        units = {item: unit for one in roster.combinations for item, _, unit in one.picodollars.values()}
        with self._connection.cursor() as cursor:
            keep_line_items(cursor, units, OPENAI.name)
            keep_models(cursor, {str(one.dimensions["model"]) for one in roster.combinations if "model" in one.dimensions}, OPENAI.name)
        self._scratch(
            "prices", "group_id integer, kind text, cost_group_id integer, picodollars bigint, permille integer, unit text", prices
        )

    def _numbered(self, table: LiteralString, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        # COPY keeps the numbers that it is given; the sequence goes on behind them.
        self._copy(f"warehouse.{table}", names, rows)
        self._connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'group_id'), %s)", (f"warehouse.{table}", len(rows))
        )  # fmt: skip

    def _scratch(self, table: LiteralString, columns: LiteralString, rows: Sequence[Sequence[Any]]) -> None:
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS benchmark")
        name = sql.Identifier("benchmark", table)
        self._connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} ({})").format(name, sql.SQL(columns)))
        self._copy(f"benchmark.{table}", [column.split()[0] for column in columns.split(", ")], rows)
        self._connection.execute(sql.SQL("ANALYZE {}").format(name))

    def _rolls(self) -> None:
        combinations = self._roster.combinations
        self._scratch(
            "activity",
            "group_id integer, endpoint text, chance bigint, size bigint, tokens_in bigint, tokens_out bigint, cached_permille bigint",
            [
                (one.group_id, one.endpoint, chance, one.requests, one.tokens_in, one.tokens_out, one.cached_permille)
                for one, chance in zip(combinations, chances(combinations, self._rows), strict=True)
            ],
        )
        hours = [self._first + timedelta(hours=number) for number in range(24 * DAYS)]
        self._scratch(
            "buckets",
            "bucket_start timestamptz, number bigint, busy numeric",
            # A level is there in every hour: its chance is large enough for the quietest one.
            [(hour, int(hour.timestamp()) // 3600, BUSY[hour.hour] * (WEEKEND if hour.isoweekday() > 5 else 1)) for hour in hours],
        )
        self._connection.execute("ALTER TABLE benchmark.buckets ALTER busy TYPE double precision")
        self._connection.execute("CREATE INDEX ON benchmark.buckets (bucket_start)")
        self._connection.execute("CREATE INDEX ON benchmark.activity (endpoint)")

    def _facts(self) -> None:
        """Hours, then the day they make, then what it costs, day by day, as a warehouse that is kept current gets them."""
        hours = {endpoint: self._statement(HOURS_OF_A_DAY, endpoint, dict.get) for endpoint in USAGE}
        days = {endpoint: self._sums(endpoint) for endpoint in USAGE}
        costs = self._costs()
        for number in range(DAYS):
            day = self._first + timedelta(days=number)
            if number == 0 or day.day == 1:
                say(f"{day:%Y-%m}")
                for endpoint in (*USAGE, COSTS):
                    self._connection.execute("SELECT warehouse.ensure_partition(%s, %s)", (endpoint.table, day.date()))
            with self._connection.transaction():
                for endpoint in USAGE:
                    self._connection.execute(hours[endpoint], {"day": day, "endpoint": endpoint.name, "seed": self._seed})
                    self._connection.execute(days[endpoint], {"day": day})
                self._connection.execute(costs, {"day": day})

    def _roll_up(self) -> None:
        """Add up the days, as loads do in a version that keeps such sums."""
        if importlib.util.find_spec("meterhouse.warehouse.rollups") is not None:
            # Its planner settings hold for a transaction only, and the tables have no statistics yet.
            with self._connection.transaction():
                importlib.import_module("meterhouse.warehouse.rollups").fill(self._connection)

    @staticmethod
    def _statement(template: LiteralString, endpoint: Endpoint, figure: Any) -> sql.Composed:
        names = [metric.name for metric in endpoint.metrics]
        return sql.SQL(template).format(
            fact=sql.Identifier(WAREHOUSE, endpoint.table),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            figures=sql.SQL(", ").join(sql.SQL(figure(FIGURES, name, "0")) for name in names),
        )

    @staticmethod
    def _sums(endpoint: Endpoint) -> sql.Composed:
        functions = [(sql.SQL("sum" if metric.additive else "max"), sql.Identifier(metric.name)) for metric in endpoint.metrics]
        return sql.SQL(DAY_OF_HOURS).format(
            fact=sql.Identifier(WAREHOUSE, endpoint.table),
            names=sql.SQL(", ").join(name for _, name in functions),
            figures=sql.SQL(", ").join(sql.SQL("{}({})").format(*one) for one in functions),
        )

    @staticmethod
    def _costs() -> sql.Composed:
        kinds = {"input": "input_uncached_tokens", "cached input": "input_cached_tokens", "output": "output_tokens"}
        parts = []
        for endpoint in USAGE:
            counted = kinds if endpoint.name in TOKEN_ENDPOINTS else {"input": endpoint.metrics[0].name}
            parts += [
                sql.SQL(
                    "SELECT bucket_start, group_id, {} AS kind, {} AS quantity FROM {} WHERE bucket_width = 1440 AND bucket_start = {}"
                ).format(sql.Literal(kind), sql.Identifier(column), sql.Identifier(WAREHOUSE, endpoint.table), sql.Placeholder("day"))
                for kind, column in counted.items()
                if endpoint.name != "vector_stores"
            ]
        return sql.SQL(COSTS_OF_DAYS).format(quantities=sql.SQL("\nUNION ALL ").join(parts))

    def _coverage(self, endpoint: Endpoint) -> None:
        for width in (DAY, HOUR):
            if width not in endpoint.widths:
                continue
            values = {
                "organization": self._organization, "endpoint": endpoint.name, "minutes": width.minutes, "first": self._first,
                "end": self._end, "changed": self._end, "grouping": ",".join(dimension.name for dimension in endpoint.dimensions),
            }  # fmt: skip
            self._connection.execute(sql.SQL(COVERAGE).format(fact=sql.Identifier(WAREHOUSE, endpoint.table)), values)
            self._connection.execute(
                "INSERT INTO ops.watermarks VALUES (%(organization)s, %(endpoint)s, %(minutes)s, %(first)s, %(end)s, %(changed)s)", values
            )


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Place:
    """A running server with the warehouse on it: the addresses of its superuser, owner and reader."""

    server: EmbeddedPostgres
    superuser_url: str
    owner_url: str
    reader_url: str


@contextmanager
def place(home: Path, *, fsync: bool = True) -> Iterator[Place]:
    """Start the server whose data is in `home` for as long as the context lasts; passwords are new each time."""
    with EmbeddedPostgres(home / "postgres", fsync=fsync) as server:
        owner, reader = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        give_login(server.url(), OWNER_ROLE, owner, creates_roles=True)
        server.ensure_database(DATABASE, OWNER_ROLE)
        give_login(server.url(), READER_ROLE, reader)
        yield Place(server, server.url(DATABASE), server.url(DATABASE, OWNER_ROLE, owner), server.url(DATABASE, READER_ROLE, reader))


def revision(url: str) -> str | None:
    """Return the migration that the warehouse is at, None for an empty database."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('ops.alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    return str(row[0]) if row else None


def is_filled(url: str) -> bool:
    """Whether the generator came to its end here: the watermark of costs is what it writes last."""
    if revision(url) is None:
        return False
    with psycopg.connect(url) as connection:
        return bool(connection.execute("SELECT FROM ops.watermarks WHERE endpoint = %s", (COSTS.name,)).fetchall())


def checksum(url: str) -> Iterator[str]:
    """Return what two runs with one seed have in common: rows of each fact, and sums."""
    with psycopg.connect(url) as connection:
        rows: dict[int, int] = {}
        for endpoint in (*USAGE, COSTS):
            query = sql.SQL("SELECT bucket_width, count(*) FROM {} GROUP BY 1 ORDER BY 1").format(sql.Identifier(WAREHOUSE, endpoint.table))
            found: dict[int, int] = dict(connection.execute(query).fetchall())
            if not endpoint.is_costs:
                rows = {width: rows.get(width, 0) + found.get(width, 0) for width in (HOUR.minutes, DAY.minutes)}
            words = ", ".join(f"{count:,} of {width} minutes" for width, count in found.items())
            yield f"  {endpoint.table:32} {words or 'none'}"
        yield f"  usage                            {rows[HOUR.minutes]:,} rows of hours, {rows[DAY.minutes]:,} rows of days"
        for width in (HOUR, DAY):
            total = connection.execute(
                "SELECT sum(input_tokens) FROM warehouse.usage_completions WHERE bucket_width = %s", (width.minutes,)
            ).fetchone()
            yield f"  input_tokens of {width.name}               {total[0] if total else None}"
        total = connection.execute("SELECT sum(amount), sum(quantity) FROM warehouse.costs").fetchone() or (None, None)
        yield f"  cost and its quantity            {total[0]} usd, {total[1]}"


def sizes(url: str) -> Iterator[str]:
    """Return the size of every table of the warehouse with its partitions, heap and indexes apart, largest first."""
    query = """
        SELECT n.nspname || '.' || c.relname, sum(pg_table_size(t.relid))::bigint, sum(pg_indexes_size(t.relid))::bigint
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL pg_partition_tree(c.oid) t
        WHERE n.nspname IN ('warehouse', 'ops') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        GROUP BY 1
        HAVING sum(pg_total_relation_size(t.relid)) > 1000000
        ORDER BY sum(pg_total_relation_size(t.relid)) DESC
    """
    with psycopg.connect(url) as connection:
        # Tables without partitions are no tree to pg_partition_tree.
        plain = query.replace("CROSS JOIN LATERAL pg_partition_tree(c.oid) t", "CROSS JOIN LATERAL (SELECT c.oid AS relid) t").replace(
            "c.relkind IN ('r', 'p')", "c.relkind = 'r'"
        )
        for text in (query.replace("c.relkind IN ('r', 'p')", "c.relkind = 'p'"), plain):
            for name, heap, indexes in connection.execute(text.encode()):
                yield f"  {name:40} {heap / 1e6:10,.0f} MB, its indexes {indexes / 1e6:8,.0f} MB"


def main() -> None:
    """Fill, upgrade, or say what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="folder that keeps the server's data")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of hours, about")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--upgrade", action="store_true", help="migrate what is there to this version")
    given = parser.parse_args()
    say(f"{Path(meterhouse.__file__).parent}, migration {SCHEMA_REVISION}, {len(metadata.tables)} tables")
    # A crash would cost only the data, which can be made again; measurements use the usual settings.
    with place(given.home, fsync=given.upgrade) as found:
        if given.upgrade:
            began = time.monotonic()
            applied = migrate(found.owner_url)
            # A reader gets the settings that `make up` gives it.
            harden(found.server.url(DATABASE))
            say(f"migrations applied: {', '.join(applied) or 'none'}, in {time.monotonic() - began:.1f} s")
            # As the server does automatically some minutes later.
            with psycopg.connect(found.superuser_url, autocommit=True) as connection:
                connection.execute("VACUUM (ANALYZE)")
        elif is_filled(found.superuser_url):
            say(f"{given.home} is filled already, at migration {revision(found.superuser_url)}: nothing to do")
            return
        else:
            if revision(found.superuser_url) is not None:
                sys.exit(f"{given.home} was begun and not finished: delete it and begin anew")
            began = time.monotonic()
            migrate(found.owner_url)
            allow_only(found.server.url(), DATABASE, (LOADER_ROLE, READER_ROLE))
            harden(found.server.url(DATABASE))
            with psycopg.connect(found.superuser_url, autocommit=True) as connection:
                Generator(connection, given.rows, given.seed).run()
            say(f"filled with seed {given.seed} in {time.monotonic() - began:.0f} s")
        for line in (*checksum(found.superuser_url), *sizes(found.superuser_url)):
            say(line)


if __name__ == "__main__":
    main()
