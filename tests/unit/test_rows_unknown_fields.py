"""Fields that nobody knows, at every level, and pages of any content: what is known stays exact, and nothing is lost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhouse.catalogue.endpoints import COMPLETIONS, COSTS, EMBEDDINGS, VECTOR_STORES
from meterhouse.errors import RejectedAnswer

from .full_rows import DAY_ONE, bucket, by_endpoint, decoded, exact, full_row, page, rows_of, set_aside, without

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


# What PostgreSQL cannot hold has separate tests.
words = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def texts(**sizes: int) -> st.SearchStrategy[str]:
    """Texts that are not shaped like a key, which would be masked; tests of their own see to that."""
    return st.text(words, **sizes).filter(lambda text: "sk-" not in text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts(max_size=5), children, max_size=3),
    max_leaves=6,
)


def strangers_for(known: set[str]):
    names = st.one_of(texts(min_size=1, max_size=12), st.sampled_from(["input_tokens_v2", "Object", "resultz", "amount_minor"]))
    return st.dictionaries(names.filter(lambda name: name not in known), json_values, max_size=3)


PAGE_FIELDS = {"object", "data", "has_more", "next_page"}
BUCKET_FIELDS = {"object", "start_time", "end_time", "results", "start_time_iso", "end_time_iso"}


@pytest.mark.fault(61)
@pytest.mark.parametrize("endpoint", [COMPLETIONS, COSTS, VECTOR_STORES], ids=lambda endpoint: endpoint.name)
@EXAMPLES
@given(data=st.data())
def test_unknown_fields_at_every_level_are_kept_and_reported_and_change_no_known_column(endpoint, data):
    row = full_row(endpoint)
    of_page = data.draw(strangers_for(PAGE_FIELDS))
    of_bucket = data.draw(strangers_for(BUCKET_FIELDS))
    of_row = data.draw(strangers_for(set(row)))
    of_amount = data.draw(strangers_for({"value", "currency"})) if endpoint.is_costs else {}
    strange = row | of_row
    if endpoint.is_costs:
        strange["amount"] = row["amount"] | of_amount
    plain = decoded(endpoint, page(bucket([row]), bucket([row], DAY_ONE + 86400)))
    found = decoded(endpoint, page(bucket([strange], **of_bucket), bucket([row], DAY_ONE + 86400), **of_page))

    reported = {f"page.{name}" for name in of_page} | {f"bucket.{name}" for name in of_bucket}
    reported |= set(of_row) | {f"amount.{name}" for name in of_amount}
    assert set(found.unknown_fields) == reported
    [(key, values)] = found.buckets[0].rows.items()
    [(plain_key, plain_values)] = plain.buckets[0].rows.items()
    assert (key, values[:-1]) == (plain_key, plain_values[:-1])
    kept = {**of_row, **{f"amount.{name}": value for name, value in of_amount.items()}}
    assert exact(values[-1] or "{}") == exact(json.dumps(kept))
    assert found.buckets[1] == plain.buckets[1], "a row without strangers got some"


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40])
def test_an_unknown_field_may_hold_a_number_of_any_size(number):
    [values] = rows_of(EMBEDDINGS, full_row(EMBEDDINGS) | {"novelty": number}).values()
    assert exact(values[-1]) == {"novelty": number}


@pytest.mark.parametrize("value", ["null", "annulled", '": null', [None], [None, None], {"a": None}], ids=str)
def test_an_unknown_field_is_kept_and_reported_although_something_in_it_is_null(value):
    found = decoded(EMBEDDINGS, page(bucket([full_row(EMBEDDINGS) | {"novelty": value}])))
    [values] = found.buckets[0].rows.values()
    assert found.unknown_fields == ("novelty",)
    assert json.loads(values[-1]) == {"novelty": value}


def test_a_row_with_a_new_field_is_still_set_aside_for_what_is_wrong_with_it():
    row = full_row(EMBEDDINGS)
    assert "input_tokens" in set_aside(EMBEDDINGS, row, row | {"novelty": 1, "input_tokens": 1.5})
    assert "input_tokens" in set_aside(EMBEDDINGS, row, without(row, "input_tokens") | {"input_tokens_v2": 5})


mutations = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["usd", "bucket", "page", COSTS.object]),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(["value", "currency", "results", "x"]), children, max_size=3)
    ),
    max_leaves=5,
)


def read_or_refused(endpoint, body: bytes) -> Any:
    """The page, None when it is refused in a bounded line; any other error fails the test."""
    try:
        return decoded(endpoint, body)
    except RejectedAnswer as refusal:
        line = str(refusal)
    assert len(line) < 500
    assert "\n" not in line
    return None


@by_endpoint
@EXAMPLES
@given(data=st.data())
def test_whatever_a_page_contains_it_is_read_set_aside_or_refused_and_its_sums_are_exact(endpoint, data):
    rows = []
    for _ in range(data.draw(st.integers(0, 4))):
        row = full_row(endpoint)
        for name in data.draw(st.lists(st.sampled_from([*row, "novelty"]), max_size=2)):
            row[name] = data.draw(mutations)
        rows.append(row)
    good = [full_row(endpoint)] * data.draw(st.integers(0, 3))
    text = json.dumps(
        page(
            bucket(
                [*rows, *good],
                **data.draw(st.just({}) | st.dictionaries(st.sampled_from(["object", "end_time", "y"]), mutations, max_size=1)),
            )
        )
    )
    text = data.draw(st.just(text) | st.integers(0, len(text)).map(lambda end: text[:end]))
    found = read_or_refused(endpoint, text.encode())
    if found is None:
        return
    json.dumps(
        [[repr(key), values[-1], one.set_aside[:1] and one.set_aside[0].row] for one in found.buckets for key, values in one.rows.items()]
    )
    if not rows and good:
        [values] = found.buckets[0].rows.values()
        assert values[0] == (Decimal("0.06") if endpoint.is_costs else 100) * len(good)


@EXAMPLES
@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_page_or_a_refusal(body):
    read_or_refused(COSTS, body)


def test_the_unknown_fields_of_rows_that_are_summed_are_all_kept():
    row = full_row(EMBEDDINGS)
    [values] = rows_of(EMBEDDINGS, row | {"a": 1}, row | {"a": 1, "b": 2}, row).values()
    assert json.loads(values[-1]) == {"a": 1, "b": 2}
    [values] = rows_of(EMBEDDINGS, row | {"a": 1}, row | {"a": 2}).values()
    assert json.loads(values[-1]) == {"a": [1, 2]}


@by_endpoint
def test_fields_that_are_left_out_on_purpose_are_neither_kept_nor_reported(endpoint):
    found = decoded(endpoint, page(bucket([full_row(endpoint)])))
    [values] = found.buckets[0].rows.values()
    assert (values[-1], found.unknown_fields) == (None, ())
