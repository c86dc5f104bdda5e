"""The demo organization, as the stand-in serves it without waiting: a first `sync` of its year, and one that finds nothing new."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.sql import SQL, Identifier
from tests.conftest import LOADER, Warehouse

from meterhouse.fake_openai.server import DEFAULT_ADMIN_KEY
from meterhouse.ports import free_port
from meterhouse.warehouse.rollup_tables import ROLLUPS

from .contenders import ours
from .figures import Sync
from .processes import ROOT, run
from .rounds import Bench, say

FIRST_SYNC, AGAIN = "first sync", "nothing new"
_LOGGED = re.compile(r"duration: ([0-9.]+) ms +[a-z]+[^:]*: (.*?)(?=\n\d{4}-\d\d-\d\d |\Z)", re.DOTALL)
# As the loader writes their names; what reads them later, for an answer, does not quote them.
_OF_TOTALS = re.compile("|".join(f'"{rollup.name}"' for rollup in ROLLUPS))
_SECONDS = """
SELECT coalesce(sum(fetch_seconds), 0)::float8, coalesce(sum(load_seconds), 0)::float8 FROM ops.load_log
WHERE run_id = (SELECT max(run_id) FROM ops.load_log)
"""


@contextmanager
def stand_in() -> Iterator[str]:
    """Serve the demo organization from a separate process; yield its address."""
    command = [sys.executable, "-m", "meterhouse", "fake-api", "--port", str(free_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - this interpreter
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"OPENAI_BASE_URL=(\S+)", line)
        if found is None:
            raise RuntimeError(f"the stand-in did not start: {line}")
        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=10)


def sums_seconds(log: str) -> float:
    """Return the seconds of the logged statements that keep totals equal to the facts."""
    return sum(float(milliseconds) for milliseconds, text in _LOGGED.findall(log) if _OF_TOTALS.search(text)) / 1000


def demo(bench: Bench, count: int) -> Iterator[Sync]:
    """Yield `count` rounds of both; the server notes every statement of the loader meanwhile."""
    bench.grounds.execute(SQL("ALTER ROLE {} SET log_min_duration_statement = 0").format(Identifier(LOADER)))
    try:
        with stand_in() as base_url:
            for _ in range(count):
                warehouse = bench.grounds.fresh("demo")
                for what in (FIRST_SYNC, AGAIN):
                    yield _one(bench, base_url, warehouse, what)
    finally:
        bench.grounds.execute(SQL("ALTER ROLE {} RESET log_min_duration_statement").format(Identifier(LOADER)))


def _one(bench: Bench, base_url: str, warehouse: Warehouse, what: str) -> Sync:
    log_file = bench.grounds.log_file
    written = log_file.stat().st_size
    bench.grounds.checkpoint()
    settings = ours(bench.home, base_url, warehouse) | {"OPENAI_ADMIN_KEY": DEFAULT_ADMIN_KEY}
    done = run([sys.executable, "-m", "meterhouse", "sync"], settings)
    fetched, loaded = bench.grounds.asked(warehouse.superuser_url, _SECONDS)
    with log_file.open(errors="replace") as log:
        log.seek(written)
        sums = sums_seconds(log.read())
    say(f"  {what:12} {done.seconds:7.2f} s: {fetched:6.2f} s for the pages, {loaded:6.2f} s in loading, {sums:6.2f} s of it sums by day")
    return Sync(what, round(done.seconds, 3), round(fetched, 3), round(loaded, 3), round(sums, 3))
