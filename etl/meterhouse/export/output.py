"""Output: what a command writes to a place that somebody named; whole or not at all, and never something else than what was there.

A regular file is replaced in one step and keeps its mode and owner; a symbolic link is followed and stays; a named pipe, a terminal and
standard output (`-`) are written through in one go once all is known to be right; folders, disks and sockets are refused.

A draft is written next to the target, in its own hidden folder. A killed command leaves that folder, which the next one with the
same name removes: each holds a lock on its own, so a folder whose lock is free belongs to nobody.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meterhouse.errors import FixConfiguration

STANDARD_OUTPUT = Path("-")
# The modes of new files: figures are their reader's own, a report is made to be handed on.
PRIVATE, HANDED_ON = 0o600, 0o644
_REMEDY = "choose another --out"
# A file's name has 255 bytes at most, and the draft's folder carries a part of it.
_NAME_PART = 40


def is_standard_output(out: Path) -> bool:
    """Whether `out` is where the command's own words would go: `-`, or another name of standard output such as /dev/stdout."""
    if out == STANDARD_OUTPUT:
        return True
    try:
        return os.path.samestat(out.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError, AttributeError):
        return False


def in_words(out: Path) -> str:
    """Return `out` as a message names it."""
    return "standard output" if out == STANDARD_OUTPUT else str(out)


@contextmanager
def draft_of(out: Path, new_mode: int, remedy: str = _REMEDY) -> Iterator[Path]:
    """Yield the path of a draft, which becomes what `out` names when the block ends without an error.

    `new_mode` is that of a file where none was. Raises `FixConfiguration`, with the remedy in its text, for a place that cannot be written
    to, and `BrokenPipeError` when the reader of a pipe went away.
    """
    try:
        is_file = not is_standard_output(out) and _is_file(out, remedy)
        with _drafted(out, new_mode, remedy) if is_file else _spooled(out) as draft:
            yield draft
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FixConfiguration(f"{in_words(out)} cannot be written ({error.strerror}): make room, or {remedy}") from None


def write_whole(content: bytes, out: Path, new_mode: int, remedy: str = _REMEDY) -> None:
    """Write `content` to `out`; as `draft_of`."""
    with draft_of(out, new_mode, remedy) as draft:
        draft.write_bytes(content)


def _is_file(out: Path, remedy: str) -> bool:
    """Whether a regular file is or may come to be there, and not something to write into; refuses what is neither."""
    try:
        mode = out.stat().st_mode
    except FileNotFoundError:
        return True
    except OSError as error:
        # A parent that is a file, or links that lead nowhere but to each other.
        raise FixConfiguration(f"{out} cannot be written ({error.strerror}): {remedy}") from None
    if stat.S_ISDIR(mode):
        raise FixConfiguration(f"{out} is a folder: give --out the name of a file")
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise FixConfiguration(f"{out} is a {'disk' if stat.S_ISBLK(mode) else 'socket'} and not a file: {remedy}")
    # What only an open descriptor still leads to, such as /dev/fd/3 of a file that was removed, cannot be replaced.
    return stat.S_ISREG(mode) and Path(os.path.realpath(out)).exists()


@contextmanager
def _drafted(out: Path, new_mode: int, remedy: str) -> Iterator[Path]:
    """A draft that replaces a file."""
    target = Path(os.path.realpath(out))
    if not target.parent.is_dir():
        raise FixConfiguration(f"the folder {target.parent} does not exist: create it, or {remedy}")
    try:
        folder, lock = _locked_folder(target)
    except OSError as error:
        raise FixConfiguration(f"the folder {target.parent} cannot be written to ({error.strerror}): {remedy}") from None
    try:
        _remove_abandoned(target)
        draft = folder / target.name
        yield draft
        _keep_rights(draft, target, new_mode)
        draft.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def _spooled(out: Path) -> Iterator[Path]:
    """A draft that is copied into a pipe, a terminal or standard output at the end: what fails halfway gives its reader nothing."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-") as folder:
        draft = Path(folder) / "draft"
        yield draft
        with draft.open("rb") as content:
            if is_standard_output(out):
                if sys.stdout is None:
                    raise OSError(errno.EBADF, "it is closed")
                sys.stdout.flush()
                shutil.copyfileobj(content, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            else:
                # Neither made nor cut short: what was looked at may be gone by now.
                handle = os.open(out, os.O_WRONLY | os.O_NOCTTY)
                with os.fdopen(handle, "wb") as through:
                    shutil.copyfileobj(content, through)


def _keep_rights(draft: Path, target: Path, new_mode: int) -> None:
    """Give the draft the owner and the mode of the file that it replaces."""
    try:
        old = target.stat()
    except FileNotFoundError:
        draft.chmod(new_mode)
        return
    now = draft.stat()
    if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
        # Only root gives files away; the group can be kept by its members.
        try:
            os.chown(draft, old.st_uid, old.st_gid)
        except PermissionError:
            with suppress(PermissionError):
                os.chown(draft, -1, old.st_gid)
    draft.chmod(stat.S_IMODE(old.st_mode))


def _prefix(out: Path) -> str:
    return f".{out.name[:_NAME_PART]}.draft-"


def _locked_folder(out: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=_prefix(out)))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another command may have taken it for an abandoned one before it was locked.
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_abandoned(out: Path) -> None:
    for folder in out.parent.iterdir():
        if not folder.name.startswith(_prefix(out)):
            continue
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
