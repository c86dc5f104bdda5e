"""A Redis of the test's own: on the loopback, behind a password, and without a file outside the test's folder."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from secrets import token_urlsafe

from meterhouse.local.children import Children
from meterhouse.local.private_files import make_folder, write_private
from meterhouse.ports import LOOPBACK, free_port

NAME = "redis"
PROGRAM = shutil.which("redis-server")


class Redis:
    """The broker of one stack."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.port = free_port()
        self._folder = folder
        self._children = children
        self._password = token_urlsafe(24)

    @property
    def url(self) -> str:
        """The address for Celery."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it lets the password's holder in, and nobody else."""
        assert PROGRAM is not None
        make_folder(self._folder, 0o700)
        settings = self._folder / "redis.conf"
        # In a file: everybody on the machine can read a command line.
        write_private(
            settings,
            f"bind {LOOPBACK}\nport {self.port}\nrequirepass {self._password}\ndir {self._folder}\n"
            'save ""\nappendonly no\ndaemonize no\nprotected-mode yes\n',
        )
        self._children.start(NAME, [PROGRAM, str(settings)], {"PATH": "/usr/bin:/bin"})
        deadline = time.monotonic() + 20
        while not self._says("PING", "-NOAUTH"):
            assert time.monotonic() < deadline, self._children.log_file(NAME).read_text()
            time.sleep(0.1)
        assert self._says(f"AUTH {self._password}", "+OK")

    def _says(self, command: str, answer: str) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(200).decode().startswith(answer)
        except OSError:
            return False
