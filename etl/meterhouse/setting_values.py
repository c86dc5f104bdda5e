"""Setting values: what the text of a setting may say, in words, and the value that it means. Pure.

Each takes a text and raises `ValueError` for one that is wrong; its docstring is what the message says it takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from meterhouse.errors import RejectedAnswer
from meterhouse.labels import is_label
from meterhouse.money import parse_amount

DEFAULT_TIME_ZONE = "UTC"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_TOKEN_LENGTH = 20
Network = IPv4Network | IPv6Network


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def amount(text: str) -> Decimal:
    """an amount of money from 0 on, such as 0.01"""
    try:
        read = parse_amount(text.encode())
    except RejectedAnswer:
        read = None
    if read is None or read < 0:
        raise ValueError
    return read


@dataclass(frozen=True)
class AmountByCurrency:
    """An amount of money: one for any currency, and others for some of them, by their codes in lower case."""

    usual: Decimal
    others: tuple[tuple[str, Decimal], ...] = ()

    def of(self, code: str | None) -> Decimal:
        """Return the amount for one currency, None for costs of which the vendor gave none."""
        return dict(self.others).get(code or "", self.usual)

    @property
    def least(self) -> Decimal:
        """The smallest of all of them."""
        return min([self.usual, *(one for _, one in self.others)])

    def __str__(self) -> str:
        return ",".join([str(self.usual), *(f"{code}={one}" for code, one in self.others)])


def amount_by_currency(text: str) -> AmountByCurrency:
    """an amount of money from 0 on, and others by currency, such as 20 or 20,jpy=3000"""
    usual, *others = text.split(",")
    named = dict(one.split("=", 1) for one in others)
    if len(named) < len(others):
        raise ValueError
    return AmountByCurrency(amount(usual.strip()), tuple((currency(code.strip()), amount(one.strip())) for code, one in named.items()))


def share(text: str) -> Decimal:
    """a share from 0 to 1, such as 0.001"""
    if (read := amount(text)) > 1:
        raise ValueError
    return read


def currency(text: str) -> str:
    """a currency code of three letters, such as eur"""
    code = text.lower()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError
    return code


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


def token(text: str) -> str:
    """20 or more characters without spaces, such as the output of: openssl rand -hex 32"""
    if len(text) < _TOKEN_LENGTH or not text.isascii() or not text.isprintable() or " " in text or _is_key(text):
        raise ValueError
    return text


def header_name(text: str) -> str:
    """the name of an HTTP header, such as X-Forwarded-User"""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text) or _is_key(text):
        raise ValueError
    return text


def network_list(text: str) -> tuple[Network, ...]:
    """a comma-separated list of addresses or networks, such as 10.0.0.5,172.16.0.0/12"""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def host_names(text: str) -> tuple[str, ...]:
    """a comma-separated list of host names without port, such as usage.example.com"""
    names = tuple(part.strip().lower() for part in text.split(","))
    if not all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) for name in names) or _is_key(text):
        raise ValueError
    return names


def site_list(text: str) -> tuple[str, ...]:
    """a comma-separated list of sites, such as https://wiki.example.com"""
    sites = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?", site) for site in sites):
        raise ValueError
    return sites


def _is_key(text: str) -> bool:
    """Whether somebody pasted a key of a vendor."""
    return text.startswith("sk-")


def path(text: str) -> Path:
    """a folder"""
    return Path(text).expanduser().absolute()


def reports_folder(text: str) -> Path:
    """the absolute path of a folder, such as /srv/reports"""
    # A worker's current folder is nobody's choice.
    if not text.startswith(("/", "~/")):
        raise ValueError
    return Path(text).expanduser()
