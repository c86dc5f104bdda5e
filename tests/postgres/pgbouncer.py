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
    database = parts.path[1:]
    login = f"host={parts.hostname} port={parts.port} user={parts.username} password={parts.password}"
    with running(folder, f"{database} = {login}", "auth_type = any", f"pool_mode = {mode}", *settings) as port:
        yield f"postgresql://{parts.username}:any@127.0.0.1:{port}/{database}"


@contextmanager
def pooled_server(folder: Path, superuser_url: str) -> Iterator[int]:
    """Run a PgBouncer in session mode before every database of a server, for every role with the role's own password; yield its port."""
    parts = urlsplit(superuser_url)
    users = folder / "users.txt"
    users.write_text(f'"{parts.username}" "{parts.password}"\n')
    query = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1"
    settings = [
        "pool_mode = session", "max_client_conn = 500", "default_pool_size = 100", "auth_type = scram-sha-256", f"auth_file = {users}",
        f"auth_user = {parts.username}", f"auth_query = {query}",
        # Tests wait until nobody else is connected.
        "server_idle_timeout = 1",
    ]  # fmt: skip
    with running(folder, f"* = host={parts.hostname} port={parts.port}", *settings) as port:
        yield port


@contextmanager
def running(folder: Path, database: str, *settings: str) -> Iterator[int]:
    """Run a PgBouncer with one line of databases; yield its port. Its files are `folder`'s."""
    port = free_port()
    file = folder / f"{port}.ini"
    lines = [
        "[databases]", database, "[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {port}", "unix_socket_dir =",
        f"logfile = {folder / f'{port}.log'}", *settings,
    ]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    # It refuses to run as root.
    account = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    process = subprocess.Popen([str(PROGRAM), str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
    try:
        wait_for(port, process)
        yield port
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
