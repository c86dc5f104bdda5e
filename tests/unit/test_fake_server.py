"""The stand-in over HTTP: keys, recorded requests, faults on the wire, control, and the separate process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from meterhouse.errors import FixConfiguration
from meterhouse.fake_openai import FakeOrganization, FakeServer, run
from meterhouse.fake_openai.answers import Answer, Request

NOW = datetime(2026, 11, 20, 10, 7, 33, tzinfo=UTC)
START = int(NOW.timestamp()) - 3 * 86400
KEY = "sk-admin-for-the-tests"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(FakeOrganization(NOW), admin_key=KEY, control=True) as running:
        yield running


@pytest.fixture
def session(server: FakeServer) -> Iterator[requests.Session]:
    server.requests.clear()
    server.faults.clear()
    with requests.Session() as opened:
        opened.trust_env = False
        opened.headers["Authorization"] = f"Bearer {KEY}"
        yield opened


def get(server: FakeServer, session: requests.Session, path: str = "/organization/usage/images", **options: Any) -> requests.Response:
    options.setdefault("params", {"start_time": START})
    return session.get(f"{server.base_url}{path}", timeout=10, allow_redirects=False, **options)


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "invalid_api_key"),
        ("Bearer sk-admin-wrong", 401, "invalid_api_key"),
        (KEY, 401, "invalid_api_key"),
        ("Bearer sk-proj-abcdef", 403, "insufficient_permissions"),
    ],
)
def test_keys(server: FakeServer, session: requests.Session, header: str | None, status: int, code: str) -> None:
    session.headers["Authorization"] = header or ""
    answer = get(server, session)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert ("api.usage.read" in answer.text) == (status == 403)
    assert KEY not in answer.text


def test_requests_are_recorded_without_the_key(server: FakeServer, session: requests.Session) -> None:
    get(server, session, params=[("start_time", START), ("group_by", "model"), ("group_by", "size")])
    (recorded,) = server.requests
    assert (recorded.method, recorded.path) == ("GET", "/v1/organization/usage/images")
    assert recorded.values("group_by") == ["model", "size"]
    assert "user-agent" in recorded.headers
    assert KEY not in repr(recorded)


def test_a_connection_serves_several_requests(server: FakeServer, session: requests.Session) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(f"GET /v1/organization/projects?limit=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_only_reading_is_offered(server: FakeServer, session: requests.Session) -> None:
    assert session.post(f"{server.base_url}/organization/projects", json={"name": "x"}, timeout=10).status_code == 404
    assert session.get(server.base_url.replace("/v1", "/v2/organization/projects"), timeout=10).status_code == 404


def test_statuses_strike_in_order_and_only_where_meant(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(2, status=429, headers={"Retry-After": "0"}, path_contains="images")
    server.fail_next(status=503, body="away", path_contains="images")
    assert get(server, session, "/organization/projects", params={}).status_code == 200
    answers = [get(server, session) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 503, 200]
    assert answers[0].headers["Retry-After"] == "0"
    assert answers[0].json()["error"]["code"] == "rate_limit_exceeded"
    assert answers[2].text == "away"


def test_a_body_that_is_not_json(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="not_json")
    answer = get(server, session)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_body_that_breaks_off(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(server, session)
    assert get(server, session).status_code == 200


def test_a_connection_that_is_reset(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="reset")
    with pytest.raises(requests.exceptions.ConnectionError):
        get(server, session)
    assert get(server, session).status_code == 200


def test_a_slow_answer_exceeds_a_short_timeout(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="slow", seconds=0.5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        session.get(f"{server.base_url}/organization/usage/images", params={"start_time": START}, timeout=0.05)


def test_a_chain_without_end(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(3, kind="endless")
    first = get(server, session).json()
    again = get(server, session, params={"start_time": START, "page": first["next_page"]}).json()
    assert first["has_more"] is again["has_more"] is True
    assert first["next_page"] == again["next_page"]
    assert first["data"] == again["data"] != []


def test_a_chain_that_breaks(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="null_token")
    body = get(server, session).json()
    assert (body["has_more"], body["next_page"]) == (True, None)


def test_a_redirect(server: FakeServer, session: requests.Session) -> None:
    server.fail_next(kind="redirect", headers={"Location": "http://127.0.0.1:9/away"})
    answer = get(server, session)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/away")


def test_a_fault_of_no_kind_is_refused(server: FakeServer) -> None:
    with pytest.raises(ValueError, match="kind must be one of"):
        server.fail_next(kind="gremlin")  # type: ignore[arg-type]


def control(server: FakeServer, name: str, body: dict[str, Any]) -> requests.Response:
    return requests.post(f"http://127.0.0.1:{server.port}/_control/{name}", json=body, timeout=10)


def test_control_by_another_process() -> None:
    organization = FakeOrganization(NOW)
    with FakeServer(organization, admin_key=KEY, control=True) as server:
        moved = control(server, "clock", {"now": "2026-11-25T10:00:00Z"})
        assert moved.json() == {"now": "2026-11-25T10:00:00Z"}
        control(server, "clock", {"advance_seconds": 90})
        assert organization.clock.now() == datetime(2026, 11, 25, 10, 1, 30, tzinfo=UTC)
        emptied = control(server, "restate", {"round": 1}).json()
        assert [change.number for change in organization.rounds] == [1]
        assert emptied["emptied_day"] < "2026-11-25"
        assert control(server, "fail", {"n": 1, "status": 500}).status_code == 200
        answers = [
            requests.get(f"{server.base_url}/organization/projects", headers={"Authorization": f"Bearer {KEY}"}, timeout=10)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [500, 200]
        for name, body in (("clock", {}), ("clock", {"now": "soon"}), ("restate", {}), ("fail", {"gremlins": 1})):
            assert control(server, name, body).status_code == 400
        assert control(server, "nonsense", {}).status_code == 404


def test_without_control_there_is_only_health() -> None:
    organization = FakeOrganization(NOW)
    with FakeServer(organization) as server:
        assert requests.get(f"http://127.0.0.1:{server.port}/_control/health", timeout=10).json() == {"status": "ok"}
        assert control(server, "restate", {"round": 1}).status_code == 404
    assert organization.rounds == ()


def test_only_the_loopback_is_served(server: FakeServer) -> None:
    assert server.base_url == f"http://127.0.0.1:{server.port}/v1"
    assert server._http.socket.getsockname()[0] == "127.0.0.1"


def test_a_busy_port_says_what_to_do() -> None:
    with (
        FakeServer(FakeOrganization(NOW)) as server,
        pytest.raises(FixConfiguration, match=rf"port {server.port} is already in use.*METERHOUSE_FAKE_API_PORT"),
    ):
        run(server.port, seed=7, now=NOW, replay=None, admin_key=None, control=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_separate_process_prints_one_line_and_ends_when_asked(number: signal.Signals) -> None:
    code = (
        "from meterhouse.fake_openai import run; run(0, seed=7, now=None, replay=None, admin_key=None, control=True, absent=('decisions',))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout
        line = process.stdout.readline().strip()
        given = dict(word.split("=", 1) for word in line.split() if "=" in word)
        answer = requests.get(
            f"{given['OPENAI_BASE_URL']}/organization/projects",
            headers={"Authorization": f"Bearer {given['OPENAI_ADMIN_KEY']}"},
            timeout=10,
        )
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    assert answer.status_code == 200
    assert (process.returncode, rest, errors) == (0, "", "")


def test_the_date_header_is_the_organization_s_own_time(server: FakeServer, session: requests.Session) -> None:
    assert parsedate_to_datetime(get(server, session).headers["Date"]) == NOW
    assert isinstance(server.application, FakeOrganization)
    server.application.clock.advance(90)
    try:
        assert parsedate_to_datetime(get(server, session, "/organization/nothing").headers["Date"]) == NOW + timedelta(seconds=90)
    finally:
        server.application.clock.set(NOW)


def test_a_stand_in_that_runs_in_real_time_or_has_no_clock_shows_the_real_time(session: requests.Session) -> None:
    class Clockless:
        def answer(self, _: Request) -> Answer:
            return Answer(200, b"{}")

    for application in (FakeOrganization(), Clockless()):
        with FakeServer(application, admin_key=KEY) as real:
            told = parsedate_to_datetime(get(real, session).headers["Date"])
        assert abs((datetime.now(UTC) - told).total_seconds()) < 30
