"""Saved files in the shapes that the vendor gave out, made of an invented organization's own figures, and what they add up to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from meterhouse.catalogue.endpoints import (
    AUDIO_SPEECHES,
    AUDIO_TRANSCRIPTIONS,
    COMPLETIONS,
    COSTS,
    DAY,
    EMBEDDINGS,
    IMAGES,
    MINUTE,
    BucketWidth,
    Endpoint,
)
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Request
from meterhouse.vendors.openai.wire import path_of

Row = dict[str, Any]
TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")
COST_COLUMNS_2026 = (
    *TIMES, "amount_value", "amount_currency", "quantity", "quantity_unit", "line_item", "user_id", "api_key_id", "project_id",
    "organization_id", "project_name", "organization_name", "user_email", "api_source",
)  # fmt: skip
COST_COLUMNS_2025 = (
    *TIMES, "amount_value", "amount_currency", "line_item", "project_id", "organization_id", "organization_name",
)  # fmt: skip
OLD_COST_COLUMNS = (
    "timestamp", "date", "currency", "name", "cost", "cost_in_major", "organization_id", "organization_name", "project_id",
    "project_name", "user_id", "user_email",
)  # fmt: skip
IMAGE_OPERATIONS = {"image.generation": "generations", "image.edit": "edits", "image.variation": "variations"}


def epoch(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def buckets(
    fake: FakeOrganization, endpoint: Endpoint, first: date, end: date, group_by: Sequence[str], width: BucketWidth = DAY
) -> Iterator[tuple[int, int, list[Row]]]:
    """(start, end, rows) of what the organization answers, page by page; numbers are the texts that it sent."""
    query = [("start_time", epoch(first)), ("end_time", epoch(end)), ("bucket_width", width.name), ("limit", width.max_buckets)]
    query += [("group_by", name) for name in group_by]
    token: list[tuple[str, Any]] = []
    while True:
        answer = fake.answer(Request("GET", path_of(endpoint), urlencode([*query, *token])))
        assert answer.status == 200, answer.body
        page = json.loads(answer.body, parse_float=str, parse_int=str)
        for bucket in page["data"]:
            yield int(bucket["start_time"]), int(bucket["end_time"]), bucket["results"]
        if not page["has_more"]:
            return
        token = [("page", page["next_page"])]


def digits(amount: Decimal) -> str:
    """Every digit, without an exponent."""
    return f"{amount:f}" if amount else "0"


def as_csv(columns: Sequence[str], rows: Iterable[Row], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def times(start: int, end: int, *, has_rows: bool) -> Row:
    """The four columns of time; where there is a row the text has no zone."""
    zone = "" if has_rows else "+00:00"
    iso = [datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone for instant in (start, end)]
    return dict(zip(TIMES, (start, end, *iso), strict=True))


def costs_export(
    fake: FakeOrganization, first: date, end: date, *, group_by: Sequence[str] = ("project_id", "api_key_id", "line_item"),
    columns: Sequence[str] = COST_COLUMNS_2026,
) -> str:  # fmt: skip
    """The export of costs, one row per bucket and group, an almost empty one for a day without any."""
    rows: list[Row] = []
    for start, until, results in buckets(fake, COSTS, first, end, group_by):
        if not results:
            rows.append(times(start, until, has_rows=False))
        for result in results:
            amount = result.get("amount") or {}
            named = {"amount_value": amount.get("value"), "amount_currency": amount.get("currency")}
            rows.append(times(start, until, has_rows=True) | result | named)
    return as_csv(columns, rows)


def usage_export(fake: FakeOrganization, endpoint: Endpoint, first: date, end: date, *, width: BucketWidth = DAY) -> str:
    """The export of one endpoint's usage: counts as decimals, flags in capitals."""
    names = [dimension.name for dimension in endpoint.dimensions]
    rows: list[Row] = []
    for start, until, results in buckets(fake, endpoint, first, end, names, width):
        if not results:
            rows.append(times(start, until, has_rows=False))
        for result in results:
            figures = {metric.name: f"{result[metric.name]}.0" for metric in endpoint.metrics if result.get(metric.name) is not None}
            flags = {name: str(value).upper() for name, value in result.items() if isinstance(value, bool)}
            rows.append(times(start, until, has_rows=True) | result | figures | flags)
    return as_csv((*TIMES, *names, *(metric.name for metric in endpoint.metrics)), rows)


def empty_export(first: date, days: int) -> str:
    """The export of days without anything: four columns."""
    return as_csv(TIMES, [times(start, start + 86400, has_rows=False) for start in range(epoch(first), epoch(first) + days * 86400, 86400)])


