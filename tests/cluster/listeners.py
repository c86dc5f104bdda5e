"""On which addresses processes listen, as the kernel says (Linux)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

LISTENING = "0A"
LOOPBACKS = {"0100007F", "00000000000000000000000001000000"}


def listening_elsewhere(pids: Iterable[int]) -> list[str]:
    """Return "pid port" of each socket on which one of `pids` listens for more than this machine."""
    sockets = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            address, port = local.split(":")
            if state == LISTENING:
                sockets[rest[5]] = (address in LOOPBACKS, int(port, 16))
    found = []
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            on_loopback, port = sockets.get(target.removeprefix("socket:[").removesuffix("]"), (True, 0))
            if not on_loopback:
                found.append(f"{pid} {port}")
    return found
