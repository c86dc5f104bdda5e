"""The stand-in's parameters, refusals, bucket edges and page tokens, as the vendor's contract has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from meterhouse.catalogue.endpoints import COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS, ENDPOINTS
from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization
from meterhouse.fake_openai.answers import Request
from meterhouse.fake_openai.served import SERVED
from meterhouse.vendors.openai.wire import path_of

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)
MIDNIGHT = int(NOW.replace(hour=0, minute=0, second=0).timestamp())
EPOCH = int(NOW.timestamp())
DAY = 86400


@pytest.fixture(scope="module")
def organization() -> FakeOrganization:
    return FakeOrganization(NOW)


def ask(organization: FakeOrganization, name: str, *pairs: tuple[str, Any], **parameters: Any) -> tuple[int, dict[str, Any]]:
    query = urlencode([*pairs, *parameters.items()], doseq=True)
    answer = organization.answer(Request("GET", path_of(ENDPOINTS[name]), query))
    return answer.status, msgspec.json.decode(answer.body)


def page(organization: FakeOrganization, name: str, *pairs: tuple[str, Any], **parameters: Any) -> dict[str, Any]:
    status, body = ask(organization, name, *pairs, **parameters)
    assert status == 200, body
    return body


def refusal(organization: FakeOrganization, name: str, **parameters: Any) -> dict[str, Any]:
    status, body = ask(organization, name, **parameters)
    assert status == 400, body
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["type"] == "invalid_request_error"
    return body["error"]


def edges(body: dict[str, Any]) -> list[tuple[int, int]]:
    return [(bucket["start_time"], bucket["end_time"]) for bucket in body["data"]]


@pytest.mark.parametrize(
    ("name", "width", "count"), [("completions", "1d", 7), ("images", "1h", 24), ("moderations", "1m", 60), ("costs", "1d", 7)]
)
def test_default_limits(organization: FakeOrganization, name: str, width: str, count: int) -> None:
    body = page(organization, name, start_time=MIDNIGHT - 40 * DAY, bucket_width=width)
    assert len(body["data"]) == count
    assert body["has_more"] is True


@pytest.mark.parametrize(("width", "most"), [("1d", 31), ("1h", 168), ("1m", 1440)])
def test_a_limit_over_the_maximum_is_refused_and_the_maximum_named(organization: FakeOrganization, width: str, most: int) -> None:
    start = MIDNIGHT - 40 * DAY
    assert len(page(organization, "moderations", start_time=start, bucket_width=width, limit=most)["data"]) == most
    error = refusal(organization, "moderations", start_time=start, bucket_width=width, limit=most + 1)
    assert error["param"] == "limit"
    assert str(most) in error["message"]


def test_costs_clamp_quietly_to_31_and_refuse_over_180(organization: FakeOrganization) -> None:
    for limit in (32, 180):
        body = page(organization, "costs", start_time=MIDNIGHT - 40 * DAY, limit=limit)
        assert (len(body["data"]), body["has_more"]) == (31, True)
    error = refusal(organization, "costs", start_time=MIDNIGHT - 40 * DAY, limit=366)
    assert error["param"] == "limit"
    assert "180" in error["message"]


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({}, None),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": -1}, "start_time"),
        ({"start_time": MIDNIGHT, "end_time": MIDNIGHT}, "start_time"),
        ({"start_time": MIDNIGHT, "end_time": "soon"}, "end_time"),
        ({"start_time": MIDNIGHT, "limit": 0}, "limit"),
        ({"start_time": MIDNIGHT, "limit": "many"}, "limit"),
        ({"start_time": MIDNIGHT, "bucket_width": "1w"}, "bucket_width"),
        ({"start_time": MIDNIGHT, "group_by": "flavour"}, "group_by"),
        ({"start_time": MIDNIGHT, "group_by": ["model", "size"]}, "group_by"),
        ({"start_time": MIDNIGHT, "batch": "maybe"}, "batch"),
        ({"start_time": MIDNIGHT, "page": "page_nonsense"}, "page"),
        ({"start_time": MIDNIGHT, "page": "page_é"}, "page"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(organization: FakeOrganization, parameters: dict[str, Any], param: str | None) -> None:
    assert refusal(organization, "completions", **parameters)["param"] == param


def test_costs_know_days_only(organization: FakeOrganization) -> None:
    error = refusal(organization, "costs", start_time=MIDNIGHT, bucket_width="1h")
    assert error["param"] == "bucket_width"
    assert "'1d'" in error["message"]


@pytest.mark.parametrize("name", ["completions", "costs"])
def test_history_ends_and_says_where(organization: FakeOrganization, name: str) -> None:
    earliest = MIDNIGHT - 366 * DAY
    page(organization, name, start_time=earliest, limit=1)
    error = refusal(organization, name, start_time=earliest - 1, limit=1)
    assert error["message"] == f"start_time is beyond the reporting lookback; the earliest start_time is {earliest}"
    assert (error["param"], error["code"]) == ("start_time", "reporting_lookback_exceeded")


def test_costs_by_key_have_a_floor_of_their_own() -> None:
    organization = FakeOrganization(NOW, history_days=None)
    floor = COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS
    page(organization, "costs", start_time=floor, group_by="api_key_id")
    page(organization, "costs", start_time=floor - DAY, group_by="line_item")
    error = refusal(organization, "costs", start_time=floor - 1, group_by="api_key_id")
    assert (error["param"], error["code"]) == ("start_time", "invalid_request_error")


def combined_with_user(organization: FakeOrganization) -> list[dict[str, Any]]:
    """Requests for costs by user and something else, which not every organization may make."""
    project_id = next(iter(organization.roster.projects))
    return [
        {"group_by": ["user_id", "project_id"]},
        {"group_by": ["line_item", "user_id"]},
        {"group_by": "user_id", "project_ids": project_id},
    ]


def test_costs_by_user_combine_with_projects_and_line_items(organization: FakeOrganization) -> None:
    rows = page(organization, "costs", start_time=MIDNIGHT - DAY, group_by="user_id")["data"][0]["results"]
    emails = {row["user_id"]: row["user_email"] for row in rows}
    assert emails.pop(None) is None
    assert emails == {user_id: organization.roster.users[user_id].email for user_id in emails}
    assert emails
    for more in combined_with_user(organization):
        assert page(organization, "costs", start_time=MIDNIGHT - DAY, **more)["data"][0]["results"]


def test_an_organization_may_refuse_to_combine_costs_by_user_with_anything() -> None:
    organization = FakeOrganization(NOW, combines_user=False)
    assert page(organization, "costs", start_time=MIDNIGHT - DAY, group_by="user_id")["data"][0]["results"]
    for more in combined_with_user(organization):
        assert refusal(organization, "costs", start_time=MIDNIGHT - DAY, **more)["param"] == "group_by"


def test_costs_by_user_are_combined_by_nobody_before_costs_by_key_began() -> None:
    organization = FakeOrganization(NOW, history_days=None)
    floor = COSTS_BY_API_KEY_SINCE_EPOCH_SECONDS
    assert page(organization, "costs", start_time=floor - DAY, group_by="user_id")["data"][0]["results"]
    for more in combined_with_user(organization):
        page(organization, "costs", start_time=floor, **more)
        error = refusal(organization, "costs", start_time=floor - DAY, **more)
        assert error["param"] == "group_by"
        assert "time range" in error["message"]


def test_arrays_may_be_repeated_bracketed_or_joined(organization: FakeOrganization) -> None:
    ways = [
        [("group_by", "model"), ("group_by", "batch")],
        [("group_by[]", "model"), ("group_by[]", "batch")],
        [("group_by", "model,batch")],
    ]
    answers = [page(organization, "completions", *way, start_time=MIDNIGHT - DAY)["data"] for way in ways]
    assert answers[0] == answers[1] == answers[2]
    assert len({(row["model"], row["batch"]) for row in answers[0][0]["results"]}) > 5


def test_filters_keep_what_they_name(organization: FakeOrganization) -> None:
    window = {"start_time": MIDNIGHT - DAY, "end_time": MIDNIGHT}

    def seen(name: str, dimension: str, **filters: Any) -> set[Any]:
        (bucket,) = page(organization, name, **window, **filters, group_by=dimension)["data"]
        return {row[dimension] for row in bucket["results"]}

    two = sorted(seen("completions", "project_id") - {None})[:2]
    assert seen("completions", "project_id", project_ids=two) == set(two)
    assert seen("completions", "batch", batch="true") == {True}
    assert seen("completions", "batch", batch="false") == {False}
    assert seen("completions", "model", models=["gpt-5.6-terra"]) == {"gpt-5.6-terra"}
    assert seen("web_search_calls", "context_level", context_levels=["low", "high"]) == {"low", "high"}
    key_id = sorted(seen("completions", "api_key_id") - {None})[0]
    assert seen("completions", "api_key_id", api_key_ids=key_id) == {key_id}
    # A line item contains a comma, and is still one value.
    assert seen("costs", "line_item", line_items="gpt-5.6-terra, input") == {"gpt-5.6-terra, input"}


def test_what_was_not_asked_for_is_null(organization: FakeOrganization) -> None:
    for endpoint in (one for one in SERVED.values() if not one.is_costs):
        results = page(organization, endpoint.name, start_time=MIDNIGHT - DAY, end_time=MIDNIGHT)["data"][0]["results"]
        assert len(results) in (1, 2), f"{endpoint.name}: somebody in fake_openai/workloads.py has to use it"
        for row in results:
            assert row["object"] == endpoint.object
            assert {row[dimension.name] for dimension in endpoint.dimensions} == {None}


def test_usage_starts_at_the_minute_and_ends_at_now(organization: FakeOrganization) -> None:
    start = MIDNIGHT - 2 * DAY + 12345
    expected = [(start - start % 60, MIDNIGHT - DAY), (MIDNIGHT - DAY, MIDNIGHT), (MIDNIGHT, EPOCH)]
    assert edges(page(organization, "completions", start_time=start)) == expected
    assert edges(page(organization, "completions", start_time=start, end_time=EPOCH + 9 * DAY)) == expected
    assert edges(page(organization, "completions", start_time=start, end_time=MIDNIGHT - DAY + 99))[1:] == [
        (MIDNIGHT - DAY, MIDNIGHT - DAY + 99)
    ]


def test_a_clipped_day_holds_only_its_part(organization: FakeOrganization) -> None:
    def requests(start: int, end: int) -> int:
        body = page(organization, "completions", start_time=start, end_time=end)
        return sum(row["num_model_requests"] for bucket in body["data"] for row in bucket["results"])

    start, noon, end = MIDNIGHT - 5 * DAY, MIDNIGHT - 5 * DAY + DAY // 2, MIDNIGHT - 4 * DAY
    assert 0 < requests(noon, end) < requests(start, end)
    assert requests(start, noon) + requests(noon, end) == requests(start, end)


def test_costs_are_whole_utc_days(organization: FakeOrganization) -> None:
    start = MIDNIGHT - 2 * DAY + 12345
    expected = [(day, day + DAY) for day in (MIDNIGHT - 2 * DAY, MIDNIGHT - DAY, MIDNIGHT)]
    assert edges(page(organization, "costs", start_time=start)) == expected
    assert edges(page(organization, "costs", start_time=start, end_time=MIDNIGHT - DAY + 1)) == expected[:2]


def test_empty_buckets_are_there_and_the_future_is_not(organization: FakeOrganization) -> None:
    body = page(organization, "decisions", start_time=MIDNIGHT - 200 * DAY, end_time=MIDNIGHT - 195 * DAY)
    assert [bucket["results"] for bucket in body["data"]] == [[]] * 5
    ahead = page(organization, "completions", start_time=EPOCH + DAY)
    assert (ahead["data"], ahead["has_more"], ahead["next_page"]) == ([], False, None)


def test_a_chain_covers_every_bucket_once(organization: FakeOrganization) -> None:
    window = {"start_time": MIDNIGHT - 20 * DAY, "end_time": MIDNIGHT, "limit": 6}
    body = page(organization, "images", **window)
    found = edges(body)
    pages = 1
    while body["has_more"]:
        body = page(organization, "images", **window, page=body["next_page"])
        found += edges(body)
        pages += 1
    assert body["next_page"] is None
    assert pages == 4
    assert found == [(MIDNIGHT - back * DAY, MIDNIGHT - (back - 1) * DAY) for back in range(20, 0, -1)]


@pytest.mark.parametrize("change", [{"limit": 3}, {"end_time": MIDNIGHT - 1}, {"group_by": "model"}, {"start_time": MIDNIGHT - 21 * DAY}])
def test_a_token_is_bound_to_its_query(organization: FakeOrganization, change: dict[str, Any]) -> None:
    window: dict[str, Any] = {"start_time": MIDNIGHT - 20 * DAY, "end_time": MIDNIGHT, "limit": 2}
    token = page(organization, "images", **window)["next_page"]
    assert token.startswith("page_")
    assert refusal(organization, "images", **{**window, **change, "page": token})["param"] == "page"
    status, _ = ask(organization, "moderations", **window, page=token)
    assert status == 400


def test_a_chain_is_read_as_of_its_first_page() -> None:
    organization = FakeOrganization(NOW)
    window = {"start_time": MIDNIGHT - 2 * DAY, "limit": 1, "group_by": ["project_id", "model"]}

    def rest_of_chain(body: dict[str, Any]) -> list[dict[str, Any]]:
        found = list(body["data"])
        while body["has_more"]:
            body = page(organization, "completions", **window, page=body["next_page"])
            found += body["data"]
        return found

    first = page(organization, "completions", **window)
    undisturbed = rest_of_chain(first)
    organization.restate(1)
    organization.clock.advance(3600)
    assert rest_of_chain(first) == undisturbed
    again = rest_of_chain(page(organization, "completions", **window))
    assert again[-1]["end_time"] == undisturbed[-1]["end_time"] + 3600
    assert [bucket["results"] for bucket in again[:2]] != [bucket["results"] for bucket in undisturbed[:2]]


def test_capabilities_can_be_taken_away() -> None:
    organization = FakeOrganization(
        NOW, absent_endpoints=("decisions",), unsupported_groupings={"costs": {"api_key_id"}, "completions": {"api_source"}}
    )
    status, body = ask(organization, "decisions", start_time=MIDNIGHT)
    assert (status, set(body)) == (404, {"error"})
    assert refusal(organization, "costs", start_time=MIDNIGHT, group_by="api_key_id")["param"] == "group_by"
    assert refusal(organization, "completions", start_time=MIDNIGHT, group_by="api_source")["param"] == "group_by"
    assert page(organization, "web_search_calls", start_time=MIDNIGHT - DAY, group_by="api_source")["data"]


def test_an_unknown_endpoint_cannot_be_taken_away() -> None:
    with pytest.raises(FixConfiguration, match="verdicts: no such endpoint"):
        FakeOrganization(NOW, absent_endpoints=("verdicts",))


def test_the_vendor_may_add_a_field() -> None:
    organization = FakeOrganization(NOW, extra_fields={"embeddings": {"input_video_tokens": 12}})
    body = page(organization, "embeddings", start_time=MIDNIGHT - DAY)
    assert {row["input_video_tokens"] for bucket in body["data"] for row in bucket["results"]} == {12}


def test_buckets_carry_the_undocumented_instants(organization: FakeOrganization) -> None:
    day = page(organization, "completions", start_time=MIDNIGHT - DAY)["data"][0]
    assert datetime.fromisoformat(day["start_time_iso"]) == NOW.replace(hour=0, minute=0, second=0) - timedelta(days=1)
    assert datetime.fromisoformat(page(organization, "costs", start_time=MIDNIGHT - DAY)["data"][0]["end_time_iso"]).tzinfo is None
