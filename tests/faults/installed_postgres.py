"""A server of another major version, from what the system has installed, for as long as a test needs it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import OtherServer
from tests.postgres.pgbouncer import free_port

from meterhouse.local.account import server_account
from meterhouse.local.postgres import UNSAFE

PASSWORD = "superuser-of-a-test"


def programs_of(major: int) -> Path | None:
    """Where Debian installs the programs of a major version; None where it is not installed."""
    folder = Path(f"/usr/lib/postgresql/{major}/bin")
    return folder if (folder / "initdb").exists() else None


@contextmanager
def installed_postgres(programs: Path, settings: Mapping[str, str] = UNSAFE) -> Iterator[OtherServer]:
    """Initialise and run a server; with the default settings it need not survive a power cut."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-", dir="/var/tmp") as place:
        folder, port = Path(place), free_port()
        account = server_account(folder / "data")
        password = folder / "password"
        password.write_text(PASSWORD)
        for path in (folder, password):
            account.owns(path)

        def run(program: str, *arguments: str) -> None:
            subprocess.run([programs / program, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=120, **account.arguments())

        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "superuser", f"--pwfile={password}", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' "
        options += " ".join(f"-c {name}={value}" for name, value in settings.items())
        run("pg_ctl", "-D", data, "-w", "-l", f"{data}/server.log", "-o", options, "start")
        try:
            yield OtherServer(f"postgresql://superuser:{PASSWORD}@127.0.0.1:{port}/postgres")
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
