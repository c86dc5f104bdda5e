"""How long commands take that people wait for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .contenders import backfill, ours
from .figures import Command
from .page_server import Serving
from .pages import Shape
from .processes import run
from .rounds import Bench, say

HELP, STATUS, FIRST_REQUEST = "--help", "status", "load command before its first request"


def commands(bench: Bench, shape: Shape, count: int) -> Iterator[Command]:
    """Yield `count` rounds of each command, in a warehouse that is loaded."""
    warehouse = bench.grounds.fresh("commands")
    settings = ours(bench.home, bench.pages.base_url, warehouse)
    load = backfill(bench.home, bench.pages.base_url, warehouse, shape)
    serving = Serving(bench.made(shape).folder)
    bench.timed(load, serving)
    for _ in range(count):
        for word in (HELP, STATUS):
            found = Command(word, round(run([sys.executable, "-m", "meterhouse", word], settings).seconds, 3))
            say(f"  {found.what:38} {found.seconds:6.2f} s")
            yield found
        done = bench.timed(load, serving)
        found = Command(FIRST_REQUEST, round(done.run.seconds - done.work_seconds, 3))
        say(f"  {found.what:38} {found.seconds:6.2f} s")
        yield found
