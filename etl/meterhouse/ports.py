"""Ports on this machine's loopback: which are free, and what to set when one is not."""

from __future__ import annotations

import socket

from meterhouse.errors import FixConfiguration

LOOPBACK = "127.0.0.1"


def answers(port: int, timeout_seconds: float = 0.5) -> bool:
    """Tell whether something accepts connections on the loopback's `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout_seconds)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the loopback's `port` now."""
    # A listener on all interfaces does not stop a bind to the loopback on every system, so ask it too.
    if answers(port):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int, service: str, variable: str) -> None:
    """Raise `FixConfiguration`, naming the port, the service and the variable, unless `port` is free."""
    if not is_free(port):
        raise FixConfiguration(
            f"port {port}, wanted by {service}, is already in use: stop what listens there, or set {variable} to a free port"
        )


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
