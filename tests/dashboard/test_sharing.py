"""Sharing the dashboard: nobody reads a figure without the token or the proxy's word, and what is refused is one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect
from tests.conftest import Warehouse

from meterhouse.dashboard.sharing import COOKIE, SESSION_SECONDS, Sharing, sharing
from meterhouse.errors import FixConfiguration
from meterhouse.settings import Settings

from .conftest import EVERYTHING, dashboard_command, started

TOKEN = "a-token-of-the-tests-0123456789"
NOW = 1_800_000_000.0
PATHS = ("/", "/table/cost_per_day", "/csv/cost_per_day", "/chart/cost_per_day", "/_dash-layout", "/_dash-dependencies")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared dashboard writes its log."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def shared(loaded: Warehouse, home: Path) -> Iterator[str]:
    """A dashboard that asks for a token, believes a proxy on this machine, and lets one site embed its charts."""
    more = {
        "METERHOUSE_DASHBOARD_TOKEN": TOKEN,
        "METERHOUSE_DASHBOARD_HOSTS": "usage.example.com",
        "METERHOUSE_DASHBOARD_IDENTITY_HEADER": "X-Forwarded-User",
        "METERHOUSE_DASHBOARD_FRAME_ANCESTORS": "https://wiki.example.com",
    }
    with started(loaded.reader_url, home, "--host", "0.0.0.0", **more) as address:
        yield address


def test_nothing_is_read_without_the_token_and_everything_with_it(shared: str, home: Path) -> None:
    for path in PATHS:
        answer = requests.get(f"{shared}{path}", timeout=20)
        assert (answer.status_code, "$" in answer.text) == (401, False), path
        assert requests.get(f"{shared}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20).status_code == 200, path
        for wrong in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", TOKEN):
            assert requests.get(f"{shared}{path}", headers={"Authorization": wrong}, timeout=20).status_code == 401, (path, wrong)
    assert requests.post(f"{shared}/_dash-update-component", json={}, timeout=20).status_code == 401
    assert requests.get(f"{shared}/healthz", timeout=20).json() == {"status": "ok"}
    assert requests.get(f"{shared}/?token={TOKEN}", timeout=20).status_code == 401, "an address is kept in logs and histories"
    assert TOKEN not in (home / "dashboard.log").read_text()


def test_the_header_of_a_proxy_on_this_machine_is_believed(shared: str) -> None:
    assert requests.get(f"{shared}/csv/cost_per_day", headers={"X-Forwarded-User": "ada@example.com"}, timeout=20).status_code == 200
    assert requests.get(f"{shared}/csv/cost_per_day", headers={"X-Forwarded-User": ""}, timeout=20).status_code == 401


def test_only_the_names_that_were_set_are_answered(shared: str) -> None:
    for name, status in (("usage.example.com", 401), ("USAGE.example.com:8050", 401), ("evil.example", 403), ("0.0.0.0", 403)):
        assert requests.get(shared, headers={"Host": name}, timeout=20).status_code == status, name


def test_the_page_asks_for_the_token_once_and_the_cookie_does_not_hold_it(browser: Browser, shared: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{shared}/?{EVERYTHING.to_query()}")
    field = page.get_by_label("Enter the token of this dashboard")
    field.fill("not the token")
    page.get_by_role("button").click()
    page.get_by_label("That is not the token of this dashboard").fill(TOKEN)
    page.get_by_role("button").click()
    page.wait_for_selector("#first-paint", state="detached", timeout=60_000)
    expect(page.locator("#card-cost")).to_contain_text("$")
    expect(page).to_have_url(re.compile("first=2026-10-22"))  # The choice was kept.
    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Lax")
    assert TOKEN not in cookie["value"]
    assert requests.get(f"{shared}/csv/cost_per_day", cookies={COOKIE: cookie["value"]}, timeout=20).status_code == 200
    forged = f"{int(cookie['value'].split('.')[0]) + 1}.{cookie['value'].split('.')[1]}"
    assert requests.get(f"{shared}/csv/cost_per_day", cookies={COOKIE: forged}, timeout=20).status_code == 401
    context.close()


def test_the_login_leads_only_to_this_server(shared: str) -> None:
    for to, place in (("/?width=hour", "/?width=hour"), ("//evil.example/", "/"), ("https://evil.example/", "/"), ("/\\evil.example", "/")):
        answer = requests.post(f"{shared}/login", data={"token": TOKEN, "to": to}, allow_redirects=False, timeout=20)
        assert (answer.status_code, answer.headers["Location"]) == (303, place)


def test_one_chart_is_a_page_without_scripts_that_only_the_named_site_may_embed(shared: str, dashboard: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{shared}/chart/cost_per_day?{EVERYTHING.to_query()}", headers=bearer, timeout=20)
    assert "<svg" in answer.text
    assert "<script" not in answer.text
    assert "frame-ancestors 'self' https://wiki.example.com" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in requests.get(shared, headers=bearer, timeout=20).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in requests.get(f"{dashboard}/chart/cost_per_day", timeout=20).headers["Content-Security-Policy"]
    assert requests.get(f"{dashboard}/chart/nothing", timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (["--host", "0.0.0.0"], {}, "anybody could read the figures: set METERHOUSE_DASHBOARD_TOKEN"),
        (["--host", "192.0.2.1"], {}, "anybody could read the figures"),
        (["--host", "0.0.0.0"], {"METERHOUSE_DASHBOARD_TOKEN": TOKEN}, "METERHOUSE_DASHBOARD_HOSTS is not set"),
        ([], {"METERHOUSE_DASHBOARD_TOKEN": "too-short-a-token"}, "METERHOUSE_DASHBOARD_TOKEN must be 20 or more characters"),
    ],
)
def test_what_anybody_could_read_is_refused_in_one_line(
    loaded: Warehouse, tmp_path: Path, options: list[str], variables: dict[str, str], words: str
) -> None:
    done = dashboard_command(loaded.reader_url, tmp_path, *options, **variables)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr
    assert "too-short" not in done.stderr


def test_a_session_ends_with_its_week_and_with_its_token() -> None:
    one, other = Sharing(token=TOKEN), Sharing(token=f"{TOKEN}-renewed")
    cookie = one.session(NOW)

    def admits(who: Sharing, cookie: str, now: float) -> bool:
        return who.admits(lambda _, default: default, cookie, "10.0.0.9", now)

    assert admits(one, cookie, NOW + SESSION_SECONDS - 1)
    assert not admits(one, cookie, NOW + SESSION_SECONDS)
    assert not admits(other, cookie, NOW)
    for nonsense in ("", ".", "1", "x.y", f"{10**20}.{'0' * 64}", cookie + "0", "²." + cookie.split(".")[1]):
        assert not admits(one, nonsense, NOW), nonsense
    assert TOKEN not in repr(one)


def test_a_header_is_believed_only_from_the_proxy() -> None:
    behind = Sharing(identity_header="X-Forwarded-User", proxies=(ip_network("10.0.0.5"), ip_network("fd00::/8")))

    def admits(address: str) -> bool:
        return behind.admits(lambda name, default: "ada" if name == "X-Forwarded-User" else default, "", address, NOW)

    assert [admits(one) for one in ("10.0.0.5", "fd00::1", "10.0.0.6", "127.0.0.1", "", "proxy")] == [True, True, *[False] * 4]


def test_on_this_machine_nobody_is_asked_unless_a_token_is_set() -> None:
    assert not sharing(Settings(), "127.0.0.1").asks
    assert sharing(Settings(dashboard_token=TOKEN), "127.0.0.1").asks
    with pytest.raises(FixConfiguration, match="leave out --host"):
        sharing(Settings(dashboard_hosts=("usage.example.com",)), "::")
