"""Retired: what endpoints and exports of earlier years gave out, in their own words. Pure.

Tokens came by minute, key, model and kind of request; money by day and by names such as "Chat models", in hundredths of a dollar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhouse.catalogue.endpoints import (
    AUDIO_SPEECHES,
    AUDIO_TRANSCRIPTIONS,
    COMPLETIONS,
    COSTS,
    EMBEDDINGS,
    IMAGES,
    MODERATIONS,
    USER,
    Endpoint,
)
from meterhouse.control_characters import visible
from meterhouse.counts import counted
from meterhouse.errors import FixConfiguration
from meterhouse.money import add, plain
from meterhouse.vendors.openai.saved.cells import in_units, money, refused, second, whole
from meterhouse.vendors.openai.saved.exports import USER_EMAIL
from meterhouse.vendors.openai.saved.pages import Fields, Piece, whole_day
from meterhouse.vendors.saved_file import Row, SavedText
from meterhouse.windows import midnight, to_epoch

MEDIA = ("dalle_api_data", "whisper_api_data", "tts_api_data")
# No saved answer with rows in them has been seen: nobody knows their fields.
UNREAD = ("ft_data", "assistant_code_interpreter_data", "retrieval_storage_data", "tpm_data")
DAILY_COSTS = "daily_costs"
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
# The newest of several names of one figure comes first.
_TOKENS = {
    "num_model_requests": ("n_requests", "num_requests"),
    "input_tokens": ("n_context_tokens_total", "n_context"),
    "output_tokens": ("n_generated_tokens_total", "n_generated"),
    "input_cached_tokens": ("n_cached_context_tokens_total",),
    "input_audio_tokens": ("n_context_audio_tokens_total",),
    "output_audio_tokens": ("n_generated_audio_tokens_total",),
}
_IMAGE_SOURCES = {"generations": "image.generation", "edits": "image.edit", "variations": "image.variation"}
_CENTS_OF_ROUNDING = Decimal(1)


@dataclass(frozen=True)
class _Entry:
    """A row in a cell of another row."""

    place: str
    values: Mapping[str, str]


def tokens_piece(row: Row, instant_column: str, columns: Collection[str], excluded: Collection[str]) -> Piece:
    """Return a row of tokens: of embeddings or moderations where its operation or model says so, of completions otherwise.

    `columns` are those of its table: an empty request_type says that it was no batch, and a missing one says nothing.
    """
    endpoint = _endpoint_of_tokens(row)
    figures = {name: _first(row, columns) for name, columns in _TOKENS.items()}
    fields: Fields = {metric.name: figures.get(metric.name) for metric in endpoint.metrics}
    # What is required is 0 where an older answer has no such column: embeddings made no tokens.
    fields |= {metric.name: fields[metric.name] or 0 for metric in endpoint.metrics if metric.required}
    fields |= {"model": row.values.get("snapshot_id") or row.values.get("model"), "batch": _is_batch(row, columns)}
    return whole_day(endpoint, second(row, instant_column), _as_row(endpoint, fields | _identity(row, excluded)))


def dump_pieces(text: SavedText, excluded: Collection[str]) -> Iterator[Piece]:
    """Yield what an answer of /v1/usage holds: all of its day for each kind of figure that it lists, even for one without a row."""
    columns = text.columns_of.get("data", ())
    pieces = [tokens_piece(row, "aggregation_timestamp", columns, excluded) for row in text.tables.get("data", ())]
    readers = dict(zip(MEDIA, (_image, _transcription, _speech), strict=True))
    for name, read in readers.items():
        pieces += [read(row, excluded) for row in text.tables.get(name, ())]
    yield from pieces
    covered = [COMPLETIONS, EMBEDDINGS] if "data" in text.tables else []
    covered += [one for name, one in zip(MEDIA, (IMAGES, AUDIO_TRANSCRIPTIONS, AUDIO_SPEECHES), strict=True) if name in text.tables]
    for start in {piece.start for piece in pieces} or {_day_in(text.name)}:
        yield from (whole_day(endpoint, start) for endpoint in covered)


def unread(text: SavedText) -> tuple[str, ...]:
    """Return in words which rows of such an answer are in no figure, because nobody has seen their fields."""
    return tuple(
        f"{name} has {counted(len(rows), 'row')} whose fields are not known: they are in no figure"
        for name in UNREAD
        if (rows := text.tables.get(name))
    )


def billed_pieces(text: SavedText) -> Iterator[Piece]:
    """Yield the lines of an export of earlier years, which has dollars in cost_in_major and cents in cost."""
    for row in text.rows or text.tables.get("data", ()):
        dollars = money(row, "cost_in_major")
        amount = in_units(row, "cost") if dollars is None else dollars
        fields = {"line_item": row.values.get("name"), "project_id": _project(row), **_money(amount, row.values.get("currency", "usd"))}
        yield whole_day(COSTS, second(row, "timestamp"), _as_row(COSTS, fields))


def daily_pieces(text: SavedText) -> Iterator[Piece]:
    """Yield the lines of an answer of /dashboard/billing/usage, which names every kind of model on each day: those with 0 are left out.

    Raises `FixConfiguration` for the answer of a gateway, which has a total and no days, and for lines that do not add up to the total.
    """
    days = text.tables.get(DAILY_COSTS, ())
    if not days:
        raise FixConfiguration(
            f"{visible(text.name)} has no {DAILY_COSTS}, so it is the answer of a gateway and not OpenAI's bill: give an answer of OpenAI's"
            " own /dashboard/billing/usage, or an export of its dashboard"
        )
    total = Decimal(0)
    for row in days:
        yield whole_day(COSTS, second(row, "timestamp"))
        for entry in _entries(row, "line_items"):
            cents = money(entry, "cost") or Decimal(0)
            total = add(total, cents)
            if cents:
                fields = {"line_item": entry.values.get("name"), **_money(in_units(entry, "cost"), "usd")}
                yield whole_day(COSTS, second(row, "timestamp"), _as_row(COSTS, fields))
    whole_file = _Entry(visible(text.name), text.words)
    told = money(whole_file, "total_usage")
    if told is not None and abs(add(told, -total)) > _CENTS_OF_ROUNDING:
        raise FixConfiguration(
            f"{whole_file.place}: its lines add up to {plain(total)} cents and total_usage says {plain(told)}: give the whole answer"
            " as it was saved"
        )


def _image(row: Row, excluded: Collection[str]) -> Piece:
    operation = row.values.get("operation")
    fields = {"images": whole(row, "num_images") or 0, "size": row.values.get("image_size")}
    fields |= {"source": _IMAGE_SOURCES.get(operation, operation) if operation else None}
    return _media(IMAGES, row, fields, excluded)


def _transcription(row: Row, excluded: Collection[str]) -> Piece:
    return _media(AUDIO_TRANSCRIPTIONS, row, {"seconds": whole(row, "num_seconds") or 0}, excluded)


def _speech(row: Row, excluded: Collection[str]) -> Piece:
    return _media(AUDIO_SPEECHES, row, {"characters": whole(row, "num_characters") or 0}, excluded)


def _media(endpoint: Endpoint, row: Row, fields: Fields, excluded: Collection[str]) -> Piece:
    fields |= {"num_model_requests": whole(row, "num_requests") or 0, "model": row.values.get("model_id")}
    return whole_day(endpoint, second(row, "timestamp"), _as_row(endpoint, fields | _identity(row, excluded)))


def _endpoint_of_tokens(row: Row) -> Endpoint:
    words = [row.values.get(name, "").lower() for name in ("operation", "usage_type", "snapshot_id", "model")]
    if any("embedding" in word for word in words):
        return EMBEDDINGS
    return MODERATIONS if any("moderation" in word for word in words) else COMPLETIONS


def _identity(row: Row, excluded: Collection[str]) -> Fields:
    """Who made the requests; an address, which the directory knows and the API would not give, is kept beside the row."""
    told = [row.values[name] for name in ("email", "user_email", "user_id", "user") if name in row.values]
    address = next((word for word in told if "@" in word), None) if USER.name not in excluded else None
    user = next((word for word in told if "@" not in word), None)
    return {"project_id": _project(row), "api_key_id": row.values.get("api_key_id"), USER.name: user, USER_EMAIL: address}


def _project(row: Row) -> str | None:
    """The project's identifier; some answers have the name of one in its place, which says nothing about whose it is."""
    found = row.values.get("project_id")
    return found if found and found.startswith("proj") else None


