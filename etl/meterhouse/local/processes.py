"""What this machine says about a process: alive or not, and whether it is still the one that was started."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@cache
def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the command name: state, parent, group, session, ..."""
    try:
        # The name is in brackets and may itself contain spaces and brackets.
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _ps(pid: int, column: str) -> str:
    found = subprocess.run(  # noqa: S603 - fixed program and columns, a number for the process
        ["/bin/ps", "-ww", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def started_at(pid: int) -> str | None:
    """Return a text that tells this process from any later one with the same number; None when it is gone or a zombie."""
    if PROC.joinpath("self").exists():
        fields = _stat(pid)
        if fields is None or fields[0] in "ZX":
            return None
        return f"{_boot()}:{fields[19]}"
    if _ps(pid, "stat").startswith("Z"):
        return None
    return _ps(pid, "lstart") or None


def command_line(pid: int) -> str:
    """Return the command line of `pid`, or nothing when it is gone or a zombie."""
    if PROC.joinpath("self").exists():
        try:
            return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    return "" if _ps(pid, "stat").startswith("Z") else _ps(pid, "args")


def working_in(directory: Path) -> list[int]:
    """Return the processes whose working folder is `directory`, where the system can tell (Linux)."""
    found = []
    for entry in PROC.glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == directory:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def session_members(session: int) -> list[int]:
    """Return the live processes of a session that was started here, except zombies (Linux; elsewhere by `ps`)."""
    if PROC.joinpath("self").exists():
        members = []
        for entry in PROC.glob("[0-9]*"):
            fields = _stat(int(entry.name))
            if fields is not None and fields[0] not in "ZX" and int(fields[3]) == session:
                members.append(int(entry.name))
        return members
    listing = subprocess.run(["/bin/ps", "-axo", "pid=,pgid=,stat="], capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [int(row[0]) for row in rows if len(row) == 3 and int(row[1]) == session and not row[2].startswith("Z")]
