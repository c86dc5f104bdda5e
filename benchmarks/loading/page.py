"""The page docs/performance.md, written from the figures: nothing in it is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .contenders import OURS
from .figures import CHANGED, FIRST, PASSES, SAME, Figures, median
from .missed import missed
from .overlap import FETCHER, LOADER, PAGE_BUCKETS
from .states import DAYS
from .targets import SLOW_SECONDS, TARGETS, floor_share, state_ratios, times_faster, waits

SLOWEST = 10
INTRODUCTION = """\
# Performance

This page is written by `make bench`; do not edit it. Only ratios within one table mean anything: the machine is shared, so every
variant runs in turn with the others (A B C A B C), after a VACUUM and a checkpoint. Seconds are medians, and a ratio is the median of the
ratios within each round.

Measured ({measured_on}) on {cores} cores and {memory} GB of memory, {system}, Python {python}, PostgreSQL {server} as `make up` starts it
(fsync on), meterhouse {meterhouse}. Load: about {rows:,} rows of completions in the hours of {days} days with all dimensions, from a page
server on the same machine.
"""
ELSEWHERE = """\
Not part of this run: `make up`, which reports its own time, and what Airflow adds to a load (`benchmarks/airflow_overhead.py`).
"""
PEERS = """\
Every loader loads the same pages, and must end up with exactly the rows and output tokens that were served. *first* fills an empty
table, *same* loads the same window again, and in *5 % changed* a twentieth of the rows have other figures. Seconds are from the start of
the process, and from its first request, to its end; *times ours* compares those from the start.

