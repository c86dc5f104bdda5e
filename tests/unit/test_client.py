"""The client against real servers on this machine: every fault of the way ends in a retry or in the right error, and shows no key."""

from __future__ import annotations

import gzip
import json
import shutil
import ssl
import subprocess
import threading
import time
import traceback
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from meterhouse.client import ChainBroken, Client, PageTooLarge, Request
from meterhouse.endpoints import API_KEY, COMPLETIONS, COSTS, DAY, ENDPOINTS, HOUR, MODEL, PROJECT, USAGE
from meterhouse.errors import BeforeHistory, FixConfiguration, MeterhouseError, RejectedAnswer, TryAgainLater, Unsupported
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.fake_openai.answers import Answer
from meterhouse.rows import decode_page
from meterhouse.settings import AdminKey, Organization, Settings
from meterhouse.windows import Window

from .scripted_server import ScriptedServer, answer, bomb, close_at_once, drip, say_nothing, send, tunnel, unframed

KEY = "sk-admin-client-test-0123456789"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = b'{"object":"page","data":[{"object":"bucket","start_time":0,"end_time":86400,"results":[]}],"has_more":false,"next_page":null}'
OK = send(answer(PAGE))


def page(*, data=True, has_more=False, next_page=None) -> bytes:
    buckets = [{"object": "bucket", "start_time": 0, "end_time": 86400, "results": []}] if data else []
    return json.dumps({"object": "page", "data": buckets, "has_more": has_more, "next_page": next_page}).encode()


def refusal(message="no", *, code=None, param=None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code, "param": param}}).encode()


def asked(endpoint=COMPLETIONS, days=1, dimensions=(), width=DAY, page_buckets=31) -> Request:
    return Request(endpoint, Window(FIRST, FIRST + timedelta(days=days)), width, tuple(dimensions), page_buckets)


class Sleeps(list):
    """The waits that were asked for; none of them is slept."""

    __call__ = list.append


@pytest.fixture
def connect():
    """Make clients that do not sleep, with jitter at its most; `client.sleeps` are the waits. All are closed in the end."""
    made = []

    def make(base_url: str, **settings) -> Client:
        sleeps = Sleeps()
        chosen = Settings(**{"http_timeout_seconds": 5, "retries": 4, "page_max_megabytes": 1} | settings)
        client = Client(Organization("test", AdminKey(KEY), base_url), chosen, sleep=sleeps, jitter=lambda: 1.0)
        client.sleeps = sleeps
        made.append(client)
        return client

    yield make
    for client in made:
        client.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def no_key_in_the_log(caplog):
    caplog.set_level(0)
    yield
    assert KEY not in caplog.text


