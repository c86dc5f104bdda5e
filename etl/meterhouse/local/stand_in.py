"""The stand-in API as a child process: what is loaded when nobody has named an organization."""

from __future__ import annotations

import os

from meterhouse.local.children import Children
from meterhouse.local.own_server import OwnServer

NAME = "fake-api"
_SERVER = OwnServer(NAME, "the stand-in API", "/_control/health")


def base_url(port: int) -> str:
    """Return the address that takes the place of the vendor's."""
    return f"{_SERVER.address(port)}/v1"


def start_stand_in(children: Children, port: int, key: str) -> None:
    """Start the stand-in on the loopback's `port`, opened by `key`, and wait until it answers."""
    asked_for = {name: value for name, value in os.environ.items() if name.startswith("METERHOUSE_FAKE_")}
    # By the environment: a command line can be read by everybody on the machine.
    _SERVER.start(children, port, {**asked_for, "METERHOUSE_FAKE_API_KEY": key})
