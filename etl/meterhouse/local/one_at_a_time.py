"""One stack per METERHOUSE_HOME: a lock that the system lets go when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterhouse.errors import FixConfiguration
from meterhouse.local.private_files import make_folder


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Hold the lock of `home`, or raise `FixConfiguration` because a stack runs there."""
    make_folder(home, 0o711)
    handle = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FixConfiguration(
                f"a stack already runs in {home}: use it, stop it with meterhouse down, or set METERHOUSE_HOME for a second one"
            ) from None
        yield
    finally:
        os.close(handle)
