"""The stand-in against what others say the API is: the official SDK reads all of it, and bodies fit the vendor's own specification.

Deliberate deviations from the specification: amounts may be text (the vendor sent them so in 2026), which is left out here by asking for
numbers; `decisions` and `api_source` are served, although only the SDK knows them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator, ValidationError
from openai import OpenAI
from tests.published import NOT_IN_THE_SPECIFICATION, require_sdk_method, sdk_methods, sdk_name

from meterhouse.catalogue.endpoints import ENDPOINTS, USAGE, Endpoint, offered_by
from meterhouse.catalogue.vendors import OPENAI
from meterhouse.fake_openai import FakeOrganization, FakeServer, ReplayServer
from meterhouse.vendors.openai.wire import path_of

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)
START = int(NOW.replace(hour=0, minute=0, second=0).timestamp()) - 10 * 86400
CONTRACT = Path(os.environ.get("METERHOUSE_CONTRACT") or Path(__file__).resolve().parents[3] / "shared" / "contract")
SPECIFICATION = CONTRACT / "openapi_admin_subset.yaml"
SAMPLES = CONTRACT / "samples"
needs_specification = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="the vendor's specification is not part of the project: name its folder in METERHOUSE_CONTRACT"
)
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="recorded pages are not part of the project: name their folder's parent in METERHOUSE_CONTRACT"
)
OFFERED = offered_by(OPENAI)
SPECIFIED = [endpoint for endpoint in OFFERED.values() if endpoint.name not in NOT_IN_THE_SPECIFICATION]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(FakeOrganization(NOW, amounts="number")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: FakeServer) -> Iterator[OpenAI]:
    with official_client(server) as opened:
        yield opened


def official_client(server: FakeServer) -> OpenAI:
    return OpenAI(api_key="unused", admin_api_key=server.admin_key, base_url=server.base_url, max_retries=0, timeout=20)


def group_by(endpoint: Endpoint) -> list[str]:
    return [dimension.name for dimension in endpoint.dimensions]


def chain(client: OpenAI, endpoint: Endpoint, **parameters: Any) -> list[Any]:
    """Every bucket that the official SDK reads."""
    require_sdk_method(endpoint)
    read = getattr(client.admin.organization.usage, sdk_name(endpoint))
    page = read(start_time=START, group_by=group_by(endpoint), limit=4, **parameters)
    found = list(page.data)
    while page.has_more:
        page = read(start_time=START, group_by=group_by(endpoint), limit=4, page=page.next_page, **parameters)
        found += page.data
    return found


@pytest.mark.parametrize("endpoint", OFFERED.values(), ids=list(OFFERED))
def test_the_official_sdk_reads_every_endpoint_to_the_end(client: OpenAI, endpoint: Endpoint) -> None:
    buckets = chain(client, endpoint)
    assert len(buckets) == 11
    rows = [row for bucket in buckets for row in bucket.results]
    assert {row.object for row in rows} == {endpoint.object}
    for row in rows:
        # The SDK keeps values that do not fit the field unchanged, so types are checked.
        assert all(getattr(row, dimension) is None or isinstance(getattr(row, dimension), str | bool) for dimension in group_by(endpoint))
        if not endpoint.is_costs:
            assert all(isinstance(getattr(row, metric.name), int) for metric in endpoint.metrics if metric.required)


@pytest.mark.parametrize("width", ["1h", "1m"])
def test_the_official_sdk_reads_narrow_buckets(client: OpenAI, width: str) -> None:
    read = client.admin.organization.usage.completions
    page = read(start_time=START, bucket_width=width, limit=48)  # type: ignore[arg-type]
    assert len(page.data) == 48
    assert sum(len(bucket.results) for bucket in page.data) > 0


def test_the_official_sdk_filters(client: OpenAI, server: FakeServer) -> None:
    page = client.admin.organization.usage.completions(start_time=START, batch=True, models=["gpt-5.6-terra"], group_by=["model", "batch"])
    assert {(row.model, row.batch) for bucket in page.data for row in bucket.results} == {("gpt-5.6-terra", True)}
    assert ("group_by[]", "model") in server.requests[-1].pairs


def test_the_official_sdk_reads_amounts_in_every_style() -> None:
    organization = FakeOrganization(NOW, amounts="mixed")
    with FakeServer(organization) as server, official_client(server) as client:
        buckets = chain(client, ENDPOINTS["costs"])
    read = sum(row.amount.value for bucket in buckets for row in bucket.results)
    first = datetime.fromtimestamp(START, UTC).date()
    true = sum(Decimal(totals["amount"]) for totals in organization.truth("costs", first, NOW.date().replace(day=21)).values())
    assert read == pytest.approx(float(true))


def test_the_official_sdk_lists_everybody(client: OpenAI, server: FakeServer) -> None:
    admin = client.admin.organization
    projects = list(admin.projects.list(include_archived=True, limit=5))
    assert (len(projects), len(list(admin.users.list(limit=10)))) == (12, 57)
    assert [len(list(listing)) for listing in (admin.groups.list(limit=2), admin.roles.list(limit=2))] == [4, 3]
    assert len(list(admin.admin_api_keys.list(limit=2))) == 4
    assert {invite.status for invite in admin.invites.list(limit=2)} == {"pending", "expired"}
    keys, accounts, members, limits = [], [], [], []
    for project in projects:
        if project.status == "active":
            keys += list(admin.projects.api_keys.list(project.id, limit=3, extra_query={"owner_project_access": "any"}))
            accounts += list(admin.projects.service_accounts.list(project.id, limit=1))
            members += list(admin.projects.users.list(project.id, limit=4))
            limits += list(admin.projects.rate_limits.list_rate_limits(project.id, limit=2))
    roster = server.application.roster  # type: ignore[attr-defined]
    assert len(accounts) == len(roster.service_accounts) == 10
    assert {key.id for key in keys} <= set(roster.api_keys)
    assert len(keys) > 70
    assert {key.owner.type for key in keys} == {"user", "service_account"}
    assert len(members) > 60
    assert len(limits) == 40


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(SPECIFICATION.read_text())
    return loaded


def not_specified(endpoint: Endpoint) -> str:
    return (
        f"{SPECIFICATION} has no path {path_of(endpoint)}: bring it up to date,"
        f" or add {endpoint.name!r} to NOT_IN_THE_SPECIFICATION in tests/published.py"
    )


def schema_of(specification: dict[str, Any], path: str) -> Draft202012Validator:
    """A validator of the 200 answer of GET `path`, with every reference resolved inside the document."""
    answer = specification["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**answer, "components": specification["components"]})


def body_of(server: FakeServer, path: str, **parameters: Any) -> Any:
    headers = {"Authorization": f"Bearer {server.admin_key}"}
    answer = requests.get(f"{server.base_url}{path}", params=parameters, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@needs_specification
@pytest.mark.parametrize("endpoint", SPECIFIED, ids=[endpoint.name for endpoint in SPECIFIED])
def test_reports_fit_the_specification(server: FakeServer, specification: dict[str, Any], endpoint: Endpoint) -> None:
    assert path_of(endpoint) in specification["paths"], not_specified(endpoint)
    body = body_of(server, path_of(endpoint), start_time=START, group_by=group_by(endpoint), limit=2)
    results = [row for bucket in body["data"] for row in bucket["results"]]
    assert results
    # The page's schema offers every kind of row at once; a row is checked against its own kind, which is stricter.
    kinds = {
        schema["properties"]["object"]["enum"][0]: name
        for name, schema in specification["components"]["schemas"].items()
        if name.endswith("Result")
    }
    own = Draft202012Validator({"$ref": f"#/components/schemas/{kinds[endpoint.object]}", "components": specification["components"]})
    for row in results:
        own.validate(row)
    schema_of(specification, path_of(endpoint)).validate({**body, "data": [{**bucket, "results": []} for bucket in body["data"]]})


@needs_specification
@pytest.mark.parametrize("name", ["projects", "users", "admin_api_keys"])
def test_lists_fit_the_specification(server: FakeServer, specification: dict[str, Any], name: str) -> None:
    body = body_of(server, f"/organization/{name}", limit=3)
    assert body["data"]
    schema_of(specification, f"/organization/{name}").validate(body)


@needs_specification
@pytest.mark.parametrize("name", ["users", "service_accounts", "api_keys", "rate_limits"])
def test_lists_of_a_project_fit_the_specification(server: FakeServer, specification: dict[str, Any], name: str) -> None:
    project_id = body_of(server, "/organization/projects", limit=1)["data"][0]["id"]
    body = body_of(server, f"/organization/projects/{project_id}/{name}", limit=5)
    assert body["data"]
    schema_of(specification, f"/organization/projects/{{project_id}}/{name}").validate(body)


@needs_specification
def test_limits_and_alerts_of_projects_fit_the_specification(server: FakeServer, specification: dict[str, Any]) -> None:
    first, second = (project["id"] for project in body_of(server, "/organization/projects", limit=2)["data"])
    limit = body_of(server, f"/organization/projects/{first}/spend_limit")
    schema_of(specification, "/organization/projects/{project_id}/spend_limit").validate(limit)
    alerts = body_of(server, f"/organization/projects/{second}/spend_alerts")
    assert alerts["data"]
    schema_of(specification, "/organization/projects/{project_id}/spend_alerts").validate(alerts)


@needs_specification
def test_the_specification_would_notice_a_wrong_row(server: FakeServer, specification: dict[str, Any]) -> None:
    body = body_of(server, "/organization/users", limit=1)
    del body["data"][0]["added_at"]
    with pytest.raises(ValidationError, match="added_at"):
        schema_of(specification, "/organization/users").validate(body)


@needs_specification
def test_every_group_by_and_filter_of_the_specification_is_accepted(server: FakeServer, specification: dict[str, Any]) -> None:
    for endpoint in OFFERED.values():
        if path_of(endpoint) not in specification["paths"]:
            assert endpoint.name in NOT_IN_THE_SPECIFICATION, not_specified(endpoint)
            continue
        for parameter in specification["paths"][path_of(endpoint)]["get"]["parameters"]:
            values = parameter["schema"].get("items", {}).get("enum", ["some-id"])
            if parameter["schema"].get("type") == "array":
                body_of(server, path_of(endpoint), start_time=START, limit=1, **{parameter["name"]: values})


@needs_samples
def test_recorded_pages_are_served_as_they_were_captured() -> None:
    with ReplayServer(SAMPLES) as server:
        recorded = sorted(SAMPLES.glob("cookbook_*.json"))
        assert len(recorded) == 2
        for path in recorded:
            endpoint = ENDPOINTS["costs" if "costs" in path.name else "completions"]
            headers = {"Authorization": f"Bearer {server.admin_key}"}
            parameters: dict[str, Any] = {"start_time": 1736553600, "limit": 31}
            text = requests.get(f"{server.base_url}{path_of(endpoint)}", params=parameters, headers=headers, timeout=20).text
            # Stripped of white space, which is the one thing that the envelope changes.
            assert "".join(path.read_text().split())[1:-1] in "".join(text.split())
        with official_client(server) as client:
            for usage in USAGE:
                if usage in SPECIFIED and usage.name in sdk_methods():
                    page = getattr(client.admin.organization.usage, usage.name)(start_time=1730419200, limit=1)
                    # Two of the endpoints are also in the younger recordings, which take precedence over the vendor's examples.
                    assert {row.object for bucket in page.data for row in bucket.results} == {usage.object}