def billed_rows(fake: FakeOrganization, first: date, end: date) -> list[Row]:
    """Rows of the older export of costs: dollars in cost_in_major, cents in cost."""
    return [
        {
            "timestamp": start,
            "date": datetime.fromtimestamp(start, UTC).isoformat(),
            "currency": result["amount"]["currency"],
            "name": result["line_item"],
            "cost": digits(Decimal(result["amount"]["value"]).scaleb(2)),
            "cost_in_major": digits(Decimal(result["amount"]["value"])),
            "organization_id": result["organization_id"],
            "project_id": result["project_id"],
        }
        for start, _, results in buckets(fake, COSTS, first, end, ("project_id", "line_item"))
        for result in results
        if result.get("amount")
    ]


def billing_usage(fake: FakeOrganization, first: date, end: date) -> dict[str, Any]:
    """The answer of /dashboard/billing/usage, in cents; some names have nothing on a day."""
    days = []
    for start, _, results in buckets(fake, COSTS, first, end, ("line_item",)):
        lines: dict[str, Decimal] = {"Chat models": Decimal(0), "Audio models": Decimal(0)}
        for result in results:
            if result.get("amount"):
                name = result["line_item"] or "Chat models"
                lines[name] = lines.get(name, Decimal(0)) + Decimal(result["amount"]["value"]).scaleb(2)
        days.append({"timestamp": f"{start}.0", "line_items": [{"name": name, "cost": digits(cents)} for name, cents in lines.items()]})
    total = sum((Decimal(line["cost"]) for day in days for line in day["line_items"]), Decimal(0))
    return {"object": "list", "daily_costs": days, "total_usage": digits(total)}


def usage_dump(fake: FakeOrganization, day: date) -> dict[str, Any]:
    """The answer of /v1/usage for one day: tokens by minute, the rest by its own array."""
    end = date.fromordinal(day.toordinal() + 1)
    identity = {"organization_id": fake.roster.organization_id, "organization_name": fake.roster.organization_name}
    dump: dict[str, Any] = {"object": "list", "data": [], "ft_data": [], "dalle_api_data": [], "whisper_api_data": [], "tts_api_data": []}
    dump |= {"assistant_code_interpreter_data": [], "retrieval_storage_data": [], "current_usage_usd": "0.0"}
    for endpoint, operation in ((COMPLETIONS, "completion"), (EMBEDDINGS, "embeddings")):
        names = [one for one in ("project_id", "api_key_id", "model", "batch") if one in {dim.name for dim in endpoint.dimensions}]
        for start, _, results in buckets(fake, endpoint, day, end, names, MINUTE):
            dump["data"] += [
                identity | {
                    "aggregation_timestamp": start,
                    "operation": operation,
                    "n_requests": row["num_model_requests"],
                    "snapshot_id": row["model"],
                    "n_context_tokens_total": row["input_tokens"],
                    "n_generated_tokens_total": row.get("output_tokens", 0),
                    "n_cached_context_tokens_total": row.get("input_cached_tokens", 0),
                    "api_key_id": row["api_key_id"],
                    "project_id": row["project_id"],
                    "request_type": "batch" if row.get("batch") else "",
                }
                for row in results
            ]  # fmt: skip
    for array, endpoint, figure, name in (
        ("dalle_api_data", IMAGES, "images", "num_images"),
        ("whisper_api_data", AUDIO_TRANSCRIPTIONS, "seconds", "num_seconds"),
        ("tts_api_data", AUDIO_SPEECHES, "characters", "num_characters"),
    ):
        names = [dim.name for dim in endpoint.dimensions if dim.name != "user_id"]
        for start, _, results in buckets(fake, endpoint, day, end, names):
            dump[array] += [
                identity | {
                    "timestamp": start,
                    name: row[figure],
                    "num_requests": row["num_model_requests"],
                    "model_id": row["model"],
                    "user_id": "somebody@example.com",
                    "api_key_id": row["api_key_id"],
                    "project_id": row["project_id"],
                    "image_size": row.get("size"),
                    "operation": IMAGE_OPERATIONS.get(row.get("source", ""), row.get("source")),
                }
                for row in results
            ]  # fmt: skip
    return dump


def sum_of(text: str, column: str) -> Decimal:
    """The exact sum of one column of a CSV text."""
    return sum((Decimal(row[column]) for row in csv.DictReader(io.StringIO(text)) if row.get(column)), Decimal(0))
