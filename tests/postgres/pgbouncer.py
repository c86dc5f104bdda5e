"""A real PgBouncer before a test's warehouse."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


@contextmanager
def pgbouncer(folder: Path, url: str, mode: str, *settings: str) -> Iterator[str]:
    """Run a PgBouncer in a pool mode; yield the address of `url` through it."""
    parts = urlsplit(url)
    database, port = parts.path[1:], free_port()
    file = folder / f"{port}.ini"
    login = f"host={parts.hostname} port={parts.port} user={parts.username} password={parts.password}"
    lines = [
        "[databases]", f"{database} = {login}", "[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {port}", "unix_socket_dir =",
        "auth_type = any", f"pool_mode = {mode}", f"logfile = {folder / f'{port}.log'}", *settings,
    ]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    # It refuses to run as root.
    account = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, file):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    process = subprocess.Popen([str(PROGRAM), str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
    try:
        wait_for(port, process)
        yield f"postgresql://{parts.username}:any@127.0.0.1:{port}/{database}"
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens."""
    for _ in range(100):
        assert process.poll() is None, "PgBouncer did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PgBouncer does not listen")