def _is_batch(row: Row, columns: Collection[str]) -> bool | None:
    return row.values.get("request_type") == "batch" if "request_type" in columns else None


def _first(row: Row, columns: tuple[str, ...]) -> int | None:
    return next((found for column in columns if (found := whole(row, column)) is not None), None)


def _money(amount: Decimal | None, currency: str) -> Fields:
    return {"amount": {"value": None if amount is None else str(amount), "currency": currency}}


def _as_row(endpoint: Endpoint, fields: Fields) -> Fields:
    known = {one.name for one in endpoint.dimensions} | {metric.name for metric in endpoint.metrics} | {USER_EMAIL}
    return {"object": endpoint.object, **{name: value for name, value in fields.items() if value is not None and name in known}}


def _entries(row: Row, column: str) -> Iterator[_Entry]:
    """The rows that a cell holds as JSON."""
    try:
        found = json.loads(row.values.get(column, "[]"))
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise refused(row, column, "give a list of objects, as it was saved")
    for position, entry in enumerate(found, 1):
        values = {str(key).lower(): str(value) for key, value in entry.items() if value is not None}
        yield _Entry(f"{row.place}, {column} {position}", values)


def _day_in(name: str) -> int:
    """The day that a file without rows is of, as only its name can say."""
    found = set(_DATE.findall(name))
    try:
        (day,) = (date.fromisoformat(text) for text in found)
    except ValueError:
        raise FixConfiguration(
            f"{visible(name)} has no row that says its day: name it after the day, such as usage-2024-11-04.json"
        ) from None
    return to_epoch(midnight(day))
