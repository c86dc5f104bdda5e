"""The replay of recorded pages: unmodified, exact, paged, and absent where nothing was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import ReplayServer

DAY = 86400
FIRST = 1736553600
AMOUNT = "0.13080438340307526"
COSTS = f"""[
  {{"object": "bucket", "start_time": {FIRST}, "end_time": {FIRST + DAY}, "results": []}},
  {{"object": "bucket", "start_time": {FIRST + DAY}, "end_time": {FIRST + 2 * DAY}, "results": [
    {{"object": "organization.costs.result", "amount": {{"value": {AMOUNT}, "currency": "usd"}}, "surprise": 1.50}}]}},
  {{"object": "bucket", "start_time": {FIRST + 2 * DAY}, "end_time": {FIRST + 3 * DAY}, "results": [
    {{"object": "organization.costs.result", "amount": {{"value": "0E-6176", "currency": "usd"}}}}]}}
]"""
CLIPPED = FIRST + 63060
USAGE = {
    "object": "page", "has_more": False, "next_page": None,
    "data": [
        {"object": "bucket", "start_time": start, "end_time": end, "results": [
            {"object": "organization.usage.completions.result", "input_tokens": 5, "output_tokens": 1, "num_model_requests": 1}
        ]}
        for start, end in ((CLIPPED, FIRST + DAY), (FIRST + DAY, FIRST + 2 * DAY), (FIRST + 2 * DAY, FIRST + 2 * DAY + 63063))
    ],
}  # fmt: skip
EXAMPLE = {"object": "page", "data": [{"object": "bucket", "start_time": FIRST, "end_time": FIRST + DAY, "results": [
    {"object": "organization.usage.images.result", "images": 2, "num_model_requests": 2}]}]}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayServer]:
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "costs.json").write_text(COSTS)
    (folder / "usage.json").write_text(json.dumps(USAGE))
    examples = {"GET /organization/usage/images": EXAMPLE, "GET /organization/costs": EXAMPLE, "GET /organization/users": {"data": []}}
    (folder / "vendor.json").write_text(json.dumps(examples))
    with ReplayServer(folder) as running:
        yield running


def get(server: ReplayServer, path: str, **parameters: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {server.admin_key}"}
    return requests.get(f"{server.base_url}/organization/{path}", params=parameters, headers=headers, timeout=10)


def starts(answer: requests.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [bucket["start_time"] for bucket in answer.json()["data"]]


def test_numbers_keep_their_text_and_unknown_fields_stay(server: ReplayServer) -> None:
    text = get(server, "costs", start_time=FIRST, group_by=["project_id", "line_item"]).text
    assert f'"value": {AMOUNT},' in text
    assert '"surprise": 1.50' in text
    assert '"0E-6176"' in text


def test_a_bucket_belongs_to_the_window_that_holds_its_aligned_start(server: ReplayServer) -> None:
    assert starts(get(server, "usage/completions", start_time=FIRST)) == [CLIPPED, FIRST + DAY, FIRST + 2 * DAY]
    assert starts(get(server, "usage/completions", start_time=FIRST, end_time=FIRST + 1)) == [CLIPPED]
    assert starts(get(server, "usage/completions", start_time=FIRST + 60)) == [FIRST + DAY, FIRST + 2 * DAY]
    assert starts(get(server, "costs", start_time=FIRST + DAY, end_time=FIRST + 2 * DAY)) == [FIRST + DAY]


def test_only_the_recorded_width_is_there(server: ReplayServer) -> None:
    assert starts(get(server, "usage/completions", start_time=FIRST, bucket_width="1h")) == []


def test_pages(server: ReplayServer) -> None:
    found, parameters = [], {"start_time": FIRST, "limit": 1}
    answer = get(server, "costs", **parameters)
    found += starts(answer)
    while answer.json()["has_more"]:
        answer = get(server, "costs", **parameters, page=answer.json()["next_page"])
        found += starts(answer)
    assert found == [FIRST, FIRST + DAY, FIRST + 2 * DAY]


def test_vendor_examples_are_used_only_for_what_was_not_recorded(server: ReplayServer) -> None:
    assert get(server, "usage/images", start_time=FIRST).json()["data"] == EXAMPLE["data"]
    assert len(starts(get(server, "costs", start_time=FIRST))) == 3


def test_the_rest_is_absent_or_empty(server: ReplayServer) -> None:
    assert get(server, "usage/embeddings", start_time=FIRST).status_code == 404
    assert get(server, "projects").json() == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert get(server, "roles").json() == {"object": "list", "data": [], "has_more": False, "next": None}
    assert get(server, "projects/proj_1/users").status_code == 404


def test_keys_and_parameters_are_checked_as_ever(server: ReplayServer) -> None:
    assert get(server, "costs").status_code == 400
    assert requests.get(f"{server.base_url}/organization/costs", timeout=10).status_code == 401


@pytest.mark.parametrize(("text", "says"), [(None, "holds no recorded page"), ("[{", "broken.json cannot be replayed")])
def test_a_folder_that_cannot_be_replayed_says_why(tmp_path: Path, text: str | None, says: str) -> None:
    if text:
        (tmp_path / "broken.json").write_text(text)
    with pytest.raises(FixConfiguration, match=says):
        ReplayServer(tmp_path)