Versions: {versions}.
"""
STATES = """\
A change of a twentieth of the rows in {days} days, or all of them once more with `--force`, while the server's statistics are missing or
wrong, next to the same work straight after `ANALYZE`. Automatic statistics are off meanwhile.
"""
OVERLAP = """\
Seconds from the first request to the end, with pages of {buckets} hours.
"""
DEMO = """\
All streams of the organization that `make up` shows, a year of days and two weeks of hours, from the stand-in without delays.
"""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(value: float | None, form: str = ".2f", unit: str = "") -> str:
    """Return a figure, or a dash for one that is not known."""
    return "-" if value is None else f"{value:{form}}{unit}"


def written(figures: Figures) -> str:
    """Return the page."""
    machine = figures.machine
    parts = [
        INTRODUCTION.format(
            measured_on=_dates(figures), cores=machine.cores, memory=machine.memory_gigabytes, system=machine.system,
            python=machine.python, server=figures.server, meterhouse=machine.meterhouse, rows=figures.rows, days=figures.days,
        ),
        "## Targets\n",
        table(
            ("target", "wanted", "measured", "met?"),
            ((one.what, one.wanted, one.measured(figures), one.met(figures)) for one in TARGETS),
        ),
        *_missed(figures),
        ELSEWHERE,
    ]  # fmt: skip
    if figures.passes:
        parts += ["## Our loader and its peers\n", *_peers(figures)]
    if figures.states:
        parts += ["## States of statistics\n", *_states(figures)]
    if figures.waits:
        parts += ["## Waiting for the vendor\n", *_waits(figures)]
    if figures.syncs:
        parts += ["## The demo organization\n", *_syncs(figures)]
    if figures.answers:
        parts += ["## Questions\n", *_questions(figures)]
    return "\n".join(parts)


def _missed(figures: Figures) -> list[str]:
    lines = [f"- **{one.what}**: {missed(one.what)}\n" for one in TARGETS if one.met(figures) == "no"]
    return ["Why these targets are missed, and what was tried:\n", "".join(lines)] if lines else []


def _dates(figures: Figures) -> str:
    days: dict[str, list[str]] = {}
    for part, day in figures.measured_on.items():
        days.setdefault(str(day), []).append(part)
    if len(days) == 1:
        return next(iter(days))
    return "; ".join(f"{', '.join(parts)}: {day}" for day, parts in days.items())


def _peers(figures: Figures) -> Iterator[str]:
    yield PEERS.format(versions=", ".join(f"{name} {version}" for name, version in figures.peers.items()) or "no peer took part")
    who = list(dict.fromkeys(one.who for one in figures.passes))
    yield table(
        (
            "",
            *(f"{what}, s" for what in PASSES),
            *(f"{what}, times ours" for what in PASSES),
            "WAL, bytes per row: first / same",
            "memory, MB",
        ),
        (
            (
                name,
                *(" / ".join(shown(figures.median(name, what, column)) for column in ("seconds", "work_seconds")) for what in PASSES),
                *(shown(times_faster(name, what)(figures), ".1f") for what in PASSES),
                " / ".join(shown(figures.median(name, what, "wal_bytes_per_row"), ".0f") for what in (FIRST, SAME)),
                shown(max(one.peak_megabytes for one in figures.passes if one.who == name), ".0f"),
            )
            for name in who
        ),
    )
    for line in figures.peers_left_out:
        yield f"Left out: {line}.\n"
    decode, copy = (median(getattr(one, name) for one in figures.floors) for name in ("decode_seconds", "copy_seconds"))
    work = [figures.median(OURS, what, "work_seconds") for what in PASSES]
    yield (
        "The floor is the least that the same rows cost on one core: typed decoding of the pages, and binary `COPY` of ready bytes into a\n"
        f"narrow, durable table with a key, one after the other: {shown(decode)} + {shown(copy)} s. Without process start our\n"
        f"loader takes {shown(work[0])} s ({FIRST}), {shown(work[1])} s ({SAME}) and {shown(work[2])} s ({CHANGED}): a first load is at"
        f" {shown(floor_share(figures))} of the floor.\n"
    )


def _states(figures: Figures) -> Iterator[str]:
    yield STATES.format(days=DAYS)
    ratios = state_ratios(figures)
    servers = list(dict.fromkeys(one.server for one in figures.states))
    states = list(dict.fromkeys(one.what for one in figures.states))

    def cell(server: str, what: str) -> str:
        value = ratios.get((server, what))
        if value is None:
            return "not finished in time"
        those = [one for one in figures.states if (one.server, one.what) == (server, what)]
        sides = (median(one.seconds for one in those), median(one.fresh_seconds for one in those))
        return f"{value:.2f} ({shown(sides[0])} / {shown(sides[1])} s)"

    yield table(
        ("state", *(f"PostgreSQL {server}" for server in servers)),
        ((what, *(cell(server, what) for server in servers)) for what in states),
    )
    for server in figures.servers_left_out:
        yield f"{server} is not installed on this machine, and was left out.\n"


def _waits(figures: Figures) -> Iterator[str]:
    yield OVERLAP.format(buckets=PAGE_BUCKETS)
    latencies = sorted({one.milliseconds_per_page for one in figures.waits})
    names = {LOADER: LOADER, FETCHER: "fetching only"}
    rows = [(name, *(shown(median(waits(figures, who, latency))) for latency in latencies)) for who, name in names.items()]
    compressed = [shown(median(waits(figures, LOADER, latency, compressed=True))) for latency in latencies]
    yield table(("", *(f"{latency} ms per page" for latency in latencies)), [*rows, (f"{LOADER}, pages compressed", *compressed)])


def _syncs(figures: Figures) -> Iterator[str]:
    yield DEMO
    names = ("seconds", "vendor_seconds", "load_seconds", "sums_seconds")
    yield table(
        ("`meterhouse sync`", "whole command, s", "fetching pages, s", "loading, s", "of that daily totals, s"),
        (
            (what, *(shown(median(getattr(one, name) for one in figures.syncs if one.what == what)) for name in names))
            for what in dict.fromkeys(one.what for one in figures.syncs)
        ),
    )


def _questions(figures: Figures) -> Iterator[str]:
    slow = sum(one.seconds > SLOW_SECONDS for one in figures.answers)
    yield (
        f"{slow} of {len(figures.answers)} questions of the shipped dashboards and files take more than 100 ms on an organization of"
        f" {figures.reading_rows or 0:,} rows of hours in a year; the slowest:\n"
    )
    slowest = sorted(figures.answers, key=lambda one: -one.seconds)[:SLOWEST]
    yield table(("question", "median, warm"), ((one.question, f"{one.seconds * 1000:.0f} ms") for one in slowest))
    if figures.paints:
        yield table(("the dashboard's page", "median"), ((one.question, f"{one.seconds:.2f} s") for one in figures.paints))
