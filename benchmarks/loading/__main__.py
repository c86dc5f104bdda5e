"""Measure the parts that were asked for, keep the figures as JSON, and write docs/performance.md from them.

python -m benchmarks.loading --home FOLDER [--parts peers,states,overlap,demo,commands,reading] [--rounds 3]
python -m benchmarks.loading --home FOLDER --small
python -m benchmarks.loading --page-only
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from .commands import commands
from .contenders import PEERS_IN_ORDER
from .demo import demo
from .environments import versions
from .figures import Figures, Floor, Machine, Pass
from .grounds import embedded, installed
from .overlap import overlap
from .page import written
from .page_server import Serving, page_server
from .pages import Shape, made
from .processes import ROOT
from .questions import asked
from .rounds import Bench, LeftOut, interleaved, say, short_passes, size_of_a_row
from .small import SHAPE as SMALL
from .small import failures
from .states import DAYS, States

PARTS = ("peers", "states", "overlap", "demo", "commands", "reading")
OLDEST = 15
FIGURES, PAGE = ROOT / "benchmarks" / "performance.json", ROOT / "docs" / "performance.md"
NAMED = {
    "dlt": ("dlt", "pyarrow"),
    "singer": ("meltanolabs-target-postgres", "singer-sdk"),
    "notebook": ("pandas", "sqlalchemy", "psycopg"),
}


def measured(bench: Bench, shape: Shape, parts: list[str], rounds: int, given: argparse.Namespace) -> Figures:
    """Measure the parts one after the other."""
    today = datetime.now(UTC).date()
    dates = {part: today for part in PARTS if part in parts}
    figures = Figures(Machine.here(), bench.grounds.version, shape.rows, shape.days, dates)
    if "peers" in parts:
        say("\nour loader, its peers and the floor")
        peers = [one for one in PEERS_IN_ORDER if given.peers.search(one.name)]
        found = list(interleaved(bench, shape, peers, rounds))
        figures = replace(
            figures,
            passes=tuple(one for one in found if isinstance(one, Pass)),
            floors=tuple(one for one in found if isinstance(one, Floor)),
            peers_left_out=tuple(f"{one.who}, {one.reason}" for one in found if isinstance(one, LeftOut)),
            short_passes=tuple(short_passes(bench, shape.first_days(max(1, shape.days // 2)), rounds)),
            bytes_per_row=size_of_a_row(bench, shape),
            peers={name: versions(of)[name] for of, names in NAMED.items() for name in names},
        )
    if "states" in parts:
        say("\nstates of statistics")
        found_states = list(States(bench, shape.first_days(min(DAYS, shape.days))).measured(rounds))
        with installed(OLDEST) as older:
            if older is None:
                say(f"  PostgreSQL {OLDEST} is not installed here: left out")
                figures = replace(figures, servers_left_out=(f"PostgreSQL {OLDEST}",))
            else:
                found_states += States(replace(bench, grounds=older), shape.first_days(min(DAYS, shape.days))).measured(rounds)
        figures = replace(figures, states=tuple(found_states))
    if "overlap" in parts:
        say("\nwaiting for pages")
        figures = replace(figures, waits=tuple(overlap(bench, shape, rounds)))
    if "demo" in parts:
        say("\nthe demo organization")
        figures = replace(figures, syncs=tuple(demo(bench, rounds)))
    if "commands" in parts:
        say("\ncommands")
        figures = replace(figures, commands=tuple(commands(bench, shape.first_days(1), rounds)))
    return figures


def main() -> None:
    """Read the arguments and go."""
    given = arguments()
    # So that the servers are stopped when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    began = time.monotonic()
    if given.page_only:
        PAGE.write_text(written(Figures.read(FIGURES)))
        return
    shape = SMALL if given.small else Shape(days=given.days, rows=given.rows)
    with ExitStack() as stack:
        first = made(given.home / "pages", shape)
        pages = stack.enter_context(page_server(Serving(first.folder)))
        bench = Bench(given.home, pages, stack.enter_context(embedded()))
        if given.small:
            found = failures(bench)
            say("\n".join(found) or f"every ratio is within its bound; {time.monotonic() - began:.0f} s")
            sys.exit(1 if found else 0)
        figures = measured(bench, shape, given.parts, given.rounds, given)
    # Before the last part, which is another program and may fail: what is measured is kept.
    keep(figures, given)
    if "reading" in given.parts:
        say("\nreading")
        answers, paints = asked(given.home, given.reading_rows)
        keep(replace(figures, answers=answers, paints=paints, reading_rows=given.reading_rows), given)
    say(f"\n{time.monotonic() - began:.0f} s; {given.json.name} and {given.page.name} are written")


def keep(figures: Figures, given: argparse.Namespace) -> None:
    """Write the figures, over those of an earlier run, and the page."""
    figures = figures.over(Figures.read(given.json) if given.json.exists() else None)
    figures.write(given.json)
    given.page.write_text(written(figures))


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=ROOT / ".meterhouse" / "bench", help="folder for pages, environments and state")
    parser.add_argument("--parts", type=lambda text: [one for one in re.split(r"[ ,]+", text) if one], default=list(PARTS))
    parser.add_argument("--peers", type=re.compile, default=re.compile(""), help="regular expression: peers with other names are left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument(
        "--reading-rows",
        type=int,
        default=4_000_000,
        help="rows of hours of the organization that questions are asked of, a million or more",
    )
    parser.add_argument("--json", type=Path, default=FIGURES)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--small", action="store_true", help="two minutes without peers; fails when a ratio is out of its bound")
    parser.add_argument("--page-only", action="store_true", help="write the page from the figures that are there")
    given = parser.parse_args()
    given.home = given.home.absolute()
    if unknown := [one for one in given.parts if one not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}: choose from {', '.join(PARTS)}")
    return given


if __name__ == "__main__":
    main()
