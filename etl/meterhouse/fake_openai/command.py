"""The stand-in as a separate process: serves until it is stopped."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai.organization import FakeOrganization
from meterhouse.fake_openai.replay import ReplayServer
from meterhouse.fake_openai.server import DEFAULT_ADMIN_KEY, FakeServer


def run(
    port: int, *, seed: int, now: datetime | None, replay: Path | None, admin_key: str | None, control: bool, absent: tuple[str, ...] = ()
) -> None:
    """Serve on `port` until SIGINT or SIGTERM; `replay` names a folder of recorded pages, else the organization is invented.

    Raises `FixConfiguration` when the port cannot be had.
    """
    key = admin_key or DEFAULT_ADMIN_KEY
    try:
        if replay is not None:
            server: FakeServer = ReplayServer(replay, port=port, admin_key=key, control=control)
        else:
            organization = FakeOrganization(now, seed=seed, absent_endpoints=absent)
            server = FakeServer(organization, port=port, admin_key=key, control=control)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is already in use" if error.errno == errno.EADDRINUSE else "may not be opened by this user"
        raise FixConfiguration(
            f"port {port} {why}: choose another with --port, or with METERHOUSE_FAKE_API_PORT for the local stack"
        ) from None
    with _stop_signals() as stopped, server:
        # One line that a person or a script can copy from; flushed, because nothing else is ever written. A key that the caller
        # chose is not repeated: this output often ends up in a log.
        shown = f"OPENAI_ADMIN_KEY={key}" if admin_key is None else "with the admin key that was given"
        sys.stdout.write(f"stand-in API: OPENAI_BASE_URL={server.base_url} {shown}\n")
        sys.stdout.flush()
        stopped.wait()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
