"""Session: what every connection to the warehouse sets, and which servers it cannot use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meterhouse.errors import FixConfiguration, TryAgainLater
from meterhouse.warehouse.database_errors import LOADER_REMEDY, POOLER_REMEDY, PRIMARY_REMEDY

_OLDEST_SERVER = 150000
# These answer as PostgreSQL does, name themselves in version(), and lack what the tables or the loader need.
_OTHER_SERVERS = ("CockroachDB", "-YB-", "Redshift", "Greenplum", "Materialize", "QuestDB", "CrateDB", "H2")
_OF_A_ROLE = ("user", "database user")

# Whatever the server's, the database's, the role's or the environment's are. In the spelling in which the server shows them.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "client_encoding": "UTF8",
    "search_path": "pg_catalog",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "lock_timeout": "30s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "0",
}
_READ_ONLY = {"default_transaction_read_only": "on"}


@dataclass(frozen=True)
class Purpose:
    """Who opens a session, whether it is to write, and the settings in which it differs."""

    application_name: str = "meterhouse"
    writes: bool = True
    differing: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """Every setting with its value, as the server shows it."""
        return {**_SETTINGS, **({} if self.writes else _READ_ONLY), **self.differing}


LOAD = Purpose()
# A long upgrade is not cut off while it works in silence.
MIGRATE = Purpose("meterhouse migrate", differing={"idle_in_transaction_session_timeout": "10min"})
READ = Purpose(writes=False)
# For every session that reads, sql/harden.sql and `meterhouse create-reader` included. The planner takes a text of the views for 500 bytes
# where it has 20: with the usual memory it would sort what it can hash.
PLANNING = {"jit": "off", "hash_mem_multiplier": "16"}
# A reader's session may undo its role's defaults, so they are set again: nothing is written, nothing runs for minutes.
DASHBOARD = Purpose("meterhouse dashboard", writes=False, differing={"statement_timeout": "1min", **PLANNING})
QUESTION = Purpose("meterhouse sql", writes=False, differing=PLANNING)
ASSISTANT = Purpose("meterhouse mcp", writes=False, differing=PLANNING)


@dataclass(frozen=True)
class Facts:
    """What a server says of itself and of a session before anything is set."""

    version: str
    version_number: int
    encoding: str
    is_in_recovery: bool
    is_read_only: bool
    read_only_source: str
    backend_pid: int


FACTS = """
SELECT
    version(), current_setting('server_version_num')::integer, current_setting('server_encoding'), pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on',
    (SELECT source FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'), pg_backend_pid()
"""


def require_usable(facts: Facts, purpose: Purpose) -> None:
    """Raise `FixConfiguration` for a server that cannot hold the warehouse, `TryAgainLater` for one that cannot be written to for now."""
    if not facts.version.startswith("PostgreSQL ") or any(name in facts.version for name in _OTHER_SERVERS):
        raise FixConfiguration("the warehouse's server is not PostgreSQL: use PostgreSQL 15 to 18")
    if facts.version_number < _OLDEST_SERVER:
        raise FixConfiguration("the warehouse's server is older than PostgreSQL 15: use a newer one")
    if facts.encoding != "UTF8":
        raise FixConfiguration(
            f"the warehouse's database has the encoding {facts.encoding}, which cannot hold every name: create one with ENCODING 'UTF8'"
        )
    if not purpose.writes:
        return
    if not facts.is_in_recovery and facts.is_read_only and facts.read_only_source in _OF_A_ROLE:
        raise FixConfiguration(f"the role of WAREHOUSE_URL is set to read only (default_transaction_read_only): {LOADER_REMEDY}")
    if facts.is_in_recovery or facts.is_read_only:
        raise TryAgainLater(PRIMARY_REMEDY)


def require_kept(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise `FixConfiguration` when the session does not have the settings that were just set."""
    lost = sorted(name for name, value in wanted.items() if found.get(name) != value)
    if lost:
        raise FixConfiguration(
            f"the server or a pooler before it does not keep the settings of a session ({', '.join(lost)}): {POOLER_REMEDY}"
        )
