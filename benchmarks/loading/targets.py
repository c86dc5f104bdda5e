"""What is wanted of the figures: each target, what was measured, and whether it is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .commands import FIRST_REQUEST, HELP, STATUS
from .contenders import OURS
from .demo import AGAIN, FIRST_SYNC
from .figures import CHANGED, FIRST, SAME, Figures, median, paired, ratio
from .overlap import FETCHER, LOADER

SLOW_SECONDS = 0.1
NOT_FINISHED = float("inf")


@dataclass(frozen=True)
class Target:
    """One target: `value` is in `unit`, and met at most at `most`, or at least at `least`."""

    what: str
    wanted: str
    value: Callable[[Figures], float | None]
    most: float = float("inf")
    least: float = 0.0
    form: str = "{:.2f}"

    def measured(self, figures: Figures) -> str:
        """Return the measured value as the page shows it."""
        value = self.value(figures)
        if value is None:
            return "not measured"
        return "not finished in time" if value == NOT_FINISHED else self.form.format(value)

    def met(self, figures: Figures) -> str:
        """Return yes, no, or a dash for what was not measured."""
        value = self.value(figures)
        if value is None:
            return "-"
        return "yes" if self.least <= value <= self.most and value != NOT_FINISHED else "no"


def times_faster(who: str, what: str) -> Callable[[Figures], float | None]:
    """Return how many times as long a peer takes, process start included."""
    return lambda figures: paired(figures.each(who, what, "seconds"), figures.each(OURS, what, "seconds"))


def to_first(what: str) -> Callable[[Figures], float | None]:
    """Return a pass of ours as a ratio to the first load, without process start."""
    return lambda figures: paired(figures.each(OURS, what, "work_seconds"), figures.each(OURS, FIRST, "work_seconds"))


def floor_share(figures: Figures) -> float | None:
    """Return how much of the floor's speed a first load reaches, without process start."""
    return paired([one.seconds for one in figures.floors], figures.each(OURS, FIRST, "work_seconds"))


def state_ratios(figures: Figures) -> Mapping[tuple[str, str], float | None]:
    """Return, by server and state, the load's seconds next to the same with fresh statistics; None if one did not finish."""
    found: dict[tuple[str, str], float | None] = {}
    for server, what in dict.fromkeys((one.server, one.what) for one in figures.states):
        those = [one for one in figures.states if (one.server, one.what) == (server, what)]
        finished = all(one.seconds is not None and one.fresh_seconds is not None for one in those)
        found[server, what] = paired([one.seconds for one in those], [one.fresh_seconds for one in those]) if finished else None
    return found


def worst_state(figures: Figures) -> float | None:
    """Return the largest of these ratios."""
    values = [NOT_FINISHED if value is None else value for value in state_ratios(figures).values()]
    return max(values) if values else None


def waits(figures: Figures, who: str, milliseconds: int, *, compressed: bool = False) -> list[float]:
    """Return the seconds of a load or a fetch at a latency, round by round."""
    wanted = (who, milliseconds, compressed)
    return [one.seconds for one in figures.waits if (one.who, one.milliseconds_per_page, one.compressed) == wanted]


def overlapped(figures: Figures) -> float | None:
    """Return the load at 100 ms per page next to the longer of only fetching and only loading."""
    alone = [max(pair) for pair in zip(waits(figures, FETCHER, 100), waits(figures, LOADER, 0), strict=False)]
    return paired(waits(figures, LOADER, 100), alone)


def most_memory(figures: Figures) -> float | None:
    """Return the peak of our passes."""
    return max((one.peak_megabytes for one in figures.passes if one.who == OURS), default=None)


def growth(figures: Figures) -> float | None:
    """Return the peak of a first load next to the peak of one of fewer days."""
    return ratio(figures.median(OURS, FIRST, "peak_megabytes"), median(one.peak_megabytes for one in figures.short_passes))


def slow_questions(figures: Figures) -> float | None:
    """Return how many questions take too long."""
    return float(sum(one.seconds > SLOW_SECONDS for one in figures.answers)) if figures.answers else None


def slowest_paint(figures: Figures) -> float | None:
    """Return the seconds to first paint of the dashboard's slowest page."""
    return max((one.seconds for one in figures.paints if one.question.startswith("first paint")), default=None)


def sums_share(figures: Figures) -> float | None:
    """Return how much of the load time of a first sync is spent on keeping daily totals."""
    return median(ratio(one.sums_seconds, one.load_seconds) for one in figures.syncs if one.what == FIRST_SYNC)


def idle_seconds(figures: Figures) -> float | None:
    """Return the time of a sync that finds nothing new, without the vendor's time."""
    return median(one.seconds - one.vendor_seconds for one in figures.syncs if one.what == AGAIN)


def command(what: str) -> Callable[[Figures], float | None]:
    """Return the median seconds of a command."""
    return lambda figures: median(one.seconds for one in figures.commands if one.what == what)


FACTOR, SECONDS, MEGABYTES = "{:.1f} times", "{:.2f} s", "{:.0f} MB"
TARGETS = (
    Target("any state of statistics, next to fresh ones (the worst)", "at most 1.2", worst_state, most=1.2),
    Target("first load, share of the floor's speed", "at least 0.5", floor_share, least=0.5),
    Target(
        "first load, faster than pandas with upsert",
        "at least 6 times",
        times_faster("pandas with upsert", FIRST),
        least=6,
        form=FACTOR,
    ),
    Target(
        "first load, faster than dlt with Arrow tables", "at least 4 times", times_faster("dlt, Arrow tables", FIRST), least=4, form=FACTOR
    ),
    Target("first load, faster than dlt with dicts", "at least 12 times", times_faster("dlt, dicts", FIRST), least=12, form=FACTOR),
    Target("same window unchanged, next to the first load", "at most 0.25", to_first(SAME), most=0.25),
    Target(
        "WAL of an unchanged window",
        "at most 1 byte per row",
        lambda figures: figures.median(OURS, SAME, "wal_bytes_per_row"),
        most=1,
        form="{:.1f} bytes",
    ),
    Target("5 % of the rows changed, next to the first load", "at most 0.8", to_first(CHANGED), most=0.8),
    Target("first sync of the demo year: daily totals, share of the load time", "at most 0.15", sums_share, most=0.15),
    Target("sync of all streams with nothing new, without the vendor's time", "at most 1.5 s", idle_seconds, most=1.5, form=SECONDS),
    Target("100 ms per page, next to the longer of fetching and loading", "at most 1.25", overlapped, most=1.25),
    Target("memory of a load at its peak", "at most 110 MB", most_memory, most=110, form=MEGABYTES),
    Target("memory of all days, next to half of them", "at most 1.15", growth, most=1.15),
    Target("a fact row with its index", "at most 150 bytes", lambda figures: figures.bytes_per_row, most=150, form="{:.0f} bytes"),
    Target("questions that take more than 100 ms, warm", "none", slow_questions, most=0, form="{:.0f}"),
    Target("page of the dashboard, first paint (the slowest)", "at most 1 s", slowest_paint, most=1, form=SECONDS),
    Target("`meterhouse --help`", "at most 0.1 s", command(HELP), most=0.1, form=SECONDS),
    Target("`meterhouse status`", "at most 0.4 s", command(STATUS), most=0.4, form=SECONDS),
    Target("a load command before its first request", "at most 0.5 s", command(FIRST_REQUEST), most=0.5, form=SECONDS),
)
