"""Who loads: our loader and its peers, each as a separate command, and what its table must hold afterwards."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

from psycopg.sql import SQL, Identifier
from tests.conftest import Warehouse

from meterhouse.catalogue.endpoints import HOUR
from meterhouse.windows import to_epoch

from .environments import environment
from .grounds import FACT, Grounds
from .page_server import KEY
from .pages import Expected, Shape

PEERS = Path(__file__).parent / "peers"
OURS = "meterhouse"


class WrongRows(Exception):
    """A contender's table does not hold what was served: its time is worth nothing."""


@dataclass(frozen=True)
class Load:
    """One load to be run: a command and its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Peer:
    """Somebody else's way of loading: its script, its environment, its table, and in how many of the rounds it takes part."""

    name: str
    environment: str
    script: str
    table: tuple[str, str]
    most_rounds: int

    def load(self, home: Path, base_url: str, grounds: Grounds, shape: Shape) -> Load:
        """Return the command that brings its table up to date."""
        programs = environment(home, self.environment)
        command = [str(programs / "python"), str(PEERS / self.script)]
        if self.environment == "singer":
            target = [str(programs / "target-postgres"), "--config", "ENV"]
            command = ["/bin/bash", "-o", "pipefail", "-c", f"{shlex.join(command)} | {shlex.join(target)}"]
        settings = {
            "DATABASE_URL": grounds.peers_url,
            "SCHEMA": self.table[0],
            "STATE_FOLDER": str(home / "state" / self.table[0]),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "TARGET_POSTGRES_SQLALCHEMY_URL": grounds.peers_url.replace("postgresql://", "postgresql+psycopg://"),
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": self.table[0],
            "TARGET_POSTGRES_LOAD_METHOD": "upsert",
            "TARGET_POSTGRES_USE_COPY": "true",
        }
        return Load(command, what_to_fetch(base_url, shape) | settings)

    def forget(self, home: Path, grounds: Grounds) -> None:
        """Drop its tables and its state."""
        grounds.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(self.table[0])), grounds.peers_url)
        grounds.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(f"{self.table[0]}_staging")), grounds.peers_url)
        for path in sorted((home / "state" / self.table[0]).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


PEERS_IN_ORDER = (
    Peer("dlt, Arrow tables", "dlt", "dlt_arrow.py", ("peer_dlt_arrow", "completions"), 3),
    Peer("dlt, dicts", "dlt", "dlt_dicts.py", ("peer_dlt_dicts", "completions"), 2),
    Peer("pandas with upsert", "notebook", "notebook.py", ("peer_notebook", "completions"), 2),
    Peer("Singer tap | target-postgres", "singer", "singer_tap.py", ("peer_singer", "completions"), 1),
)


def what_to_fetch(base_url: str, shape: Shape) -> dict[str, str]:
    """Return where a peer finds the pages of `shape`, as it reads it."""
    start, end = to_epoch(shape.window.start), to_epoch(shape.window.end)
    return {"PAGES_URL": base_url, "PAGES_KEY": KEY, "START_TIME": str(start), "END_TIME": str(end)}


def fetching(base_url: str, shape: Shape) -> Load:
    """Return the command of a client that fetches the pages and does nothing with them."""
    return Load([sys.executable, str(PEERS / "fetching.py")], what_to_fetch(base_url, shape))


def backfill(home: Path, base_url: str, warehouse: Warehouse, shape: Shape, *, label: str = "", force: bool = False) -> Load:
    """Return our loader's command for the hours of `shape`; `label` names another organization than the default one."""
    days = ["--from", f"{shape.first_day}", "--to", f"{shape.last_day}"]
    command = [sys.executable, "-m", "meterhouse", "backfill", *days, "--only", "completions", "--bucket-width", HOUR.name]
    settings = ours(home, base_url, warehouse)
    if label:
        settings = {name: value for name, value in settings.items() if name != "OPENAI_ADMIN_KEY"} | {f"OPENAI_ADMIN_KEY_{label}": KEY}
    return Load([*command, *(["--force"] if force else [])], settings)


def ours(home: Path, base_url: str, warehouse: Warehouse) -> dict[str, str]:
    """Return the settings of our commands."""
    return {
        "OPENAI_ADMIN_KEY": KEY,
        "OPENAI_BASE_URL": base_url,
        "WAREHOUSE_URL": warehouse.loader_url,
        "METERHOUSE_HOME": os.fspath(home / "state" / OURS),
    }


_COUNT: LiteralString = "SELECT count(*), coalesce(sum(output_tokens), 0)::bigint FROM {}"


def require(grounds: Grounds, url: str, table: Identifier, expected: Expected, who: str) -> None:
    """Raise `WrongRows` unless the table holds exactly as many rows and output tokens as were served."""
    found = Expected(*grounds.asked(url, SQL(_COUNT).format(table)))
    if found != expected:
        raise WrongRows(f"{who} holds {found} and was served {expected}")


def require_ours(grounds: Grounds, warehouse: Warehouse, expected: Expected) -> None:
    """The same of our own warehouse."""
    require(grounds, warehouse.superuser_url, FACT, expected, OURS)
