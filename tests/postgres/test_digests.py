"""A bucket that is answered as it is stored is left alone; whatever may make it other rows has it decoded and compared again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from meterhouse.fake_openai.answers import Answer, Request
from meterhouse.load.outcome import Outcome
from meterhouse.load.store import Store

from .comparison import assert_equals_source
from .doctored_vendor import ask, doctor
from .loaded_organization import LoadedOrganization, midnight

ONLY = ["completions"]
MORE_REQUESTS = 10**9
# Not by a load: what a digest leaves alone stays wrong, and shows that it was left alone.
SPOIL = f"UPDATE warehouse.usage_completions SET num_model_requests = num_model_requests + {MORE_REQUESTS} WHERE bucket_width = 1440"


def load(small: LoadedOrganization, **changes: Any) -> Outcome:
    """Load three settled days."""
    end = small.today - timedelta(days=1)
    outcome = small.backfill(end - timedelta(days=3), end, ONLY, **changes)
    outcome.raise_first()
    return outcome


def spoiled_days(small: LoadedOrganization) -> int:
    """How many of those days hold a figure that no load wrote."""
    end = small.today - timedelta(days=1)
    ((days,),) = small.query(
        "SELECT count(DISTINCT bucket_start) FROM warehouse.usage_completions WHERE bucket_width = 1440 AND num_model_requests >= %s"
        " AND bucket_start >= %s::date AND bucket_start < %s::date",
        [MORE_REQUESTS, end - timedelta(days=3), end],
    )
    return int(days)


@pytest.fixture
def spoiled(small: LoadedOrganization) -> LoadedOrganization:
    load(small)
    small.query(SPOIL)
    assert spoiled_days(small) == 3
    return small


def test_a_bucket_that_is_answered_as_it_is_stored_is_left_alone(spoiled: LoadedOrganization) -> None:
    ((before,),) = spoiled.query("SELECT max(xmin::text::bigint) FROM ops.coverage")
    (summary,) = load(spoiled).summaries
    assert (summary.rows_inserted, summary.rows_updated, summary.rows_removed, summary.buckets) == (0, 0, 0, 3)
    assert summary.rows_unchanged > 0
    assert spoiled_days(spoiled) == 3
    assert spoiled.query("SELECT max(xmin::text::bigint) FROM ops.coverage") == [(before,)]


def test_force_compares_every_row(spoiled: LoadedOrganization) -> None:
    load(spoiled, force=True)
    assert spoiled_days(spoiled) == 0


def test_the_check_on_totals_does_not_trust_digests(spoiled: LoadedOrganization) -> None:
    result = ask(spoiled, endpoints=tuple(ONLY))
    assert result.is_ok, result
    # The first of the days lies before those that are compared.
    assert spoiled_days(spoiled) == 1


def test_another_grouping_is_another_answer(spoiled: LoadedOrganization) -> None:
    load(spoiled, exclude_dimensions=("api_key_id",))
    assert spoiled_days(spoiled) == 0


def test_only_the_bucket_that_changed_is_compared(spoiled: LoadedOrganization) -> None:
    def one_more_request(path: str, _: list[str], buckets: list[dict[str, Any]]) -> None:
        if "completions" in path:
            buckets[1]["results"][0]["num_model_requests"] += 1

    doctor(spoiled, lambda *_: None)
    load(spoiled)
    spoiled.query(SPOIL)
    assert spoiled_days(spoiled) == 3
    doctor(spoiled, one_more_request)
    load(spoiled)
    assert spoiled_days(spoiled) == 2


def odd_field(bucket: dict[str, Any]) -> None:
    bucket["results"][0]["novelty"] = 1


def odd_row(bucket: dict[str, Any]) -> None:
    bucket["results"][0]["input_tokens"] = "many"


@pytest.mark.parametrize(("make_odd", "left_alone"), [(odd_field, 0), (odd_row, 2)], ids=["field: its page", "row: its bucket"])
def test_what_is_odd_is_looked_at_every_time(
    small: LoadedOrganization, make_odd: Callable[[dict[str, Any]], None], left_alone: int
) -> None:
    doctor(small, lambda path, _, buckets: make_odd(buckets[1]) if "completions" in path else None)
    load(small)
    small.query(SPOIL)
    load(small)
    assert spoiled_days(small) == left_alone
    reported = "SELECT count(*) FROM ops.load_log WHERE warnings IS NOT NULL OR unknown_fields IS NOT NULL"
    assert small.query(reported) == [(2,)]


def test_a_bucket_that_was_replaced_since_its_digest_was_read_is_asked_for_again(spoiled: LoadedOrganization) -> None:
    real = spoiled.fake.answer
    asked = []

    class Meanwhile:
        """Answers while another load replaces a day."""

        clock = spoiled.fake.clock

        def answer(self, request: Request) -> Answer:
            asked.append(request.path)
            if len(asked) == 1:
                spoiled.query("UPDATE ops.coverage SET content_digest = NULL WHERE endpoint = 'completions' AND bucket_width = 1440")
            return real(request)

    spoiled.server.application = Meanwhile()
    load(spoiled)
    assert len(asked) == 2
    assert spoiled_days(spoiled) == 0
    spoiled.query(SPOIL)
    load(spoiled)
    assert len(asked) == 3
    assert spoiled_days(spoiled) == 3


def test_rows_that_were_left_alone_count_among_those_of_the_answer(spoiled: LoadedOrganization) -> None:
    """A day on which no row has a model is not an answer that ignored the grouping, because the days around it have models."""

    def without_models(path: str, _: list[str], buckets: list[dict[str, Any]]) -> None:
        for row in buckets[1]["results"] if "completions" in path and len(buckets) == 3 else ():
            row["model"] = None

    ((rows_with_models,),) = spoiled.query(
        "SELECT count(*) FROM warehouse.usage_completions f JOIN warehouse.dim_group g USING (group_id)"
        " WHERE f.bucket_width = 1440 AND f.bucket_start = %s::date AND g.model IS NOT NULL",
        [spoiled.today - timedelta(days=3)],
    )
    assert rows_with_models > 1
    doctor(spoiled, lambda *_: None)
    load(spoiled)
    spoiled.query(SPOIL)
    doctor(spoiled, without_models)
    load(spoiled)
    assert spoiled_days(spoiled) == 2


def test_what_was_left_alone_without_a_project_is_no_proof_of_whose_the_key_is(small: LoadedOrganization) -> None:
    for _ in range(2):
        small.forget_requests()
        load(small, exclude_dimensions=("project_id",))
        assert [path.rpartition("/")[2] for path in small.paths_asked()] == ["completions", "costs"]
    small.query(SPOIL)
    load(small, exclude_dimensions=("project_id",))
    assert spoiled_days(small) == 3


def test_an_answer_without_any_bucket_leaves_all_of_them_alone(spoiled: LoadedOrganization) -> None:
    doctor(spoiled, lambda _path, _dimensions, buckets: buckets.clear())
    (summary,) = load(spoiled).summaries
    assert (summary.rows_inserted, summary.rows_updated, summary.rows_removed, summary.rows_unchanged, summary.buckets) == (0,) * 5
    assert spoiled.query("SELECT missing_buckets FROM ops.load_log ORDER BY load_id DESC LIMIT 1") == [
        ([midnight(spoiled.today - timedelta(days=days)) for days in (4, 3, 2)],)
    ]
    assert spoiled_days(spoiled) == 3


def test_removing_the_rows_removes_the_digests_too(small: LoadedOrganization) -> None:
    load(small)
    with Store(small.warehouse.owner_url) as store:
        store.purge(small.label)
    load(small)
    assert_equals_source(small, small.today - timedelta(days=4), small.today - timedelta(days=1), ONLY)
