"""Chain: which buckets of a window came, which are whole and which are missing; what cannot be placed is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhouse.accounting.finality import Finality
from meterhouse.catalogue.endpoints import DAY, HOUR
from meterhouse.errors import RejectedAnswer
from meterhouse.load.chain import Chain, CompareRows, StoredBucket
from meterhouse.vendors.answer import Bucket, Page, SetAside
from meterhouse.windows import Window, from_epoch, to_epoch

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = Window(FIRST, FIRST + timedelta(days=7))
LATER = datetime(2026, 4, 1, tzinfo=UTC)
SETTLING = timedelta(hours=6)
ROWS = {("proj",): (1, None)}


def bucket(day: int, rows=None, *, begins: int = 0, lasts: int = 86400) -> Bucket:
    start = to_epoch(FIRST) + day * 86400 + begins
    return Bucket(start, start + lasts, ROWS if rows is None else rows)


def page(*buckets: Bucket) -> Page:
    return Page(buckets)


def chain(now: datetime = LATER) -> Chain:
    return Chain(WEEK, DAY, now, SETTLING)


def test_a_whole_answer_has_every_bucket_and_nothing_to_say():
    answer = chain()
    rows = answer.accept(page(*(bucket(day) for day in range(4)))) + answer.accept(page(*(bucket(day) for day in range(4, 7))))
    assert rows == [(FIRST + timedelta(days=day), ROWS) for day in range(7)]
    assert [covered.start for covered in answer.covered()] == [FIRST + timedelta(days=day) for day in range(7)]
    assert all(covered.finality is Finality.SETTLED and covered.row_count == 1 for covered in answer.covered())
    assert (answer.missing(), answer.all_warnings()) == ([], set())


def test_an_empty_bucket_came_and_is_not_missing():
    answer = chain()
    assert answer.accept(page(bucket(0, {}))) == [(FIRST, {})]
    assert answer.covered()[0].row_count == 0
    assert FIRST not in answer.missing()


@pytest.mark.fault(37)
@EXAMPLES
@given(st.permutations(range(7)), st.sets(st.integers(0, 6)), st.integers(1, 7))
def test_the_order_and_the_cutting_into_pages_change_nothing_and_gaps_are_named(order, absent, size):
    answer = chain()
    came = [day for day in order if day not in absent]
    for first in range(0, len(came), size):
        answer.accept(page(*(bucket(day) for day in came[first : first + size])))
    assert [covered.start for covered in answer.covered()] == [FIRST + timedelta(days=day) for day in sorted(came)]
    assert answer.missing() == [FIRST + timedelta(days=day) for day in sorted(absent)]
    assert bool(answer.all_warnings()) == bool(absent)


def test_a_gap_is_counted_and_its_first_bucket_named():
    answer = chain()
    answer.accept(page(bucket(0), bucket(1), bucket(4)))
    assert answer.all_warnings() == {"the answer lacked 4 buckets that the warehouse keeps as before, the first of 2026-03-03T00:00Z"}


@pytest.mark.fault(35)
def test_a_bucket_that_comes_twice_with_equal_rows_is_taken_once():
    answer = chain()
    assert len(answer.accept(page(bucket(0), bucket(0)))) == 1
    assert answer.accept(page(bucket(0), bucket(1))) == [(FIRST + timedelta(days=1), ROWS)]
    assert answer.warnings == {"a bucket came twice, with equal rows"}


def test_equal_rows_in_another_order_are_equal():
    answer = chain()
    answer.accept(page(bucket(0, {("a",): (1,), ("b",): (2,)})))
    assert answer.accept(page(bucket(0, {("b",): (2,), ("a",): (1,)}))) == []


@pytest.mark.fault(35)
@pytest.mark.parametrize("other", [{("proj",): (2, None)}, {}, {("else",): (1, None)}, ROWS | {("more",): (1, None)}], ids=str)
def test_a_bucket_that_comes_twice_with_different_rows_is_refused(other):
    answer = chain()
    answer.accept(page(bucket(0)))
    with pytest.raises(RejectedAnswer, match="2026-03-01T00:00Z came twice with different rows"):
        answer.accept(page(bucket(0, other)))


@pytest.mark.fault(36)
def test_two_halves_of_one_day_are_refused_because_one_would_replace_the_other():
    answer = chain()
    answer.accept(page(bucket(0, lasts=43200)))
    with pytest.raises(RejectedAnswer, match="came twice"):
        answer.accept(page(bucket(0, begins=43200, lasts=43200)))


@pytest.mark.fault(38)
@pytest.mark.parametrize("day", [-1, 7, 300])
def test_a_bucket_outside_of_the_window_is_left_out_and_said_so(day):
    answer = chain()
    assert [start for start, _ in answer.accept(page(bucket(day), bucket(3)))] == [FIRST + timedelta(days=3)]
    assert len(answer.warnings) == 1
    assert "outside of the window" in answer.warnings.pop()


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("begins", "lasts"),
    [(0, 0), (0, -3600), (0, 82800 + 7200), (3600, 86400), (0, 86401), (82800, 7200), (0, 7 * 86400)],
)
def test_a_bucket_that_is_not_within_one_day_is_refused(begins, lasts):
    with pytest.raises(RejectedAnswer, match="is not one of 1d"):
        chain().accept(page(bucket(1, begins=begins, lasts=lasts)))


@pytest.mark.fault("70c")
@pytest.mark.parametrize("start", [1_772_323_200_000, 10**18, -(10**18), 10**30, 253_402_300_800])
def test_bounds_that_are_no_unix_seconds_are_refused(start):
    with pytest.raises(RejectedAnswer, match="Unix seconds"):
        chain().accept(Page((Bucket(start, start + 86400, {}),)))


def test_a_clipped_bucket_stands_under_its_aligned_start_and_is_not_complete():
    answer = chain()
    answer.accept(page(bucket(0, begins=3660, lasts=86400 - 3660)))
    [covered] = answer.covered()
    assert (covered.start, covered.finality) == (FIRST, Finality.OPEN)
    assert (covered.reported_start, covered.reported_end) == (FIRST + timedelta(seconds=3660), FIRST + timedelta(days=1))


@pytest.mark.parametrize(
    ("now", "state"),
    [(-1, Finality.OPEN), (0, Finality.SETTLING), (6 * 3600 - 1, Finality.SETTLING), (6 * 3600, Finality.SETTLED)],
)
def test_a_bucket_is_open_until_its_end_and_settling_for_hours_even_if_the_vendor_gives_it_its_full_width(now, state):
    answer = chain(FIRST + timedelta(days=1, seconds=now))
    answer.accept(page(bucket(0)))
    assert answer.covered()[0].finality is state


@pytest.mark.parametrize(
    ("now", "state"), [(-1, Finality.OPEN), (0, Finality.SETTLING), (6 * 3600, Finality.SETTLING), (30 * 86400, Finality.SETTLING)]
)
def test_a_bucket_of_which_rows_were_set_aside_is_never_settled(now, state):
    answer = chain(FIRST + timedelta(days=1, seconds=now))
    left_out = (SetAside("a negative count", "{}"), SetAside("a new unit", "{}"))
    whole = bucket(0)
    answer.accept(page(Bucket(whole.start, whole.end, ROWS, left_out)))
    answer.accept(page(*(bucket(day) for day in range(1, 7))))
    covered = answer.covered()[0]
    assert (covered.finality, covered.row_count, covered.set_aside) == (state, 1, left_out)
    assert answer.all_warnings() == {"set aside 2 rows with values of an unexpected type, the first because a negative count"}


def test_one_row_that_was_set_aside_is_counted():
    answer = chain()
    whole = bucket(3)
    answer.accept(page(Bucket(whole.start, whole.end, {}, (SetAside("a new unit", "{}"),))))
    assert "set aside 1 row with values of an unexpected type, the first because a new unit" in answer.all_warnings()


def test_hours_are_placed_like_days():
    window = Window(FIRST, FIRST + timedelta(hours=2))
    answer = Chain(window, HOUR, LATER, SETTLING)
    start = to_epoch(FIRST)
    answer.accept(Page((Bucket(start + 3600, start + 7200, {}), Bucket(start, start + 3600, {}))))
    assert answer.missing() == []
    with pytest.raises(RejectedAnswer, match="1h"):
        answer.accept(Page((Bucket(start, start + 86400, {}),)))


def test_what_was_odd_on_any_page_is_remembered():
    answer = chain()
    answer.accept(Page((), ("novelty",), ("odd",)))
    answer.accept(Page((), ("another",), ("odd",)))
    assert answer.unknown_fields == {"novelty", "another"}
    assert answer.warnings == {"odd"}
    assert from_epoch(to_epoch(FIRST)) == FIRST


def stored(day: int, digest: bytes = b"as it was", row_count: int = 3, lasts: int = 86400) -> StoredBucket:
    start = FIRST + timedelta(days=day)
    return StoredBucket(start, start, start + timedelta(seconds=lasts), row_count, digest)


def test_a_bucket_that_is_stored_unchanged_counts_as_answered():
    answer = chain()
    answer.accept_stored(stored(2))
    answer.accept(page(bucket(1)), [b"another"])
    one, two = answer.covered()
    assert (one.start, one.is_stored, one.digest, one.row_count) == (FIRST + timedelta(days=1), False, b"another", 1)
    assert (two.start, two.is_stored, two.digest, two.row_count) == (FIRST + timedelta(days=2), True, b"as it was", 3)
    assert (two.reported_start, two.reported_end) == (two.start, two.start + timedelta(days=1))
    assert two.finality is Finality.SETTLED
    assert [start for start in answer.missing() if start in {one.start, two.start}] == []


def test_a_stored_bucket_that_was_clipped_or_is_young_is_not_settled():
    answer = chain()
    answer.accept_stored(stored(0, lasts=43200))
    assert answer.covered()[0].finality is Finality.OPEN
    young = chain(now=FIRST + timedelta(days=1, hours=1))
    young.accept_stored(stored(0))
    assert young.covered()[0].finality is Finality.SETTLING


@pytest.mark.parametrize("day", [-1, 7])
def test_a_stored_bucket_outside_of_the_window_is_left_out(day):
    answer = chain()
    answer.accept_stored(stored(day))
    assert answer.covered() == []
    assert any("outside of the window" in warning for warning in answer.all_warnings())


def test_a_bucket_that_came_twice_is_compared_by_digest_where_one_of_them_is_stored():
    answer = chain()
    answer.accept_stored(stored(0))
    answer.accept_stored(stored(0))
    assert len(answer.covered()) == 1
    assert "a bucket came twice, with equal rows" in answer.all_warnings()
    for other in (lambda: answer.accept_stored(stored(0, b"other")), lambda: answer.accept(page(bucket(0)), [b"other"])):
        with pytest.raises(CompareRows):
            other()
    # Of an odd page no digest is kept.
    answer.accept(Page((bucket(1),), ("novelty",)), [b"odd"])
    assert answer.covered()[1].digest is None


def test_a_chain_that_compares_rows_takes_another_text_of_the_same_rows():
    answer = Chain(WEEK, DAY, LATER, SETTLING, compares_rows=True)
    answer.accept(page(bucket(0)), [b"one text"])
    assert answer.accept(page(bucket(0)), [b"another text"]) == []
    with pytest.raises(RejectedAnswer, match="came twice with different rows"):
        answer.accept(page(bucket(0, {("proj",): (2, None)})), [b"a third"])
