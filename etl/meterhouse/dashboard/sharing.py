"""With whom the dashboard is shared: the address it listens on, who is let in, and who may embed its charts. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from ipaddress import ip_address

from meterhouse.errors import FixConfiguration
from meterhouse.ports import LOOPBACK
from meterhouse.setting_values import Network
from meterhouse.settings import Settings

COOKIE = "meterhouse_dashboard"
SESSION_SECONDS = 7 * 24 * 3600
_OWN_NAMES = frozenset({LOOPBACK, "localhost"})
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104  # named to be recognised


@dataclass(frozen=True)
class Sharing:
    """The usual one is of this machine only, and asks nobody."""

    host: str = LOOPBACK
    token: str | None = field(default=None, repr=False)
    identity_header: str | None = None
    proxies: tuple[Network, ...] = ()
    names: Collection[str] = _OWN_NAMES
    frame_ancestors: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether somebody has to show who they are."""
        return bool(self.token or self.identity_header)

    def admits(self, header: Callable[[str, str], str], cookie: str, address: str, now: float) -> bool:
        """Return whether a request may see figures.

        `header` gives one of its headers or a default, `address` is where it comes from, `now` is in seconds since 1970.
        """
        if not self.asks:
            return True
        if self.identity_header and header(self.identity_header, "").strip() and self._is_proxy(address):
            return True
        scheme, _, said = header("Authorization", "").partition(" ")
        return self.is_token(said) if scheme.lower() == "bearer" else self._is_session(cookie, now)

    def is_token(self, said: str) -> bool:
        """Return whether somebody knows the token; how long it takes says nothing about it."""
        return self.token is not None and hmac.compare_digest(said.encode(), self.token.encode())

    def session(self, now: float) -> str:
        """Return a cookie's value that is good for a week, or until the token changes; the token cannot be read from it."""
        return self._signed(int(now) + SESSION_SECONDS)

    def _is_session(self, cookie: str, now: float) -> bool:
        ends = cookie.partition(".")[0]
        if self.token is None or not (ends.isascii() and ends.isdigit() and len(ends) < 12):
            return False
        return hmac.compare_digest(cookie.encode(), self._signed(int(ends)).encode()) and now < int(ends)

    def _signed(self, ends: int) -> str:
        text = f"session of the dashboard until {ends}"
        return f"{ends}.{hmac.new((self.token or '').encode(), text.encode(), hashlib.sha256).hexdigest()}"

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)


def sharing(settings: Settings, host: str) -> Sharing:
    """Return how the dashboard is shared on the address `host`. Raises `FixConfiguration` if anybody could read it, or nobody reach it."""
    found = Sharing(
        host, settings.dashboard_token, settings.dashboard_identity_header, settings.dashboard_proxies,
        _OWN_NAMES | set(settings.dashboard_hosts) | ({host} - _EVERY_ADDRESS), settings.dashboard_frame_ancestors,
    )  # fmt: skip
    if host not in _OWN_NAMES and not found.asks:
        raise FixConfiguration(
            f"on {host} anybody could read the figures: set METERHOUSE_DASHBOARD_TOKEN, or METERHOUSE_DASHBOARD_IDENTITY_HEADER behind a"
            " proxy that signs people in, or leave out --host"
        )
    if host in _EVERY_ADDRESS and not settings.dashboard_hosts:
        raise FixConfiguration(
            "METERHOUSE_DASHBOARD_HOSTS is not set: set it to the names by which browsers reach the dashboard, such as usage.example.com"
        )
    return found