@contextmanager
def raised(kind: type[MeterhouseError], match: str | None = None) -> Iterator[pytest.ExceptionInfo[MeterhouseError]]:
    """Expect exactly this error, in one line, with the key nowhere in it, in its traceback or in the variables of its frames."""
    with pytest.raises(kind, match=match) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    assert "\n" not in str(error)
    shown = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]
    shown.append("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
    assert not any(KEY in text for text in shown)


@pytest.fixture
def vendor() -> Iterator[FakeServer]:
    """A server that answers every request with one empty page, behind the stand-in's queue of faults."""

    class OnePage:
        def answer(self, _):
            return Answer(200, PAGE)

    with FakeServer(OnePage(), admin_key=KEY) as server:
        yield server


def fetched(client: Client, request: Request | None = None) -> list[bytes]:
    return list(client.pages(request or asked()))


# -- what is asked for ----------------------------------------------------------------------------------------------------------------


def test_all_pages_of_an_organization_come_in_order_and_hold_the_truth(connect):
    organization = FakeOrganization(FIRST + timedelta(days=10))
    with FakeServer(organization, admin_key=KEY) as server:
        pages = fetched(connect(server.base_url), asked(days=5, dimensions=(PROJECT, MODEL), page_buckets=2))
        assert len(pages) == len(server.requests) == 3
        found = [bucket for body in pages for bucket in decode_page(COMPLETIONS, body, (PROJECT, MODEL)).buckets]
        assert [bucket.start for bucket in found] == [int(FIRST.timestamp()) + 86400 * day for day in range(5)]
        truth = organization.truth("completions", FIRST.date(), (FIRST + timedelta(days=5)).date())
        total = sum(values[0] for bucket in found for values in bucket.rows.values())
        assert total == sum(figures["input_tokens"] for figures in truth.values()) > 0


def test_the_token_of_a_page_goes_out_with_otherwise_identical_parameters(connect):
    organization = FakeOrganization(FIRST + timedelta(days=10))
    with FakeServer(organization, admin_key=KEY) as server:
        fetched(connect(server.base_url), asked(days=4, dimensions=(PROJECT, MODEL), page_buckets=1))
        plain = [tuple(pair for pair in request.pairs if pair[0] != "page") for request in server.requests]
        assert len(plain) == 4
        assert len(set(plain)) == 1
        tokens = [request.values("page") for request in server.requests]
        assert tokens[0] == []
        assert all(len(token) == 1 for token in tokens[1:])
        assert len({token[0] for token in tokens[1:]}) == 3


def test_arrays_are_repeated_bare_keys_and_instants_are_unix_seconds(connect):
    with ScriptedServer(OK) as server:
        fetched(connect(server.url + "/v1"), asked(COSTS, days=2, dimensions=(PROJECT, API_KEY), page_buckets=31))
        parts = urlsplit(server.targets[0])
    assert parts.path == "/v1/organization/costs"
    assert parts.query == "start_time=1772323200&end_time=1772496000&bucket_width=1d&limit=31&group_by=project_id&group_by=api_key_id"


def test_a_token_of_any_characters_comes_back_as_it_was(connect):
    token = "page_AA+/= &?%✓#"
    with ScriptedServer(send(answer(page(has_more=True, next_page=token))), OK) as server:
        fetched(connect(server.url))
        assert ("page", token) in parse_qsl(urlsplit(server.targets[1]).query)
        assert not any(character in server.targets[1] for character in " ✓#")


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)
def test_each_endpoint_is_asked_at_its_own_path_with_the_key_as_bearer(connect, endpoint):
    with ScriptedServer(OK) as server:
        fetched(connect(server.url + "/v1"), asked(endpoint))
        head = server.heads[0].decode()
    assert head.startswith(f"GET /v1{endpoint.path}?")
    assert head.count("Authorization:") == 1
    assert f"Authorization: Bearer {KEY}\r\n" in head
    assert "User-Agent: meterhouse/" in head
    assert KEY not in head.split("\r\n")[0]


# -- retries --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 599])
def test_a_fault_of_the_moment_is_waited_out_with_doubling_waits(connect, vendor, status):
    vendor.fail_next(3, status=status)
    client = connect(vendor.base_url)
    assert fetched(client) == [PAGE]
    assert client.sleeps == [0.5, 1.0, 2.0]
    assert len(vendor.requests) == 4
    assert len({request.pairs for request in vendor.requests}) == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_retries_end_and_say_where_why_and_what_now(connect, vendor, retries):
    vendor.fail_next(20, status=503)
    client = connect(vendor.base_url, retries=retries)
    with raised(TryAgainLater, f"127.0.0.1:{vendor.port}.*HTTP 503.*gave up after {retries + 1} attempts.*run again later"):
        fetched(client)
    assert len(vendor.requests) == retries + 1
    assert len(client.sleeps) == retries


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), ("0", 0.5), ("120", 120.0), ("0.5", 0.5), ("-1", 0.5), ("soon", 0.5), ("", 0.5), (None, 0.5)],
)
def test_retry_after_in_seconds_is_obeyed_and_a_malformed_one_ignored(connect, vendor, header, wait):
    vendor.fail_next(1, status=429, headers={} if header is None else {"Retry-After": header})
    client = connect(vendor.base_url)
    fetched(client)
    assert client.sleeps == [wait]


def test_retry_after_as_a_date_is_obeyed_and_one_in_the_past_does_not_mean_at_once(connect, vendor):
    now = datetime.now(UTC)
    for seconds in (60, -60):
        vendor.fail_next(1, status=503, headers={"Retry-After": format_datetime(now + timedelta(seconds=seconds), usegmt=True)})
    client = connect(vendor.base_url)
    fetched(client)
    fetched(client)
    assert 50 < client.sleeps[0] <= 60
    assert client.sleeps[1] == 1.0


