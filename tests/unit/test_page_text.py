"""A page taken apart into its buckets: every byte is accounted for, and a digest differs where the rows could."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from meterhouse.catalogue.endpoints import BATCH, COMPLETIONS, COSTS, EMBEDDINGS, MODEL, PROJECT, Endpoint
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.page_text import ENVELOPE, Digester, FetchedPage, PageText, take_apart

BUCKETS = [b'{"start_time":1,"results":[{"a":"]},{"}]}', b'{"start_time":2,"results":[]}', b'{"start_time":3}']
HEAD, TAIL = b'{"object":"page","data":[', b'],"has_more":false}'


def taken_apart(text: bytes) -> PageText | None:
    return take_apart(FetchedPage.of(text, ENVELOPE.decode(text)))


@pytest.mark.parametrize("between", [b",", b", ", b" ,\n\t", b"\r\n,\r\n"])
@pytest.mark.parametrize("around", [b"", b" ", b"\n  "])
def test_a_page_is_its_head_its_buckets_and_its_tail(between: bytes, around: bytes) -> None:
    text = taken_apart(HEAD + around + between.join(BUCKETS) + around + TAIL)
    assert text is not None
    assert [bytes(bucket) for bucket in text.buckets] == BUCKETS
    assert (text.head, text.tail) == (HEAD + around, around + TAIL)
    assert text.only(range(3)) == HEAD + around + b",".join(BUCKETS) + around + TAIL
    assert text.only([1]) == HEAD + around + BUCKETS[1] + around + TAIL
    assert text.only([]) == HEAD + around * 2 + TAIL


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        HEAD + TAIL,
        # A list that comes twice: the decoder keeps the last one.
        b'{"data":[' + BUCKETS[0] + b"," + BUCKETS[1] + b'],"data":[' + BUCKETS[0] + b"," + BUCKETS[2] + b"]}",
    ],
)  # fmt: skip
def test_what_is_no_page_or_not_all_there_is_not_taken_apart(body: bytes) -> None:
    assert taken_apart(body) is None


FIRST_BYTES = len(BUCKETS[0])


@pytest.mark.parametrize(
    ("part_bytes", "parts"),
    [(1, [[0], [1], [2]]), (FIRST_BYTES, [[0], [1, 2]]), (FIRST_BYTES + 1, [[0, 1], [2]]), (1000, [[0, 1, 2]])],
)
def test_parts_hold_all_buckets_in_order_and_cut_none(part_bytes: int, parts: list[list[int]]) -> None:
    text = taken_apart(HEAD + b",".join(BUCKETS) + TAIL)
    assert text is not None
    assert text.parts(range(3), part_bytes) == parts
    assert text.parts([], part_bytes) == []


def test_a_list_that_comes_twice_with_one_bucket_shows_in_the_head() -> None:
    text = taken_apart(b'{"data":[' + BUCKETS[1] + b'],"data":[' + BUCKETS[0] + b"]}")
    assert text is not None
    assert text.only([0]).count(b'"data"') == 2


def test_a_digest_says_text_endpoint_and_grouping() -> None:
    bucket = memoryview(BUCKETS[0])
    digests = [
        Digester(COMPLETIONS, [PROJECT]).digest(bucket),
        Digester(COMPLETIONS, [PROJECT, MODEL]).digest(bucket),
        Digester(COMPLETIONS, []).digest(bucket),
        Digester(EMBEDDINGS, [PROJECT]).digest(bucket),
        # A version whose catalogue has other fields of the same endpoint makes other rows of the same text.
        Digester(replace(EMBEDDINGS, metrics=EMBEDDINGS.metrics[:1]), [PROJECT]).digest(bucket),
        Digester(replace(EMBEDDINGS, dimensions=(*EMBEDDINGS.dimensions, BATCH)), [PROJECT]).digest(bucket),
        Digester(COMPLETIONS, [PROJECT]).digest(memoryview(BUCKETS[1])),
    ]
    assert len(set(digests)) == len(digests)
    assert {len(digest) for digest in digests} == {16}
    assert Digester(COMPLETIONS, [PROJECT]).digest(bucket) == digests[0]


def page(endpoint: Endpoint, *rows: dict[str, Any]) -> bytes:
    results = [{"object": endpoint.object, **row} for row in rows]
    bucket = {"object": "bucket", "start_time": 1_764_547_200, "end_time": 1_764_633_600, "results": results}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}).encode()


USAGE = [
    {"input_tokens": 1, "output_tokens": 2, "num_model_requests": 3, "project_id": "p", "model": "", "batch": False},
    {"input_tokens": 10, "output_tokens": 20, "num_model_requests": 30, "project_id": "p", "model": None, "batch": False},
]
BILLED = [
    {"amount": {"value": 0.1, "currency": "usd"}, "line_item": "a", "project_id": "p", "quantity": 5, "quantity_unit": "tokens"},
    {"amount": {"value": "0.20", "currency": "USD"}, "line_item": "a", "project_id": "p", "quantity": 6, "quantity_unit": "tokens"},
]
# What the decoder makes of them. When it makes something else of the same text, raise page_text._DECODER, and then change this.
MADE_BY_DECODER_1 = "a61d37f02d6f2661e377f133fe9f444bba7c75615edaa0d1fb75d2d23dbc0a5a"


def test_the_number_of_the_decoder_goes_with_what_it_makes() -> None:
    made = [
        sorted(bucket.rows.items(), key=repr)
        for endpoint, rows in ((COMPLETIONS, USAGE), (COSTS, BILLED))
        for bucket in decode_page(endpoint, page(endpoint, *rows), endpoint.dimensions).buckets
    ]
    assert hashlib.sha256(repr(made).encode()).hexdigest() == MADE_BY_DECODER_1, made
