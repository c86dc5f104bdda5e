"""First, same and changed: every contender loads the same pages three times, interleaved with the others, round by round."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

from psycopg.sql import Identifier
from tests.conftest import Warehouse

from .contenders import OURS, Load, Peer, WrongRows, backfill, require, require_ours
from .figures import CHANGED, FIRST, PASSES, SAME, Floor, Pass
from .floor import floor
from .grounds import Grounds, bytes_per_row
from .page_server import PageServer, Serving
from .pages import Pages, Shape, made
from .processes import CommandFailed, Run, run

CHANGED_SHARE = 0.05


@dataclass(frozen=True)
class Bench:
    """Where things are measured: a folder, a server of pages and a server of tables."""

    home: Path
    pages: PageServer
    grounds: Grounds

    def made(self, shape: Shape) -> Pages:
        """Return the pages of a shape."""
        return made(self.home / "pages", shape)

    def timed(self, load: Load, serving: Serving, *, timeout_seconds: int = 600) -> Timed:
        """Run a load behind a checkpoint."""
        self.pages.serve(serving)
        self.grounds.checkpoint()
        before = self.grounds.wal_bytes()
        done = run(load.command, load.environment, timeout_seconds=timeout_seconds)
        written = self.grounds.wal_bytes() - before
        asked = self.pages.first_asked()
        return Timed(done, done.ended - (done.began if asked is None else asked), written)


@dataclass(frozen=True)
class Timed:
    """A load that ran: what the process took, its seconds from the first request on, and the WAL that was written meanwhile."""

    run: Run
    work_seconds: float
    wal_bytes: int

    def as_pass(self, who: str, what: str, rows: int) -> Pass:
        """Return the figures of it."""
        return Pass(
            who,
            what,
            round(self.run.seconds, 3),
            round(self.work_seconds, 3),
            round(self.run.peak_megabytes, 1),
            round(self.wal_bytes / rows, 2),
        )


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def served(bench: Bench, shape: Shape) -> dict[str, Pages]:
    """Return what is served in each pass."""
    plain = bench.made(shape)
    changed = bench.made(Shape(shape.first_day, shape.days, shape.rows, shape.seed, CHANGED_SHARE, shape.owner))
    return {FIRST: plain, SAME: plain, CHANGED: changed}


Begin = Callable[[], tuple[Callable[[], Load], Callable[[Pages], None]]]


def our_beginning(bench: Bench, shape: Shape) -> Begin:
    """Return what makes a fresh warehouse, the load into it, and the look at what it holds."""

    def begin() -> tuple[Callable[[], Load], Callable[[Pages], None]]:
        warehouse: Warehouse = bench.grounds.fresh("ours")
        return (
            lambda: backfill(bench.home, bench.pages.base_url, warehouse, shape),
            lambda pages: require_ours(bench.grounds, warehouse, pages.expected),
        )

    return begin


def peers_beginning(bench: Bench, shape: Shape, peer: Peer) -> Begin:
    """The same for a peer."""

    def begin() -> tuple[Callable[[], Load], Callable[[Pages], None]]:
        load = peer.load(bench.home, bench.pages.base_url, bench.grounds, shape)
        peer.forget(bench.home, bench.grounds)
        table = Identifier(*peer.table)
        return (lambda: load, lambda pages: require(bench.grounds, bench.grounds.peers_url, table, pages.expected, peer.name))

    return begin


@dataclass(frozen=True)
class LeftOut:
    """A peer that could not be measured, and why; `details` may name paths and addresses, so they are printed and not kept."""

    who: str
    reason: str
    details: str = ""


def interleaved(bench: Bench, shape: Shape, peers: Sequence[Peer], count: int) -> Iterator[Pass | Floor | LeftOut]:
    """Yield `count` rounds of passes, with the floor once in each. A peer that fails is left out from there on; we may not fail."""
    what = served(bench, shape)
    out: set[str] = set()
    bench.grounds.let_autovacuum(run=False)
    for number in range(count):
        found = floor(bench.grounds, what[FIRST])
        say(f"round {number + 1}  floor: decode {found.decode_seconds:.2f} s, copy {found.copy_seconds:.2f} s")
        yield found
        taking_part = [peer for peer in peers if number < peer.most_rounds and peer.name not in out]
        for one in _one_round(bench, shape, what, taking_part):
            if isinstance(one, LeftOut):
                say(f"  {one.who} is left out: {one.reason}\n{one.details}".rstrip())
                out.add(one.who)
            yield one
    bench.grounds.let_autovacuum(run=True)


def _one_round(bench: Bench, shape: Shape, what: Mapping[str, Pages], peers: Sequence[Peer]) -> Iterator[Pass | LeftOut]:
    begun = {OURS: our_beginning(bench, shape)()}
    for peer in peers:
        try:
            begun[peer.name] = peers_beginning(bench, shape, peer)()
        except CalledProcessError:
            yield LeftOut(peer.name, "its environment could not be made")
    for name in PASSES:
        for who, (load, check) in list(begun.items()):
            try:
                bench.grounds.tidy()
                done = bench.timed(load(), Serving(what[name].folder)).as_pass(who, name, what[name].expected.rows)
                check(what[name])
            except (CommandFailed, WrongRows) as error:
                if who == OURS:
                    raise
                del begun[who]
                reason, _, details = str(error).partition("\n")
                yield LeftOut(who, f"{name}: {reason}", details)
                continue
            say(
                f"  {name:12} {who:30} {done.seconds:7.2f} s, {done.work_seconds:7.2f} s from the first request,"
                f" {done.peak_megabytes:6.0f} MB, {done.wal_bytes_per_row:7.1f} bytes of WAL a row"
            )
            yield done


def short_passes(bench: Bench, shape: Shape, count: int) -> Iterator[Pass]:
    """Yield first loads of fewer days: what they need in memory must be what all days need."""
    pages = bench.made(shape)
    begin = our_beginning(bench, shape)
    for _ in range(count):
        load, check = begin()
        yield bench.timed(load(), Serving(pages.folder)).as_pass(OURS, FIRST, pages.expected.rows)
        check(pages)


def size_of_a_row(bench: Bench, shape: Shape) -> float:
    """Return the bytes of a row of facts with its index, after a first load."""
    warehouse = bench.grounds.fresh("ours")
    bench.timed(backfill(bench.home, bench.pages.base_url, warehouse, shape), Serving(bench.made(shape).folder))
    return round(bytes_per_row(bench.grounds, warehouse), 1)
