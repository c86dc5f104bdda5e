"""Answers that attack: numbers without bounds, fields that come twice, keys that are echoed, bodies that are no page."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import COSTS, EMBEDDINGS, ENDPOINTS
from meterhouse.errors import RejectedAnswer
from meterhouse.vendors.openai.rows import decode_page

from .full_rows import DAY_ONE, bucket, decoded, full_row, page, rows_of, without

# -- bounds ---------------------------------------------------------------------------------------------------------------------------

BOMBS = [
    "1e999999999",
    "-1e999999999",
    "1e9999",
    "1e-999999999",
    "1E+99999999999999999999",
    "9" * 5000,
    "9" * 1_000_000,
    "0." + "1" * 100_000,
]
IN_A_ROOM_OF_ITS_OWN = """
import resource, sys, time
from meterhouse.catalogue.endpoints import ENDPOINTS
from meterhouse.vendors.openai.rows import decode_page
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
started = time.process_time()
found = decode_page(ENDPOINTS[sys.argv[1]], sys.stdin.buffer.read(), ENDPOINTS[sys.argv[1]].dimensions)
print([(len(one.rows), len(one.set_aside)) for one in found.buckets], time.process_time() - started < 5)
"""


@pytest.mark.fault(65)
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:20])
@pytest.mark.parametrize(
    ("endpoint", "field"), [(EMBEDDINGS, "input_tokens"), (COSTS, "quantity"), (COSTS, "value"), (EMBEDDINGS, "novelty")]
)
def test_a_number_without_bounds_is_set_aside_at_once_and_builds_nothing(endpoint, field, bomb):
    bad = full_row(endpoint) | ({"amount": {"value": 77, "currency": "usd"}} if field == "value" else {field: 77})
    text = json.dumps(page(bucket([full_row(endpoint), bad]))).replace(f'"{field}": 77', f'"{field}": {bomb}')
    done = subprocess.run(
        [sys.executable, "-c", IN_A_ROOM_OF_ITS_OWN, endpoint.name], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    # In a field that nobody knows it is kept as text: the rows are one combination.
    assert done.stdout.strip() == ("[(1, 0)] True" if field == "novelty" else "[(1, 1)] True")


def seconds_of(endpoint, rows: list[Any], buckets: int = 1) -> float:
    body = json.dumps(page(*(bucket(rows, DAY_ONE + 86400 * number) for number in range(buckets)))).encode()
    started = time.process_time()
    decode_page(endpoint, body, endpoint.dimensions)
    return time.process_time() - started


@pytest.mark.parametrize("kind", ["values", "names", "units", "buckets"])
def test_the_work_grows_with_the_size_of_the_answer_and_no_faster(kind):
    def work(size: int) -> float:
        if kind == "units":
            return seconds_of(COSTS, [full_row(COSTS) | {"quantity_unit": f"unit {number}"} for number in range(size)])
        if kind == "buckets":
            return seconds_of(EMBEDDINGS, [full_row(EMBEDDINGS) | {"novelty": 1}], size)
        return seconds_of(EMBEDDINGS, [full_row(EMBEDDINGS) | {f"n{number}" if kind == "names" else "n": number} for number in range(size)])

    small, large = min(work(2000) for _ in range(3)), work(16_000)
    # Eight times the rows: quadratic work would be 64 times as much.
    assert large < 30 * small + 0.2


# -- fields that come twice -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(67)
@pytest.mark.parametrize("more", ["", '"novelty":1,'])
@pytest.mark.parametrize(
    ("once", "twice", "name"),
    [
        ('"input_tokens": 100', '"input_tokens": 100, "input_tokens": 7', "input_tokens"),
        ('"input_tokens": 100', '"input_tokens": 7, "num_model_requests": 101, "input_tokens": 100', "input_tokens"),
        ('"model": "model-1"', '"model": "model-1", "model": "model-2"', "model"),
        ('"model": "model-1"', '"model": "annulled", "model": "model-2"', "model"),
        ('"model": "model-1"', '"model": "model-1\\u0022:", "user_id": "user_id-2"', "user_id"),
        ('"start_time": 1761955200', '"start_time": 1761955200, "start_time": 1761868800', "bucket.start_time"),
        ('"object": "bucket"', '"object": "bucket", "results": []', "bucket.results"),
        ('"has_more": false', '"has_more": false, "has_more": true', "page.has_more"),
    ],
)
def test_a_field_with_two_values_is_refused_and_not_guessed(once, twice, name, more):
    text = json.dumps(page(bucket([full_row(EMBEDDINGS)])))
    assert once in text
    text = text.replace(once, twice).replace('{"object": "organization', "{" + more + '"object": "organization')
    with pytest.raises(RejectedAnswer, match=f"{name} came twice"):
        decoded(EMBEDDINGS, text.encode())


def test_a_field_with_two_values_is_not_made_up_for_by_fields_that_are_left_out():
    row = without(without(without(full_row(EMBEDDINGS), "model"), "user_id"), "project_id")
    for times in range(1, 5):
        text = json.dumps(page(bucket([row]))).replace('"input_tokens": 100', '"input_tokens": 7, ' * times + '"input_tokens": 100')
        with pytest.raises(RejectedAnswer, match="input_tokens came twice"):
            decoded(EMBEDDINGS, text.encode())


@pytest.mark.fault(67)
def test_an_amount_with_two_values_is_refused():
    text = json.dumps(page(bucket([full_row(COSTS)]))).replace('"value": 0.06', '"value": 0.06, "value": 6')
    with pytest.raises(RejectedAnswer, match=r"amount\.value came twice"):
        decoded(COSTS, text.encode())


def test_a_field_that_comes_twice_with_one_value_changes_nothing():
    text = json.dumps(page(bucket([full_row(EMBEDDINGS)]))).replace('"input_tokens": 100', '"input_tokens": 100, "input_tokens": 100.0')
    assert dict(decoded(EMBEDDINGS, text.encode()).buckets[0].rows) == rows_of(EMBEDDINGS, full_row(EMBEDDINGS))


# -- keys that the vendor echoes ------------------------------------------------------------------------------------------------------


def test_nothing_that_is_shaped_like_a_key_is_kept_or_reported():
    key = "sk-admin-0123456789abcdef"
    row = full_row(COSTS) | {key: 1, f"x_{key}": {key: f"your key {key} is"}, "object": f"organization.{key}"}
    row["amount"] |= {key: 2}
    broken = full_row(COSTS) | {"amount": {"value": key, "currency": "usd"}, key: key}
    found = decoded(COSTS, page(bucket([row, broken], **{key: 1}), **{key: 1}))
    assert len(found.buckets[0].rows) == 1
    assert len(found.buckets[0].set_aside) == 1
    assert "sk-admin" not in repr(found)
    assert "sk-…" in repr(found)


def test_names_of_fields_are_reported_within_bounds():
    row = full_row(EMBEDDINGS) | {f"n{number}": 1 for number in range(5000)} | {"x" * 10_000: 1}
    found = decoded(EMBEDDINGS, page(bucket([row])))
    assert len(found.unknown_fields) == 51
    assert found.unknown_fields[-1] == "… and 4951 more"
    assert len(", ".join(found.unknown_fields)) < 6000


# -- what is no page ------------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"page"',
        b"{",
        b"<html></html>",
        b'{"object":"page","data":[{"object":"bucket","start_time":0,"end_time":60,"results":[',
        b'\xef\xbb\xbf{"object":"page","data":[]}',
        b'{"object":"page","data":[],"x":NaN}',
        b'{"object":"page","data":[],"x":"a\xff\xfeb"}',
        b'{"object":"page","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"object":"page","data":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"object":"page","data":[{"start_time":' + b"9" * 5000 + b',"end_time":1,"results":[]}]}',
        b'{"object":"page","data":[5,null,"x"]}',
        b'{"object":"page","data":[{"start_time":1.5,"end_time":2,"results":[]}]}',
        b'{"object":"page","data":[{"start_time":true,"end_time":2,"results":[]}]}',
        b'{"object":"page","data":[{"start_time":"0","end_time":2,"results":[]}]}',
    ],
    # pytest finds no test by a name with a backslash.
    ids=lambda body: ascii(body[:60]).replace("\\", ""),
)
def test_a_body_that_is_no_page_is_refused_whatever_it_is(body):
    with pytest.raises(RejectedAnswer) as caught:
        decoded(EMBEDDINGS, body)
    assert len(str(caught.value)) < 500


def test_bad_utf8_in_a_name_is_refused_and_not_replaced():
    body = json.dumps(page(bucket([full_row(EMBEDDINGS)]))).encode().replace(b"model-1", b"a\xff\xfeb")
    with pytest.raises(RejectedAnswer):
        decoded(EMBEDDINGS, body)


def test_a_field_that_comes_twice_is_not_made_up_for_by_one_that_is_missing():
    row = '{"object":"organization.usage.moderations.result","input_tokens":1,"input_tokens":2,"num_model_requests":3}'
    page = f'{{"object":"page","data":[{{"start_time":1764547200,"end_time":1764633600,"results":[{row}]}}],"has_more":false}}'
    with pytest.raises(RejectedAnswer, match="input_tokens came twice"):
        decode_page(ENDPOINTS["moderations"], page.encode(), ())
