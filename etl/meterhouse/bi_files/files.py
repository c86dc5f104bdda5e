"""Files: where the warehouse is that they point to, and the commands that write a tool's files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from meterhouse.checkout import checkout, folder_beside
from meterhouse.errors import FixConfiguration, MeterhouseError
from meterhouse.export.output import HANDED_ON, write_whole

# The checkout's own folder, which contributors write; an installed package carries a copy, which stays as it is.
CHECKED_IN = folder_beside("bi")


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


def folder_of(tool: str, given: Path | None) -> Path:
    """Return where a tool's files go: the given folder, else the checkout's own.

    Raises `FixConfiguration` for an installed package, which has none.
    """
    if given is not None:
        return given
    if checkout() is None:
        raise FixConfiguration(f"there is no checkout here whose files could be rewritten: name a folder to write to, such as --out {tool}")
    return CHECKED_IN / tool


def run(main: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a generator's command; a refusal is one line, and its exit status that of the error."""
    try:
        main(sys.argv[1:] if arguments is None else arguments)
    except MeterhouseError as error:
        sys.stderr.write(f"meterhouse: {error}\n")
        sys.exit(error.exit_status)
    except OSError as error:
        sys.stderr.write(f"meterhouse: {error.filename or 'the files'}: {error.strerror or error}\n")
        sys.exit(1)
    sys.exit(0)


def command(tool: str, make: Callable[[Address], Files]) -> NoReturn:
    """Run `python -m meterhouse.bi_files.<tool>`: write its files, for an address and into a folder that may be given."""

    def main(arguments: Sequence[str]) -> None:
        words = _words(tool)
        default = Address()
        words.add_argument("--server", default=default.server, help="host of the warehouse")
        words.add_argument("--port", type=int, default=default.port)
        words.add_argument("--database", default=default.database)
        words.add_argument("--user", default=default.user, help="role that reads; no password is written")
        given = words.parse_args(arguments)
        write(folder_of(tool, given.out), make(Address(given.server, given.port, given.database, given.user)))

    run(main)


def command_without_address(tool: str, write_into: Callable[[Path], None]) -> NoReturn:
    """Run the command of a tool whose files hold no address."""
    run(lambda arguments: write_into(folder_of(tool, _words(tool).parse_args(arguments).out)))


def _words(tool: str) -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog=f"python -m meterhouse.bi_files.{tool}", description=f"Write the files of bi/{tool}.")
    words.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to (default: the checkout's)")
    return words