@pytest.mark.parametrize("header", ["121", "86400", "9" * 400, "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_a_wait_that_is_too_long_is_left_to_the_next_run(connect, vendor, header):
    vendor.fail_next(1, status=503, headers={"Retry-After": header})
    client = connect(vendor.base_url)
    with raised(TryAgainLater, "asks to wait"):
        fetched(client)
    assert (client.sleeps, len(vendor.requests)) == ([], 1)


def test_a_storm_of_failures_costs_a_fifth_more_requests_and_not_five_times_as_many(connect, vendor):
    vendor.fail_next(5000, status=503)
    client = connect(vendor.base_url)
    for _ in range(100):
        with raised(TryAgainLater):
            fetched(client)
    assert 100 < len(vendor.requests) <= 100 + 30
    with raised(TryAgainLater, "too many requests of this run failed"):
        fetched(client)


def test_every_retry_is_logged_with_its_reason_and_wait(connect, vendor, caplog):
    vendor.fail_next(1, status=502)
    fetched(connect(vendor.base_url))
    [message] = [record.getMessage() for record in caplog.records if record.name == "meterhouse.client"]
    assert message.startswith("/organization/usage/completions: HTTP 502")
    assert message.endswith("attempt 2 of 5 in 0.5 s")


def test_waiting_counts_as_waited(connect, vendor):
    vendor.fail_next(1, status=429, headers={"Retry-After": "100"})
    client = connect(vendor.base_url)
    fetched(client)
    assert 100 < client.seconds_waited < 102


# -- transport ------------------------------------------------------------------------------------------------------------------------

GZIPPED = gzip.compress(PAGE)
BROKEN = {
    "closed without a word": close_at_once,
    "closed in the head": send(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "no HTTP at all": send(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "body shorter than its length": send(answer(PAGE[:60], length=len(PAGE))),
    "whole JSON, but shorter than its length": send(answer(PAGE, length=len(PAGE) + 50)),
    "chunks without an end": send(unframed(b"5\r\n" + PAGE[:5] + b"\r\n", "Transfer-Encoding: chunked")),
    "a chunk cut short": send(unframed(b"ff\r\n" + PAGE[:9], "Transfer-Encoding: chunked")),
    "no chunk size": send(unframed(b"zz\r\n", "Transfer-Encoding: chunked")),
    "no length, closed in the JSON": send(unframed(PAGE[:40])),
    "corrupt gzip": send(answer(GZIPPED[:30] + b"\x00\xff" + GZIPPED[32:], headers=["Content-Encoding: gzip"])),
    "plain text that claims to be gzip": send(answer(PAGE, headers=["Content-Encoding: gzip"])),
    "half of a gzip": send(answer(GZIPPED[: len(GZIPPED) // 2], headers=["Content-Encoding: gzip"])),
    "HTML": send(answer(b"<html><body>Bad gateway</body></html>", headers=["Content-Type: text/html"])),
    "nothing": send(answer(b"")),
    "null": send(answer(b"null")),
    "a list": send(answer(b"[]")),
    "a byte order mark": send(answer(b"\xef\xbb\xbf" + PAGE)),
    "UTF-16": send(answer(PAGE.decode().encode("utf-16"))),
    "two pages at once": send(answer(PAGE + PAGE)),
    "100 000 brackets": send(answer(b"[" * 100_000)),
    "data that is no list": send(answer(b'{"object":"page","data":null,"has_more":false}')),
}


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_cut_or_damaged_is_asked_for_again_and_never_taken_for_less_usage(connect, step):
    with ScriptedServer(step, OK) as server:
        client = connect(server.url)
        assert fetched(client) == [PAGE]
        assert (server.connections, client.sleeps) == (2, [0.5])


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_stays_damaged_is_a_fault_for_later(connect, step):
    with ScriptedServer(step) as server, raised(TryAgainLater, r"127\.0\.0\.1:.*gave up after 2 attempts"):
        fetched(connect(server.url, retries=1))
    assert server.connections == 2


@pytest.mark.parametrize("kind", ["reset", "truncated", "not_json"])
def test_the_stand_in_s_faults_are_cured_by_asking_again(connect, kind):
    with FakeServer(FakeOrganization(FIRST + timedelta(days=3)), admin_key=KEY) as server:
        client = connect(server.base_url)
        whole = fetched(client)
        server.fail_next(2, kind=kind)
        assert fetched(client) == whole
        assert len(client.sleeps) == 2


def test_a_gzip_page_is_unpacked(connect):
    with ScriptedServer(send(answer(GZIPPED, headers=["Content-Encoding: gzip"]))) as server:
        assert fetched(connect(server.url)) == [PAGE]


def test_a_connection_is_kept_for_the_next_page_and_its_timeout_starts_anew(connect, vendor):
    client = connect(vendor.base_url, http_timeout_seconds=0.6)
    for _ in range(3):
        fetched(client)
        time.sleep(0.25)
    assert client.sleeps == []


def test_a_closed_port_is_tried_again_and_then_left_for_later(connect):
    with ScriptedServer(OK) as server:
        pass
    client = connect(server.url, retries=2)
    with raised(TryAgainLater, f"127.0.0.1:{server.port}.*cannot be reached"):
        fetched(client)
    assert len(client.sleeps) == 2


def test_an_address_that_no_name_server_knows_is_left_for_later(connect):
    client = connect("https://no-such-host.invalid/v1", retries=1)
    with raised(TryAgainLater, r"no-such-host\.invalid.*cannot be reached"):
        fetched(client)
    assert len(client.sleeps) == 1


SLOW = {
    "no head": say_nothing,
    "a dripping head": drip(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n", 0.05),
    "a dripping body": drip(unframed(b"{", "Content-Length: 100000"), b" ", 0.05),
    "dripping chunks": drip(unframed(b"", "Transfer-Encoding: chunked"), b"1\r\n \r\n", 0.05),
    "a dripping body without end": drip(unframed(b"{"), b" ", 0.05),
    "a dripping refusal": drip(b"HTTP/1.1 503 Slow\r\nContent-Length: 100000\r\n\r\n", b" ", 0.05),
    "a body that stalls": drip(unframed(PAGE[:20], f"Content-Length: {len(PAGE)}"), b"", 0.05),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_an_answer_has_to_be_whole_in_time_however_slowly_it_drips(connect, step):
    with ScriptedServer(step) as server:
        started = time.monotonic()
        with raised(TryAgainLater, "no answer in time|no whole answer within"):
            fetched(connect(server.url, http_timeout_seconds=0.4, retries=0))
        assert time.monotonic() - started < 1.2
        server.stopping.set()


def test_a_slow_answer_is_asked_for_again(connect, vendor):
    vendor.fail_next(1, kind="slow", seconds=0.6)
    client = connect(vendor.base_url, http_timeout_seconds=0.3)
    assert fetched(client) == [PAGE]
    assert client.sleeps == [0.5]


# -- too large ------------------------------------------------------------------------------------------------------------------------


@contextmanager
def memory_within(megabytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def packed() -> bytes:
    return bomb(200)


def test_a_gzip_bomb_stops_at_the_cap_without_being_unpacked(connect, packed):
    with ScriptedServer(send(answer(packed, headers=["Content-Encoding: gzip"]))) as server, memory_within(16):
        with raised(PageTooLarge, r"METERHOUSE_PAGE_MAX_MEGABYTES \(1\)"):
            fetched(connect(server.url, page_max_megabytes=1))
        assert server.connections == 1, "asking again for the same page cannot help"


def test_the_bomb_of_a_redirect_is_not_even_read(connect, packed):
    bombed = answer(packed, status=302, headers=["Location: http://127.0.0.1:9/", "Content-Encoding: gzip"])
    with ScriptedServer(send(bombed)) as server, memory_within(16), raised(FixConfiguration, "redirects"):
        fetched(connect(server.url))


@pytest.mark.parametrize("status", [400, 500])
def test_the_bomb_of_a_refusal_is_not_unpacked_either(connect, packed, status):
    bombed = answer(packed, status=status, headers=["Content-Encoding: gzip"])
    with ScriptedServer(send(bombed)) as server, memory_within(16), pytest.raises(MeterhouseError):
        fetched(connect(server.url, retries=0))


@pytest.mark.parametrize(
    "headers", [["Content-Length: 3000000"], [], ["Transfer-Encoding: chunked"]], ids=["length", "no length", "chunked"]
)
def test_a_page_over_the_cap_is_refused_and_one_below_it_is_not(connect, headers):
    for size, fits in ((3_000_000, False), (900_000, True)):
        body = PAGE + b" " * (size - len(PAGE))
        if "Transfer-Encoding: chunked" in headers:
            body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        framed = [header.replace("3000000", str(size)) for header in headers]
        with ScriptedServer(send(unframed(body, *framed))) as server:
            client = connect(server.url)
            if fits:
                assert len(fetched(client)[0]) == size
            else:
                with raised(PageTooLarge):
                    fetched(client)
                assert client.sleeps == []


# -- where the key goes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["{decoy}/v1/organization/costs", "//127.0.0.1:{port}/x", "/elsewhere", "http://[bad", ""])
def test_a_redirect_is_refused_and_nobody_else_hears_of_it(connect, status, location):
    with ScriptedServer(OK) as decoy:
        where = location.format(decoy=decoy.url, port=decoy.port)
        with ScriptedServer(send(answer(status=status, headers=[f"Location: {where}"]))) as server:
            client = connect(server.url)
            with raised(FixConfiguration, "redirects to another address.*check OPENAI_BASE_URL") as caught:
                fetched(client)
            assert (server.connections, client.sleeps) == (1, [])
            assert decoy.url not in str(caught.value)
        assert (decoy.connections, decoy.heads) == (0, [])


def test_the_stand_in_s_redirect_is_refused(connect, vendor):
    vendor.fail_next(1, kind="redirect")
    with raised(FixConfiguration, "redirects"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


def test_a_netrc_file_and_proxy_variables_of_the_machine_change_nothing(connect, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login intruder password intruder\ndefault login intruder password intruder\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with ScriptedServer(OK) as proxy, ScriptedServer(OK) as server:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
            monkeypatch.setenv(variable.lower(), proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        fetched(connect(server.url))
        assert proxy.connections == 0
        assert f"Authorization: Bearer {KEY}\r\n".encode() in server.heads[0]
        assert b"Basic" not in server.heads[0]


def test_a_proxy_that_was_set_on_purpose_is_used_and_has_to_be_in_time_too(connect):
    with ScriptedServer(OK, drip(unframed(b"{"), b" ", 0.05)) as proxy:
        client = connect("http://127.0.0.1:9/v1", http_proxy=proxy.url, http_timeout_seconds=0.4, retries=0)
        assert fetched(client) == [PAGE]
        assert proxy.targets[0].startswith("http://127.0.0.1:9/v1/organization/usage/completions?")
        with raised(TryAgainLater, "no whole answer within|no answer in time"):
            fetched(client)
        proxy.stopping.set()


# -- TLS ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Make self-signed certificates; each comes with the context of a server that shows it."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl program to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, subject: str):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        command = (
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName={subject}"
        )
        subprocess.run([program, *command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return certificate, context

    return {"here": make("here", "IP:127.0.0.1"), "elsewhere": make("elsewhere", "DNS:api.example")}


def test_a_certificate_that_was_named_is_trusted(connect, certificates):
    certificate, context = certificates["here"]
    with ScriptedServer(OK, tls=context) as server:
        assert fetched(connect(server.url, ca_bundle=certificate)) == [PAGE]


def test_a_proxy_only_passes_on_what_it_cannot_read(connect, certificates):
    certificate, context = certificates["here"]
    with ScriptedServer(OK, tls=context) as server, ScriptedServer(tunnel(server.port)) as proxy:
        client = connect(server.url, ca_bundle=certificate, http_proxy=proxy.url)
        assert fetched(client) == [PAGE]
        client.__exit__(None, None, None)
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
        assert b"Bearer" not in proxy.heads[0]
        assert f"Authorization: Bearer {KEY}".encode() in server.heads[0]


@pytest.mark.parametrize("case", ["unknown", "another name"])
def test_a_certificate_that_is_not_trusted_is_refused_before_a_byte_is_asked(connect, certificates, case):
    trusted, context = certificates["elsewhere" if case == "another name" else "here"]
    settings = {"ca_bundle": trusted} if case == "another name" else {}
    with ScriptedServer(OK, tls=context) as server:
        client = connect(server.url, **settings)
        with raised(FixConfiguration, "certificate is not trusted.*METERHOUSE_CA_BUNDLE"):
            fetched(client)
        assert (server.connections, server.heads, client.sleeps) == (1, [], [])


def test_a_tls_handshake_that_breaks_off_is_a_fault_of_the_moment_and_no_matter_of_trust(connect):
    with ScriptedServer(OK) as server:
        hang_up = threading.Event()
        server._converse = lambda _, connection: (connection.recv(65536), hang_up.set())
        client = connect(server.url.replace("http:", "https:"), retries=1)
        with raised(TryAgainLater, "gave up after 2 attempts"):
            fetched(client)
        assert hang_up.is_set()
        assert server.connections == 2


def test_a_dripping_body_over_tls_has_to_be_in_time_too(connect, certificates):
    certificate, context = certificates["here"]
    with ScriptedServer(drip(unframed(b"{", "Content-Length: 100000"), b" ", 0.05), tls=context) as server:
        started = time.monotonic()
        with raised(TryAgainLater, "no whole answer within|no answer in time"):
            fetched(connect(server.url, ca_bundle=certificate, http_timeout_seconds=0.4, retries=0))
        assert time.monotonic() - started < 1.2
        server.stopping.set()


# -- refusals -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_not_tried_again(connect, vendor, status):
    vendor.fail_next(5, status=status)
    client = connect(vendor.base_url)
    with raised(FixConfiguration, f"refuses the admin key .HTTP {status}.*api.usage.read"):
        fetched(client)
    assert (len(vendor.requests), client.sleeps) == (1, [])


def test_a_wrong_key_is_said_to_be_wrong(connect, vendor):
    vendor.admin_key = "sk-admin-another-key-0123456789"
    with raised(FixConfiguration, "HTTP 401"):
        fetched(connect(vendor.base_url))


def test_a_key_that_is_revoked_between_two_pages_ends_the_chain(connect, vendor):
    with ScriptedServer(send(answer(page(has_more=True, next_page="a"))), send(answer(refusal(), status=401))) as server:
        pages = connect(server.url).pages(asked())
        next(pages)
        with raised(FixConfiguration, "HTTP 401"):
            next(pages)
        assert server.connections == 2


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_a_quota_that_is_used_up_is_not_waited_for(connect, vendor, code):
    vendor.fail_next(5, status=429, body=json.loads(refusal("You exceeded your current quota.", code=code)))
    with raised(FixConfiguration, "exceeded your current quota.*settle"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("endpoint", USAGE, ids=lambda endpoint: endpoint.name)
def test_a_usage_endpoint_that_is_not_there_is_not_offered(connect, vendor, endpoint):
    vendor.fail_next(1, status=404)
    with raised(Unsupported) as caught:
        fetched(connect(vendor.base_url), asked(endpoint))
    assert caught.value.capability == "endpoint"
    assert len(vendor.requests) == 1


def test_costs_that_are_not_there_are_away_for_a_while(connect, vendor):
    vendor.fail_next(2, status=404)
    client = connect(vendor.base_url)
    assert fetched(client, asked(COSTS)) == [PAGE]
    assert client.sleeps == [0.5, 1.0]
    vendor.fail_next(9, status=404)
    with raised(TryAgainLater, "HTTP 404"):
        fetched(client, asked(COSTS))


@pytest.mark.parametrize(("param", "capability"), [("group_by", "group_by"), ("start_time", "start_time"), (None, "request")])
def test_a_request_that_is_refused_names_the_parameter_and_is_not_tried_again(connect, vendor, param, capability):
    vendor.fail_next(3, status=400, body=json.loads(refusal("Invalid value.", param=param)))
    with raised(Unsupported, "Invalid value") as caught:
        fetched(connect(vendor.base_url))
    assert caught.value.capability == capability
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("status", [402, 405, 410, 418, 422, 451, 204, 206])
def test_an_answer_of_an_unexpected_kind_is_rejected_and_not_tried_again(connect, vendor, status):
    vendor.fail_next(3, status=status, body="" if status == 204 else PAGE)
    with raised(RejectedAnswer, f"HTTP {status}"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("message", "earliest"),
    [
        ("start_time must be at or after 1764979200.", datetime(2025, 12, 6, tzinfo=UTC)),
        ("Too far back.", None),
        ("Only 365 days are kept.", None),
        ("Ids of 176497920012 are no times.", None),
    ],
)
def test_a_start_before_history_names_the_vendor_s_floor_if_there_is_one(connect, vendor, message, earliest):
    vendor.fail_next(1, status=400, body=json.loads(refusal(message, code="reporting_lookback_exceeded", param="start_time")))
    with raised(BeforeHistory) as caught:
        fetched(connect(vendor.base_url))
    assert caught.value.earliest == earliest
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: {KEY}. You can find your API key at https://platform.openai.com.",
        f"Incorrect API key provided: '{KEY}'.",
        f'key="{KEY}"\nand {KEY}',
        "x" * 290 + KEY,
    ],
)
@pytest.mark.parametrize("status", [401, 400, 404, 422, 503])
def test_a_key_that_the_vendor_repeats_is_masked(connect, vendor, status, message):
    vendor.fail_next(9, status=status, body=json.loads(refusal(message, code=KEY, param=KEY)))
    client = connect(vendor.base_url, retries=1)
    with pytest.raises(MeterhouseError) as caught:
        fetched(client)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY[3:15] not in shown
    assert "sk-…" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"bare words"}', "bare words"),
        (b'{"error":{"message":"two\\nlines\\tof   words"}}', "two lines of words"),
        (b'{"error":{"message":{"nested":1}}}', "HTTP 500"),
        (b'{"error":null}', "HTTP 500"),
        (b'{"error":["x"]}', "HTTP 500"),
        (b"[]", "HTTP 500"),
        (b"null", "HTTP 500"),
        (b"", "HTTP 500"),
        (b"\xff\xfe", "HTTP 500"),
        (b"<html>", "HTTP 500"),
        (b"[" * 100_000, "HTTP 500"),
        (b'{"error":' + b"9" * 5000 + b"}", "HTTP 500"),
        (json.dumps({"error": {"message": "y" * 5000}}).encode(), "y" * 300),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_refusal_of_any_shape_is_quoted_in_one_short_line(connect, body, said):
    with ScriptedServer(send(answer(body, status=500))) as server, raised(TryAgainLater, said) as caught:
        fetched(connect(server.url, retries=0))
    assert len(str(caught.value)) < 500


# -- chains ---------------------------------------------------------------------------------------------------------------------------


def scripted_chain(*tokens: str | None, data: bool = True) -> list:
    return [send(answer(page(data=data, has_more=True, next_page=token))) for token in tokens]


def test_a_page_that_says_it_is_the_last_is_the_last_even_with_a_token(connect):
    with ScriptedServer(send(answer(page(has_more=False, next_page="more")))) as server:
        assert len(fetched(connect(server.url))) == 1
        assert server.connections == 1


@pytest.mark.parametrize(("tokens", "requests"), [(("a", "a"), 2), (("a", "b", "a"), 3), (("a", "b", "c", "b"), 4)], ids=str)
def test_a_chain_that_comes_back_to_where_it_was_is_rejected(connect, tokens, requests):
    with ScriptedServer(*scripted_chain(*tokens)) as server, raised(RejectedAnswer, f"'{tokens[-1]}' came twice"):
        fetched(connect(server.url))
    assert server.connections == requests


def test_the_stand_in_s_endless_chain_is_rejected(connect):
    with FakeServer(FakeOrganization(FIRST + timedelta(days=3)), admin_key=KEY) as server:
        server.fail_next(50, kind="endless")
        with raised(RejectedAnswer, "came twice"):
            fetched(connect(server.base_url))
        assert len(server.requests) == 2


def test_ten_empty_pages_in_a_row_are_enough(connect):
    tokens = [f"token-{number}" for number in range(50)]
    with ScriptedServer(*scripted_chain(*tokens, data=False)) as server, raised(RejectedAnswer, "the chain goes on after 10 pages"):
        fetched(connect(server.url), asked(days=31))
    assert server.connections == 10


def test_more_pages_than_the_window_has_buckets_are_rejected(connect):
    tokens = [f"token-{number}" for number in range(100)]
    with ScriptedServer(*scripted_chain(*tokens)) as server, raised(RejectedAnswer, "more than the window can have"):
        fetched(connect(server.url), asked(days=1, width=HOUR))
    assert server.connections <= 24 + 11


def test_one_bucket_a_page_is_slow_but_right(connect):
    tokens = [f"token-{number}" for number in range(23)]
    with ScriptedServer(*scripted_chain(*tokens), OK) as server:
        assert len(fetched(connect(server.url), asked(days=1, width=HOUR))) == 24


def test_more_to_come_without_a_token_breaks_the_chain_after_the_page_was_given(connect, vendor):
    with ScriptedServer(*scripted_chain(None)) as server:
        pages = connect(server.url).pages(asked())
        assert next(pages)
        with raised(ChainBroken, "says that there is more, but not where"):
            next(pages)
        assert server.connections == 1


def test_a_token_that_the_vendor_itself_refuses_breaks_the_chain(connect):
    script = [*scripted_chain("a"), send(answer(refusal("page token is invalid", param="page"), status=400))]
    with ScriptedServer(*script) as server:
        pages = connect(server.url).pages(asked())
        next(pages)
        with raised(ChainBroken, "refused its own page token.*page token is invalid"):
            next(pages)
        assert server.connections == 2


def test_a_fault_in_the_middle_of_a_chain_is_asked_for_again_with_the_same_token(connect):
    script = [*scripted_chain("a"), send(answer(refusal(), status=500)), OK]
    with ScriptedServer(*script) as server:
        assert len(fetched(connect(server.url))) == 2
        assert server.targets[1] == server.targets[2]
        assert server.targets[1].endswith("&page=a")


@pytest.mark.parametrize("body", [b"{}", b'{"object":"list","data":[]}', b'{"object":"bucket","data":[]}'])
def test_json_that_is_no_page_is_rejected(connect, body):
    with ScriptedServer(send(answer(body))) as server, raised(RejectedAnswer, "not a page of buckets"):
        fetched(connect(server.url))
    assert server.connections == 1


# -- directory lists ------------------------------------------------------------------------------------------------------------------


def entries_of(*identifiers: str, has_more: bool = False, last_id: str | None = None) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in identifiers], "has_more": has_more, "last_id": last_id}).encode()


def test_a_directory_list_is_followed_by_its_last_id_or_by_its_last_entry(connect):
    script = [entries_of("a", "b", has_more=True, last_id="b"), entries_of("c", has_more=True), entries_of("d")]
    with ScriptedServer(*(send(answer(body)) for body in script)) as server:
        found = list(connect(server.url).entries("/organization/users", include_archived="true"))
        assert [entry["id"] for entry in found] == ["a", "b", "c", "d"]
        queries = [urlsplit(target).query for target in server.targets]
    assert queries == [f"limit=100&include_archived=true{after}" for after in ("", "&after=b", "&after=c")]


@pytest.mark.parametrize("body", [entries_of("a", has_more=True, last_id="a"), entries_of(has_more=True)])
def test_a_directory_list_that_goes_nowhere_is_rejected(connect, body):
    with ScriptedServer(send(answer(body))) as server, raised(RejectedAnswer, "says there is more, but not where"):
        list(connect(server.url).entries("/organization/users"))
    assert server.connections <= 2


@pytest.mark.parametrize("status", [400, 404])
def test_a_directory_list_that_is_refused_is_not_offered(connect, vendor, status):
    vendor.fail_next(1, status=status)
    with raised(Unsupported):
        list(connect(vendor.base_url).entries("/organization/users"))
    assert len(vendor.requests) == 1


def test_a_directory_list_is_asked_for_again_after_a_fault(connect, vendor):
    with ScriptedServer(send(answer(refusal(), status=503)), send(answer(entries_of("a")))) as server:
        assert list(connect(server.url).entries("/organization/users")) == [{"id": "a"}]


# -- the vendor's clock ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "instant"),
    [
        ("Date: Sun, 01 Mar 2026 10:07:33 GMT", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("date: Sun, 01 Mar 2026 12:07:33 +0200", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("Date: Sun, 01 Mar 2026 10:07:33 -0000", datetime(2026, 3, 1, 10, 7, 33, tzinfo=UTC)),
        ("Date: yesterday", None),
        ("Date: Sun, 99 Mar 2026 10:07:33 GMT", None),
        ("Date: Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Date:", None),
        ("X-Nothing: here", None),
    ],
)
def test_the_vendor_s_clock_is_what_its_date_header_says(connect, header, instant):
    with ScriptedServer(send(answer(PAGE, headers=[header]))) as server:
        client = connect(server.url)
        assert client.answered_at is None
        fetched(client)
    assert client.answered_at == instant


def test_the_clock_of_the_newest_answer_is_kept_and_refusals_have_one_too(connect):
    first, second = ("Date: Sun, 01 Mar 2026 10:07:33 GMT", "Date: Sun, 01 Mar 2026 10:08:00 GMT")
    script = [
        send(answer(PAGE, headers=[first])),
        send(answer(refusal("away"), status=404, headers=[second])),
        send(answer(PAGE)),
        close_at_once,
    ]
    with ScriptedServer(*script) as server:
        client = connect(server.url, retries=0)
        fetched(client)
        with pytest.raises(Unsupported):
            fetched(client)
        assert client.answered_at == datetime(2026, 3, 1, 10, 8, tzinfo=UTC)
        known = client.answered_at
        fetched(client)
        with pytest.raises(TryAgainLater):
            fetched(client)
        # The very same object: whoever looks can tell that no newer answer named a time.
        assert client.answered_at is known
