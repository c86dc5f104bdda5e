"""Windows: no gap, no overlap, aligned, never too early, never in the future, whatever the clock and the time zone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import DAY, HOUR, MINUTE, WIDTHS
from meterhouse.windows import (
    Window,
    buckets,
    ceil_to,
    chunks,
    clamp,
    floor_to,
    floor_to_day,
    from_epoch,
    increment,
    to_epoch,
)

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = (datetime(2016, 1, 1), datetime(2031, 1, 1))  # noqa: DTZ001 - hypothesis adds the zone
instants = st.datetimes(*YEARS, timezones=st.just(UTC))
widths = st.sampled_from(list(WIDTHS.values()))
lookbacks = st.builds(timedelta, days=st.integers(0, 90))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_aligned(instant, width) -> bool:
    return (instant - EPOCH) % timedelta(seconds=width.seconds) == timedelta(0)


@st.composite
def spans(draw, width, most_buckets=400):
    start = floor_to(draw(instants), width)
    return Window(start, start + timedelta(seconds=width.seconds) * draw(st.integers(0, most_buckets)))


@st.composite
def increments(draw):
    """The arguments of a scheduled run, with everything that may be odd about them."""
    width = draw(widths)
    now = draw(instants)
    end = draw(st.one_of(st.none(), instants))
    interval = Window(end - timedelta(seconds=draw(st.integers(0, 200_000))), end) if end else None
    return {
        "now": now,
        "interval": interval,
        "watermark": draw(st.one_of(st.none(), instants)),
        "lookback": draw(lookbacks),
        "history_start": draw(instants),
        "width": width,
        "month_close_days": draw(st.integers(0, 28)),
    }


# -- rounding -------------------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)), widths)  # noqa: DTZ001
def test_a_bucket_holds_the_instant_it_was_found_for(instant, width):
    start = floor_to(instant, width)
    assert is_aligned(start, width)
    assert start <= instant < start + timedelta(seconds=width.seconds)
    assert ceil_to(instant, width) == (start if start == instant else start + timedelta(seconds=width.seconds))


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.500000", "1900-01-01T00:00:00.000001", "9998-12-31T23:59:59.999999"])
def test_an_instant_just_before_a_bucket_ends_is_not_moved_into_the_next(text):
    assert floor_to(day(text), DAY) == datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)


@EXAMPLES
@given(st.integers(-60_000_000_000, 250_000_000_000))
def test_seconds_survive_the_way_to_an_instant_and_back(seconds):
    assert to_epoch(from_epoch(seconds)) == seconds


@pytest.mark.fault("70c")
@pytest.mark.parametrize("seconds", [10**13, -(10**12), 10**18, 10**30])
def test_seconds_beyond_the_calendar_are_refused(seconds):
    with pytest.raises((ValueError, OverflowError)):
        from_epoch(seconds)


def test_a_window_takes_utc_only_and_cannot_run_backwards():
    with pytest.raises(ValueError, match=r"^a window is made of UTC instants$"):
        Window(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))), day("2026-01-02"))
    with pytest.raises(ValueError, match="UTC"):
        Window(datetime(2026, 1, 1), day("2026-01-02"))  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="after its end"):
        Window(day("2026-01-02"), day("2026-01-01"))
    assert Window(day("2026-01-01"), day("2026-01-01")).is_empty


def test_an_instant_without_a_zone_is_never_guessed_at():
    with pytest.raises(TypeError):
        floor_to_day(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_a_window_reads_as_days_or_as_minutes():
    assert str(Window(day("2026-01-01"), day("2026-01-02"))) == "[2026-01-01, 2026-01-02)"
    assert str(Window(day("2026-01-01T05:00"), day("2026-01-02"))) == "[2026-01-01T05:00Z, 2026-01-02)"


@EXAMPLES
@given(st.data(), widths)
def test_the_buckets_of_a_window_follow_each_other_and_fill_it(data, width):
    window = data.draw(spans(width))
    starts = list(buckets(window, width))
    step = timedelta(seconds=width.seconds)
    assert starts == [window.start + step * index for index in range((window.end - window.start) // step)]


# -- chunks ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(43)
@EXAMPLES
@given(st.data(), widths)
def test_chunks_are_aligned_consecutive_fit_on_a_page_and_add_up_to_the_window(data, width):
    window = data.draw(spans(width, most_buckets=5000))
    inside = st.integers(-3, 5003).map(lambda index: window.start + timedelta(seconds=width.seconds) * index)
    cuts = tuple(data.draw(st.lists(inside, max_size=5)))
    pieces = chunks(window, width, cuts=cuts)
    if window.is_empty:
        assert pieces == []
        return
    assert (pieces[0].start, pieces[-1].end) == (window.start, window.end)
    assert all(before.end == after.start for before, after in pairwise(pieces))
    for piece in pieces:
        assert not piece.is_empty
        assert is_aligned(piece.start, width)
        assert is_aligned(piece.end, width)
        assert (piece.end - piece.start).total_seconds() <= width.seconds * width.max_buckets
        assert not any(piece.start < cut < piece.end for cut in cuts), "a chunk crosses a cut"


def test_chunks_are_no_smaller_than_they_must_be():
    assert len(chunks(Window(day("2026-01-01"), day("2027-01-01")), DAY)) == 12
    assert len(chunks(Window(day("2026-01-01"), day("2026-01-08")), HOUR)) == 1
    assert len(chunks(Window(day("2026-01-01"), day("2026-01-02")), MINUTE)) == 1


def test_a_cut_at_the_edge_of_a_window_changes_nothing():
    window = Window(day("2026-01-01"), day("2026-01-11"))
    assert chunks(window, DAY, cuts=(window.start, window.end, day("2020-01-01"))) == [window]


# -- clamp ----------------------------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data(), widths, instants)
def test_a_clamped_window_keeps_exactly_the_buckets_from_the_earliest_instant_on(data, width, earliest):
    window = data.draw(spans(width))
    kept = list(buckets(clamp(window, earliest, width), width))
    assert kept == [start for start in buckets(window, width) if start >= earliest]


# -- increment ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(42)
@EXAMPLES
@given(increments())
def test_a_run_is_aligned_and_never_leaves_history_or_reaches_into_the_future(run):
    window = increment(**run)
    width = run["width"]
    assert is_aligned(window.start, width)
    assert is_aligned(window.end, width)
    assert window.end <= ceil_to(run["now"], width)
    assert window.is_empty or window.start >= floor_to(run["history_start"], width)
    if run["interval"] and not run["interval"].is_empty:
        end = ceil_to(run["interval"].end, width)
        # The current bucket is read too when the interval ends where it begins.
        assert window.end <= (ceil_to(run["now"], width) if end >= floor_to(run["now"], width) else end)


@EXAMPLES
@given(increments())
def test_a_run_reaches_back_to_the_watermark_and_its_own_interval_less_the_lookback(run):
    window = increment(**run)
    earliest = floor_to(run["history_start"], run["width"])
    known = [instant for instant in (run["watermark"], run["interval"] and run["interval"].start) if instant]
    reach = min(known) - run["lookback"] if run["watermark"] else earliest
    assert window.start <= max(reach, earliest), "a gap is left before the window"


@EXAMPLES
@given(increments())
def test_a_first_run_begins_where_history_does(run):
    window = increment(**run | {"watermark": None})
    assert window.is_empty or window.start == floor_to(run["history_start"], run["width"])


@EXAMPLES
@given(st.data(), widths, lookbacks)
def test_runs_that_fail_or_never_start_leave_no_gap(data, width, lookback):
    history = floor_to(data.draw(instants), width)
    now, watermark, reached = history, None, history
    for _ in range(data.draw(st.integers(1, 12))):
        before, now = now, now + timedelta(minutes=data.draw(st.integers(1, 60 * 24 * 20)))
        if data.draw(st.booleans()):
            continue
        window = increment(
            now=now, interval=Window(before, now), watermark=watermark, lookback=lookback, history_start=history, width=width
        )
        assert window.start <= reached, "buckets between two runs were never read"
        assert window.end == ceil_to(now, width)
        watermark, reached = now, window.end


def test_downtime_of_a_week_is_read_again_by_the_next_run():
    window = increment(
        now=day("2026-06-20T01:00"),
        interval=Window(day("2026-06-19"), day("2026-06-20")),
        watermark=day("2026-06-12T01:00"),
        lookback=timedelta(days=3),
        history_start=day("2026-01-01"),
        width=DAY,
    )
    # Today is the bucket that begins where the interval ends, so it is read as well.
    assert window == Window(day("2026-06-09"), day("2026-06-21"))


def test_a_run_for_an_old_interval_reads_that_interval_although_the_watermark_is_past_it():
    window = increment(
        now=day("2026-06-20"),
        interval=Window(day("2026-03-01"), day("2026-03-02")),
        watermark=day("2026-06-19"),
        lookback=timedelta(0),
        history_start=day("2026-01-01"),
        width=DAY,
    )
    assert window == Window(day("2026-03-01"), day("2026-03-02"))


def test_the_bucket_that_is_not_over_yet_is_read():
    arguments = {"interval": None, "watermark": day("2026-06-20"), "lookback": timedelta(0), "history_start": day("2026-01-01")}
    assert increment(now=day("2026-06-20T12:34:56"), width=DAY, **arguments) == Window(day("2026-06-20"), day("2026-06-21"))
    assert increment(now=day("2026-06-20T12:34:56"), width=HOUR, **arguments).end == day("2026-06-20T13:00")


def test_a_run_before_history_begins_reads_nothing():
    window = increment(
        now=day("2026-01-01"), interval=None, watermark=None, lookback=timedelta(0), history_start=day("2026-02-01"), width=DAY
    )
    assert window.is_empty


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-01T00:00", "2026-02-01"),
        ("2026-03-05T23:59", "2026-02-01"),
        ("2026-03-06T00:00", "2026-02-24"),
        ("2026-01-03T12:00", "2025-12-01"),
        ("2024-03-02T12:00", "2024-02-01"),
    ],
)
def test_costs_of_the_last_month_are_read_again_while_it_is_being_closed(now, start):
    window = increment(
        now=day(now),
        interval=None,
        watermark=day(now),
        lookback=timedelta(days=10),
        history_start=day("2020-01-01"),
        width=DAY,
        month_close_days=5,
    )
    assert window.start == day(start)


def test_usage_is_not_read_again_on_the_first_day_of_a_month():
    first = day("2026-03-01T12:00")
    window = increment(now=first, interval=None, watermark=first, lookback=timedelta(days=3), history_start=day("2020-01-01"), width=DAY)
    assert window == Window(day("2026-02-26"), day("2026-03-02"))


@EXAMPLES
@given(increments())
def test_closing_a_month_only_ever_reads_more(run):
    assume(run["watermark"] is not None)
    window, plain = increment(**run), increment(**run | {"month_close_days": 0})
    assert window.end == plain.end
    assert window.start <= plain.start
    now = run["now"]
    if now.day > run["month_close_days"]:
        assert window == plain


# -- time zones -----------------------------------------------------------------------------------------------------------------------

ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
# The nights in which clocks are put forward or back in these zones, and an ordinary one.
NIGHTS = ["2026-03-08T06:59:30", "2026-11-01T05:30:00", "2026-04-04T13:30:00", "2026-09-26T14:30:00", "2026-07-01T00:00:00"]


@pytest.fixture(params=ZONES)
def local_zone(request, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.fault(81)
@pytest.mark.parametrize("night", NIGHTS)
def test_windows_do_not_depend_on_the_time_zone_of_the_machine(local_zone, night):
    now = day(night)
    midnight = now.replace(hour=0, minute=0, second=0)
    assert floor_to(now, DAY) == floor_to_day(now) == midnight
    assert from_epoch(to_epoch(now)) == now
    window = increment(
        now=now, interval=None, watermark=now, lookback=timedelta(days=2), history_start=day("2026-01-01"), width=HOUR, month_close_days=0
    )
    assert window.start == floor_to(now, HOUR) - timedelta(days=2)
    assert all(piece.start.utcoffset() == timedelta(0) for piece in chunks(window, HOUR))
    assert len(list(buckets(Window(midnight, midnight + timedelta(days=1)), HOUR))) == 24


@pytest.mark.parametrize("hours", [-11, -5, 5.5, 9, 13])
def test_the_same_instant_written_in_another_zone_gives_the_same_window(hours):
    elsewhere = timezone(timedelta(hours=hours))
    for text in ("2026-03-05T20:00", "2026-03-05T02:00", "2026-03-01T01:00", "2026-02-28T23:00"):
        now = day(text)
        arguments = {
            "interval": None,
            "watermark": now,
            "lookback": timedelta(days=3),
            "history_start": day("2020-01-01"),
            "width": DAY,
            "month_close_days": 5,
        }
        assert increment(now=now.astimezone(elsewhere), **arguments) == increment(now=now, **arguments)
        assert floor_to_day(now.astimezone(elsewhere)) == floor_to_day(now)
