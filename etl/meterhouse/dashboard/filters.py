"""What a reader has chosen: days, the width of a bucket, members of each dimension; as parameters of a query and of an address. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from meterhouse.errors import FixConfiguration

DIMENSIONS = {
    "organizations": "Organization",
    "projects": "Project",
    "models": "Model",
    "api_keys": "API key",
    "users": "User",
}
WIDTHS = ("day", "hour")
# What is compared in the section of drivers, and by what: as `cost_changes` calls them, and as people do.
COMPARISONS = {"day": "Day", "week": "Week", "month_to_date": "Month to date", "month": "Month"}
MEMBERS = {"project": "Project", "model": "Model", "api_key": "API key", "user": "User", "line_item": "Line item"}
MAX_HOUR_DAYS = 31
MAX_DAYS = 3660
DEFAULT_DAYS = 30
FIRST_YEAR, LAST_YEAR = 2015, 9000
_OF_DRIVERS = ("compare", "by")
_NO_PARAMETER = {"width", "currency", *_OF_DRIVERS}


@dataclass(frozen=True)
class Filters:
    """Both days are included and UTC. An empty tuple means all; an empty text in one means rows that do not say."""

    first: date
    last: date
    width: str = "day"
    organizations: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    currency: str = ""
    compare: str = "month_to_date"
    by: str = "project"

    def __post_init__(self) -> None:
        """Raise `FixConfiguration` for days or a width that make no sense."""
        if self.first.year < FIRST_YEAR or self.last.year > LAST_YEAR:
            raise FixConfiguration(f"the days must be between {FIRST_YEAR} and {LAST_YEAR}")
        if self.first > self.last:
            raise FixConfiguration(f"the first day, {self.first}, is after the last one, {self.last}: swap them")
        if (self.last - self.first).days > MAX_DAYS:
            raise FixConfiguration(f"more than {MAX_DAYS:,} days were chosen: choose fewer")
        if self.width not in WIDTHS:
            raise FixConfiguration(f"width must be one of {', '.join(WIDTHS)}")
        if self.compare not in COMPARISONS or self.by not in MEMBERS:
            raise FixConfiguration(f"compare must be one of {', '.join(COMPARISONS)}, and by one of {', '.join(MEMBERS)}")

    @classmethod
    def recent(cls, today: date, days: int = DEFAULT_DAYS) -> Filters:
        """Return the last `days` days, with everything chosen."""
        return cls(today - timedelta(days=days - 1), today)

    @classmethod
    def of_query(cls, query: Mapping[str, Sequence[str]], today: date) -> Filters:
        """Read an address' query, as `parse_qs` gives it; what is not in it is the default. Raises `FixConfiguration`."""
        usual = cls.recent(today)
        last = _day(query.get("last"), usual.last)
        first = _day(query.get("first"), min(usual.first, last))
        chosen = {name: tuple(dict.fromkeys(query.get(name, ()))) for name in DIMENSIONS}
        return cls(
            first, last, _one(query.get("width"), "day"), **chosen, currency=_one(query.get("currency"), ""),
            compare=_one(query.get("compare"), cls.compare), by=_one(query.get("by"), cls.by),
        )  # fmt: skip

    def to_query(self) -> str:
        """Return the query of an address that `of_query` reads back."""
        pairs: list[tuple[str, str]] = [("first", str(self.first)), ("last", str(self.last)), ("width", self.width)]
        pairs += [(name, value) for name in DIMENSIONS for value in getattr(self, name)]
        pairs += [("currency", self.currency)] if self.currency else []
        pairs += [(name, value) for name in _OF_DRIVERS if (value := getattr(self, name)) != getattr(Filters, name)]
        return urlencode(pairs)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of every statement: null for a dimension without a choice."""
        return {field.name: self._parameter(field.name) for field in fields(self) if field.name not in _NO_PARAMETER}

    def known_texts(self, name: str) -> tuple[str, ...]:
        """Return the chosen members of a dimension as text columns can hold them: a zero byte becomes what matches nothing."""
        return tuple(one.replace("\0", "\N{REPLACEMENT CHARACTER}") for one in getattr(self, name))

    def _parameter(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, tuple):
            # A text column cannot hold the zero byte, so such a value matches nothing and is not sent.
            return [one for one in value if "\0" not in one] if value else None
        return value

    @property
    def usage_first(self) -> date:
        """First day of which usage is read: hours of a long range would be too many to look at."""
        return self.first if self.width == "day" else max(self.first, self.last - timedelta(days=MAX_HOUR_DAYS - 1))


def _one(values: Iterable[str] | None, usual: str) -> str:
    return next(iter(values or ()), usual)


def _day(values: Iterable[str] | None, usual: date) -> date:
    text = _one(values, "")
    if not text:
        return usual
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FixConfiguration("a day must be written as YYYY-MM-DD") from None


def today_utc() -> date:
    """Return the current UTC day."""
    return datetime.now(UTC).date()
