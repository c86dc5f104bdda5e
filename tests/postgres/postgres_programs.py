"""PostgreSQL's own programs for backups, of the same major version as the server of the tests."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from meterhouse.errors import FixConfiguration
from meterhouse.local.postgres import wheel_programs


def folder_of_programs(url: str) -> Path:
    """The folder of pg_dump, pg_restore and psql that fit the server at `url`; skips the test where there is none."""
    with psycopg.connect(url) as connection:
        wanted = connection.info.server_version // 10000
    for folder in _folders():
        if all((folder / name).exists() for name in ("pg_dump", "pg_restore", "psql")):
            said = subprocess.run([folder / "pg_dump", "--version"], check=True, capture_output=True, text=True, timeout=30).stdout
            if re.search(rf"\) {wanted}\b", said):
                return folder
    pytest.skip(f"needs pg_dump, pg_restore and psql of PostgreSQL {wanted}")


def _folders() -> Iterator[Path]:
    with suppress(FixConfiguration):
        yield wheel_programs() / "bin"
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    yield Path("/usr/bin")
