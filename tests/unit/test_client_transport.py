"""The client against answers that are cut, damaged, slow or too large: asked for again, or the right error, and never less usage."""

from __future__ import annotations

import contextlib
import gzip
import io
import socket
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.faults.scripted_server import ScriptedServer, answer, bomb, close_at_once, drip, say_nothing, send, unframed

from meterhouse.errors import FixConfiguration, MeterhouseError, TryAgainLater
from meterhouse.fake_openai import FakeOrganization, FakeServer
from meterhouse.vendors.request import PageTooLarge
from meterhouse.vendors.transport import _DeadlineReader

from .client_calls import FIRST, KEY, OK, PAGE, fetched, raised

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


@pytest.mark.fault(8, 9, 10, 12, 16, 17)
@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_cut_or_damaged_is_asked_for_again_and_never_taken_for_less_usage(connect, step):
    with ScriptedServer(step, OK) as server:
        client = connect(server.url)
        assert fetched(client) == [PAGE]
        assert (server.connections, client.sleeps) == (2, [1.5])


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_stays_damaged_is_a_fault_for_later(connect, step):
    with ScriptedServer(step) as server, raised(TryAgainLater, r"127\.0\.0\.1:.*gave up after 2 attempts"):
        fetched(connect(server.url, retries=1))
    assert server.connections == 2


@pytest.mark.parametrize("kind", ["reset", "truncated", "not_json"])
def test_the_stand_ins_faults_are_cured_by_asking_again(connect, kind):
    with FakeServer(FakeOrganization(FIRST + timedelta(days=3)), admin_key=KEY) as server:
        client = connect(server.base_url)
        whole = fetched(client)
        server.fail_next(2, kind=kind)
        assert fetched(client) == whole
        assert len(client.sleeps) == 2


def test_a_gzip_page_is_unpacked(connect):
    with ScriptedServer(send(answer(GZIPPED, headers=["Content-Encoding: gzip"]))) as server:
        assert fetched(connect(server.url)) == [PAGE]


def test_a_connection_is_kept_for_the_next_page_and_its_timeout_starts_again(connect, vendor):
    client = connect(vendor.base_url, http_timeout_seconds=0.6)
    for _ in range(3):
        fetched(client)
        time.sleep(0.25)
    assert client.sleeps == []


@pytest.mark.fault(1)
def test_a_closed_port_is_tried_again_and_then_left_for_later(connect):
    with ScriptedServer(OK) as server:
        pass
    client = connect(server.url, retries=2)
    with raised(TryAgainLater, f"127.0.0.1:{server.port}.*cannot be reached"):
        fetched(client)
    assert len(client.sleeps) == 2


@pytest.mark.fault(2)
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


@pytest.mark.fault(5, 6, 7)
@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_an_answer_has_to_be_whole_in_time_however_slowly_it_drips(connect, step):
    with ScriptedServer(step) as server:
        started = time.monotonic()
        with raised(TryAgainLater, "no answer in time|no whole answer within"):
            fetched(connect(server.url, http_timeout_seconds=0.4, retries=0))
        assert time.monotonic() - started < 1.2
        server.stopping.set()


@pytest.mark.fault(4)
def test_a_connection_that_is_never_accepted_has_to_be_in_time_too(connect):
    with contextlib.ExitStack() as opened:
        deaf = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # The queue of a listener is full after one or two, and the next ones hear nothing at all.
        for _ in range(4):
            waiting = opened.enter_context(contextlib.closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        started = time.monotonic()
        client = connect(f"http://127.0.0.1:{deaf.getsockname()[1]}", http_timeout_seconds=1, retries=1)
        with raised(TryAgainLater, "gave up after 2 attempts"):
            fetched(client)
        assert time.monotonic() - started < 5


@pytest.mark.fault(13)
@pytest.mark.parametrize("lost", [4, 8])
def test_a_page_whose_compression_lost_its_end_is_whole_or_asked_for_again(connect, lost):
    with ScriptedServer(send(answer(GZIPPED[:-lost], headers=["Content-Encoding: gzip"])), OK) as server:
        assert fetched(connect(server.url)) == [PAGE]
        assert server.connections <= 2


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_reading_leaves_the_timeout_of_a_socket_as_it_was(seconds):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(seconds)
        theirs.sendall(b"abc")
        with io.BufferedReader(_DeadlineReader(ours.makefile("rb", buffering=0), ours)) as reader:
            assert reader.read(3) == b"abc"
            assert ours.gettimeout() == seconds


def test_a_slow_answer_is_asked_for_again(connect, vendor):
    vendor.fail_next(1, kind="slow", seconds=0.6)
    client = connect(vendor.base_url, http_timeout_seconds=0.3)
    assert fetched(client) == [PAGE]
    assert client.sleeps == [1.5]


# -- too large ------------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
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


@pytest.mark.fault(14)
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


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "headers", [["Content-Length: 3000000"], [], ["Transfer-Encoding: chunked"]], ids=["length", "no length", "chunked"]
)
def test_a_page_over_the_cap_is_refused_and_one_below_it_is_not(connect, headers):
    for size, fits in ((3_000_000, False), ((1 << 20) + 1, False), (1 << 20, True), (900_000, True)):
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
