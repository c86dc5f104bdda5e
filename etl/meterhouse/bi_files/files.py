"""Files: where the warehouse is that they point to, and the command that rewrites a tool's files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meterhouse.export.output import HANDED_ON, write_whole

# The checkout's own folder, which contributors write and the wheel carries; an installed package has none there.
CHECKED_IN = Path(__file__).resolve().parents[3] / "bi"


@dataclass(frozen=True)
class Address:
    """The warehouse as people's tools reach it, without a password: they ask for it. The defaults are placeholders."""

    server: str = "db.example.com"
    port: int = 5432
    database: str = "warehouse"
    user: str = "analyst"


# Path below the tool's folder, and text.
Files = dict[str, str]


def write(folder: Path, files: Files) -> None:
    """Make `folder` hold these files; others that are in it stay."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(text.encode(), path, HANDED_ON)


def command(tool: str, make: Callable[[Address], Files]) -> None:
    """Run `python -m meterhouse.bi_files.<tool>`: write its files, for an address and into a folder that may be given."""
    words = argparse.ArgumentParser(prog=f"python -m meterhouse.bi_files.{tool}", description=f"Rewrite the files of bi/{tool}.")
    default = Address()
    words.add_argument("--server", default=default.server, help="host of the warehouse")
    words.add_argument("--port", type=int, default=default.port)
    words.add_argument("--database", default=default.database)
    words.add_argument("--user", default=default.user, help="role that reads; no password is written")
    words.add_argument("--out", type=Path, default=CHECKED_IN / tool, required=not CHECKED_IN.is_dir(), help="folder to write to")
    given = words.parse_args()
    write(given.out, make(Address(given.server, given.port, given.database, given.user)))
