"""Exports: the CSV files of the dashboard's usage page as it is today; their columns are the fields of the API. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from meterhouse.catalogue.endpoints import COSTS, COSTS_BY_USER, DAY, USER, Endpoint, Kind, offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.control_characters import visible
from meterhouse.errors import FixConfiguration
from meterhouse.vendors.openai.saved.cells import day_of, flag, money, quantity, refused, second, whole
from meterhouse.vendors.openai.saved.pages import Fields, Piece
from meterhouse.vendors.saved_file import Row, SavedText

TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")
AMOUNT = ("amount_value", "amount_currency")
USER_EMAIL = "user_email"
# Names are those of the directory, which keeps their history.
NAMES = frozenset({"organization_id", "organization_name", "project_name", "api_key_name", "api_key_redacted", "api_key_type", "user_name"})
_USAGE = tuple(endpoint for endpoint in offered_by(OPENAI).values() if not endpoint.is_costs)


def is_export(text: SavedText) -> bool:
    """Whether a file has the columns of time that every export has."""
    return {"start_time", "end_time"} <= set(text.columns)


def is_empty_export(text: SavedText) -> bool:
    """Whether it has no others: the export of days on which there was nothing."""
    return is_export(text) and set(text.columns) <= set(TIMES)


def is_costs_export(text: SavedText) -> bool:
    """Whether it is one of costs."""
    return is_export(text) and (set(AMOUNT) <= set(text.columns) or (is_empty_export(text) and _named_costs(text.name)))


def usage_endpoint(text: SavedText) -> Endpoint | None:
    """Return the endpoint whose usage a file has, by its columns, and by its name where two endpoints have the same; None for no usage.

    Raises `FixConfiguration` when neither of them says which.
    """
    columns = set(text.columns)
    fitting = [one for one in _USAGE if {metric.name for metric in one.metrics if metric.required} <= columns]
    if is_empty_export(text):
        fitting = list(_USAGE)
    elif fitting:
        most = max(len(_own(one) & columns) for one in fitting)
        fitting = [one for one in fitting if len(_own(one) & columns) == most]
    named = [one for one in fitting if text.name.lower().startswith(f"{one.name}_usage")]
    if not fitting or len(named) == 1 or len(fitting) == 1:
        return next(iter(named or fitting), None)
    some = " or ".join(one.name for one in fitting) if len(fitting) < len(_USAGE) else "costs or of which usage"
    raise FixConfiguration(
        f"{visible(text.name)}: its columns do not say whether it is of {some}: give it the name that it was saved under, such as"
        f" {fitting[0].name}_usage_2026-01-01_2026-01-31.csv"
    )


def costs_pieces(text: SavedText, excluded: Collection[str]) -> Iterator[Piece]:
    """Yield what an export of costs holds; where it names users, the same money once more as costs by user."""
    streams = [COSTS]
    if USER.name not in excluded and any(USER.name in row.values for row in text.rows):
        streams.append(COSTS_BY_USER)
    for row in text.rows:
        span, fields = _span(row), _money_row(row, text.columns)
        yield from (Piece(stream, *span, fields) for stream in streams)


def _money_row(row: Row, columns: Iterable[str]) -> Fields | None:
    """Return a row of money as the API gives it, None for one that says only that there was nothing."""
    known = {*TIMES, *AMOUNT, "quantity", "quantity_unit", *NAMES, *(one.name for one in COSTS.dimensions), *COSTS.ignored_fields}
    fields: Fields = {one.name: row.values.get(one.name) for one in COSTS_BY_USER.dimensions}
    amount, sold = money(row, AMOUNT[0]), quantity(row, "quantity")
    if amount is None and sold is None and not any(fields.values()):
        return None
    fields |= {"amount": {"value": None if amount is None else str(amount), "currency": row.values.get(AMOUNT[1])}}
    fields |= {"quantity": None if sold is None else str(sold), "quantity_unit": row.values.get("quantity_unit")}
    return {"object": COSTS.object, **fields, **_unknown(row, [column for column in columns if column not in known])}


def usage_pieces(text: SavedText, endpoint: Endpoint, excluded: Collection[str]) -> Iterator[Piece]:
    """Yield what an export of one endpoint's usage holds; e-mail addresses go where users are excluded."""
    known = {*TIMES, *NAMES, *_own(endpoint), *({USER_EMAIL} if USER.name in excluded else ())}
    others = [column for column in text.columns if column not in known]
    for row in text.rows:
        start, end = _span(row)
        fields: Fields = {
            one.name: flag(row, one.name) if one.kind is Kind.FLAG else row.values.get(one.name) for one in endpoint.dimensions
        }
        figures: Fields = {metric.name: whole(row, metric.name) for metric in endpoint.metrics}
        if all(figure is None for figure in figures.values()):
            yield Piece(endpoint, start, end)
            continue
        for metric in endpoint.metrics:
            if metric.required and figures[metric.name] is None:
                raise refused(row, metric.name, "a row with other figures needs it")
        said = {name: value for name, value in (fields | figures).items() if value is not None}
        yield Piece(endpoint, start, end, {"object": endpoint.object, **said, **_unknown(row, others)})


def _own(endpoint: Endpoint) -> set[str]:
    return {one.name for one in endpoint.dimensions} | {metric.name for metric in endpoint.metrics}


def _unknown(row: Row, columns: list[str]) -> Fields:
    return {column: row.values[column] for column in columns if column in row.values}


def _named_costs(name: str) -> bool:
    return name.lower().startswith("cost")


def _span(row: Row) -> tuple[int, int]:
    start, end = second(row, "start_time"), second(row, "end_time")
    if not start < end <= day_of(start) + DAY.seconds:
        raise refused(row, "end_time", "a row must lie within one UTC day: export by day, hour or minute, in UTC")
    return start, end
