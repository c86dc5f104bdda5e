"""Recognition: which kind of saved file this is, by its columns or keys, and what it then holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.vendors.openai.saved.exports import costs_pieces, is_costs_export, is_export, usage_endpoint, usage_pieces
from meterhouse.vendors.openai.saved.pages import Piece, days_between, streams_of
from meterhouse.vendors.openai.saved.retired import (
    DAILY_COSTS,
    MEDIA,
    UNREAD,
    billed_pieces,
    daily_pieces,
    dump_pieces,
    tokens_piece,
    unread,
)
from meterhouse.vendors.saved_file import SavedFigures, SavedText

_SHOWN_COLUMNS = 12
_BILLED = {"timestamp", "name"}


@dataclass(frozen=True)
class _Kind:
    """A kind of file: how it is called, what it is of, how it is known, and its pieces."""

    words: str
    is_costs: bool
    fits: Callable[[SavedText], bool]
    pieces: Callable[[SavedText, Collection[str]], Iterable[Piece]]
    remarks: Callable[[SavedText], tuple[str, ...]] = lambda _: ()


def read_saved(text: SavedText, excluded: Collection[str]) -> SavedFigures:
    """Return what a file holds; raises `FixConfiguration` for one that is of no kind that OpenAI ever gave out, showing its columns."""
    kind = next((one for one in _KINDS if one.fits(text)), None)
    if kind is None:
        shown = [visible(column) for column in (text.columns or (*text.tables, *text.words))]
        more = ", …" if len(shown) > _SHOWN_COLUMNS else ""
        raise FixConfiguration(
            f"{visible(text.name)} is not an export or saved answer of OpenAI's usage or costs, as it has"
            f" {', '.join(shown[:_SHOWN_COLUMNS]) or 'no rows'}{more}: docs/import.md lists the files that can be imported"
        )
    pieces = list(kind.pieces(text, excluded))
    if not pieces:
        raise FixConfiguration(f"{visible(text.name)} has no row: give a file with at least one")
    words = kind.words
    if not kind.is_costs and is_export(text) and (endpoint := usage_endpoint(text)):
        words = f"{words} of {endpoint.name}"
    organizations = {row.values["organization_id"] for rows in text.tables.values() for row in rows if "organization_id" in row.values}
    return SavedFigures(
        words, kind.is_costs, streams_of(visible(text.name), pieces, excluded), frozenset(organizations), kind.remarks(text)
    )


def _is_usage_export(text: SavedText) -> bool:
    return is_export(text) and usage_endpoint(text) is not None


def _usage_export(text: SavedText, excluded: Collection[str]) -> Iterable[Piece]:
    endpoint = usage_endpoint(text)
    return usage_pieces(text, endpoint, excluded) if endpoint else ()


def _is_billed(columns: Collection[str]) -> bool:
    return set(columns) >= _BILLED and not {"cost_in_major", "cost"}.isdisjoint(columns)


def _is_activity(text: SavedText) -> bool:
    return {"timestamp", "model", "num_requests"} <= set(text.columns) and "n_context_tokens_total" in text.columns


def _activity(text: SavedText, excluded: Collection[str]) -> Iterable[Piece]:
    pieces = [tokens_piece(row, "timestamp", text.columns, excluded) for row in text.rows]
    return [*pieces, *days_between(pieces)]


def _billed(text: SavedText, _: Collection[str]) -> Iterable[Piece]:
    pieces = list(billed_pieces(text))
    return [*pieces, *days_between(pieces)]


def _is_dump(text: SavedText) -> bool:
    return not {*MEDIA, *UNREAD}.isdisjoint(text.tables) or "aggregation_timestamp" in text.columns_of.get("data", ())


_KINDS = (
    _Kind("an export of costs", True, is_costs_export, costs_pieces),
    _Kind("an export of usage", False, _is_usage_export, _usage_export),
    _Kind("an older export of costs", True, lambda text: _is_billed(text.columns), _billed),
    _Kind("an older export of activity", False, _is_activity, _activity),
    _Kind(
        "an answer of /dashboard/billing/usage",
        True,
        lambda text: DAILY_COSTS in text.tables or "total_usage" in text.words,
        lambda text, _: daily_pieces(text),
    ),
    _Kind("an answer of /v1/usage", False, _is_dump, dump_pieces, unread),
    _Kind("an older export of costs in JSON", True, lambda text: _is_billed(text.columns_of.get("data", ())), _billed),
)
