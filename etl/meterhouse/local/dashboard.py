"""The dashboard as a child process of the local stack: reachable as soon as the warehouse answers, even during the first load."""

from __future__ import annotations

from meterhouse.local.children import Children
from meterhouse.local.own_server import OwnServer

NAME = "dashboard"
_SERVER = OwnServer(NAME, "the dashboard", "/healthz")


def address(port: int) -> str:
    """Return where a browser finds it."""
    return _SERVER.address(port)


def start_dashboard(children: Children, port: int, reader_url: str) -> None:
    """Start the dashboard on the loopback's `port`, reading as the role of `reader_url`, and wait until it answers."""
    # By the environment: a command line can be read by everybody on the machine.
    _SERVER.start(children, port, {"WAREHOUSE_URL": reader_url})
