"""The pages that loading is measured with: the vendor's shape, the same for a seed, and counted rightly."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
import requests
from benchmarks.loading.page_server import KEY, Serving, page_server
from benchmarks.loading.pages import Completions, Pages, Shape, made

from meterhouse.catalogue.endpoints import COMPLETIONS, HOUR
from meterhouse.vendors.openai.rows import decode_page
from meterhouse.vendors.openai.wire import path_of
from meterhouse.windows import to_epoch

SHAPE = Shape(first_day=date(2026, 10, 8), days=2, rows=4_000)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return made(tmp_path_factory.mktemp("pages"), SHAPE)


def test_a_seed_gives_the_same_bytes_and_another_one_others(pages: Pages, tmp_path: Path) -> None:
    again, other = made(tmp_path, SHAPE), made(tmp_path, replace(SHAPE, seed=8))
    for path in sorted(pages.folder.iterdir()):
        assert (again.folder / path.name).read_bytes() == path.read_bytes()
        assert (other.folder / path.name).read_bytes() != path.read_bytes()


def test_there_are_about_as_many_rows_as_were_asked_for(pages: Pages) -> None:
    assert 0.8 * SHAPE.rows < pages.expected.rows < 1.2 * SHAPE.rows


def test_our_decoder_knows_every_field_and_finds_what_is_expected(pages: Pages) -> None:
    found = tokens = 0
    for path in pages.folder.iterdir():
        body = msgspec.json.encode({"object": "page", "data": msgspec.Raw(path.read_bytes()), "has_more": False, "next_page": None})
        page = decode_page(COMPLETIONS, body, COMPLETIONS.dimensions)
        assert not page.unknown_fields
        assert not page.warnings
        found += sum(len(bucket.rows) for bucket in page.buckets)
        place = [metric.name for metric in COMPLETIONS.metrics].index("output_tokens")
        tokens += sum(values[place] for bucket in page.buckets for values in bucket.rows.values())
    assert (found, tokens) == (pages.expected.rows, pages.expected.output_tokens)


def test_a_changed_shape_has_the_same_rows_with_a_twentieth_of_the_figures_changed() -> None:
    plain, changed = (Completions(replace(SHAPE, changed_share=share)) for share in (0.0, 0.05))
    pairs = [
        pair
        for buckets in zip(plain.day(0), changed.day(0), strict=True)
        for pair in zip(*(bucket["results"] for bucket in buckets), strict=True)
    ]
    differing = [(one, other) for one, other in pairs if one != other]
    assert 0.03 < len(differing) / len(pairs) < 0.07
    for one, other in differing:
        assert {name for name in one if one[name] != other[name]} == {"output_tokens", "output_text_tokens"}


def test_another_organization_shares_no_identifier() -> None:
    found = []
    for owner in ("", "-second"):
        rows = [row for bucket in Completions(replace(SHAPE, owner=owner)).day(0) for row in bucket["results"]]
        found.append({row[name] for row in rows for name in ("project_id", "user_id", "api_key_id")} - {None})
    assert found[0]
    assert not found[0] & found[1]


def fetched(base_url: str) -> list[requests.Response]:
    query = [("start_time", str(to_epoch(SHAPE.window.start))), ("end_time", str(to_epoch(SHAPE.window.end)))]
    query += [("bucket_width", HOUR.name), ("limit", str(HOUR.max_buckets))]
    answers = []
    token: list[tuple[str, str]] = []
    with requests.Session() as session:
        while True:
            headers = {"Authorization": f"Bearer {KEY}"}
            answers.append(session.get(base_url + path_of(COMPLETIONS), params=[*query, *token], headers=headers, timeout=10))
            following = answers[-1].json()["next_page"]
            if following is None:
                return answers
            token = [("page", following)]


def test_the_server_pages_compresses_waits_and_knows_when_it_was_first_asked(pages: Pages) -> None:
    with page_server(Serving(pages.folder)) as server:
        assert server.first_asked() is None
        whole = fetched(server.base_url)
        first = server.first_asked()
        assert first is not None
        assert len(whole) == 1
        server.serve(Serving(pages.folder, latency_seconds=0.05, page_buckets=20, compressed=True))
        assert server.first_asked() is None
        parts = fetched(server.base_url)
        later = server.first_asked()
        assert later is not None
        assert later > first
        assert all(one.elapsed.total_seconds() >= 0.05 for one in parts)
        assert {one.headers["Content-Encoding"] for one in parts} == {"gzip"}
        assert [len(one.json()["data"]) for one in parts] == [20, 20, 8]
        assert [bucket for one in parts for bucket in one.json()["data"]] == whole[0].json()["data"]


@pytest.mark.parametrize("name", ["dlt", "notebook", "singer"])
def test_peers_are_pinned_and_their_lists_name_no_index(name: str) -> None:
    lines = (Path(__file__).parents[2] / "benchmarks" / "loading" / "peers" / "requirements" / f"{name}.txt").read_text().splitlines()
    assert len(lines) > 10
    assert not [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", line)]
