"""Setting values: what the text of a setting may say, in words, and the value that it stands for. Pure.

Each takes a text and raises `ValueError` for one that is wrong; its docstring is what the message says it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from meterhouse.labels import is_label

DEFAULT_TIME_ZONE = "UTC"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def names_out_of(allowed: Mapping[str, Any], every: bool = False) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if every and names == ("all",):
            return tuple(allowed)
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise ValueError(unknown)
        return names

    parse.__doc__ = f"a comma-separated list out of {', '.join(allowed)}" + (", or all" if every else "")
    return parse


def label_list(text: str) -> tuple[str, ...]:
    """a comma-separated list of labels made of letters, digits, _ and -"""
    labels = tuple(dict.fromkeys(label.strip().lower() for label in text.split(",") if label.strip()))
    if not labels or not all(map(is_label, labels)):
        raise ValueError
    return labels


def day(text: str) -> datetime:
    """a day as YYYY-MM-DD"""
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def http_url(text: str) -> str:
    """an https address (http only on this machine's loopback), such as https://api.openai.com/v1"""
    parts = urlsplit(text)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError
    _ = parts.port
    return text.rstrip("/")


def proxy_url(text: str) -> str:
    """an address such as http://proxy.example.com:3128"""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    _ = parts.port
    return text.rstrip("/")


def time_zone(text: str) -> str:
    """the name of a time zone, such as Europe/Berlin"""
    if text != DEFAULT_TIME_ZONE and text not in available_timezones():
        raise ValueError
    return text


def path(text: str) -> Path:
    """a folder"""
    return Path(text).expanduser().absolute()


def reports_folder(text: str) -> Path:
    """the absolute path of a folder, such as /srv/reports"""
    # A worker's current folder is nobody's choice.
    if not text.startswith(("/", "~/")):
        raise ValueError
    return Path(text).expanduser()
