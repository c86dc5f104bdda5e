"""A draft beside the file that is to be: in a hidden folder of its own, so that a file appears whole or not at all.

A killed export leaves that folder, which the next export to the same name removes: each export holds a lock on its own, so a folder
whose lock is free belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterhouse.errors import FixConfiguration


@contextmanager
def draft_of(out: Path) -> Iterator[Path]:
    """Yield the path of the draft in a folder of its own, locked; remove that folder, and those that killed exports left."""
    try:
        folder, lock = _locked_folder(out)
    except OSError as error:
        raise FixConfiguration(f"the folder {out.parent} cannot be written to ({error.strerror}): choose another --out") from None
    try:
        _remove_abandoned(out)
        yield folder / out.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _prefix(out: Path) -> str:
    return f".{out.name}.draft-"


def _locked_folder(out: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=_prefix(out)))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another export may have taken it for an abandoned one before it was locked.
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_abandoned(out: Path) -> None:
    for folder in out.parent.glob(f"{_prefix(out)}*"):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
