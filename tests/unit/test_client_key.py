"""Where the client's key goes: only to the vendor, whatever redirects, proxies and certificates say."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time

import pytest
from tests.faults.scripted_server import ScriptedServer, answer, drip, send, tunnel, unframed

from meterhouse.errors import FixConfiguration, TryAgainLater, Unsupported

from .client_calls import KEY, OK, PAGE, fetched, raised

# -- where the key goes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault(26)
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


def test_the_stand_ins_redirect_is_refused(connect, vendor):
    vendor.fail_next(1, kind="redirect")
    with raised(FixConfiguration, "redirects"):
        fetched(connect(vendor.base_url))
    assert len(vendor.requests) == 1


@pytest.mark.fault(28, 29)
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

    def make(name: str, subject: str, *, is_over: bool = False):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        command = (
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName={subject}"
        )
        subprocess.run([program, *command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
        if is_over:
            signed = folder / f"{name}.over.pem"
            command = f"x509 -in {certificate} -signkey {key} -days -1 -out {signed}"
            subprocess.run([program, *command.split()], check=True, capture_output=True, timeout=30)
            certificate = signed
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return certificate, context

    return {
        "here": make("here", "IP:127.0.0.1"),
        "elsewhere": make("elsewhere", "DNS:api.example"),
        "expired": make("expired", "IP:127.0.0.1", is_over=True),
    }


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


@pytest.mark.fault(27)
@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_from_https_to_http_is_refused_and_nothing_goes_out_in_clear(connect, certificates, status):
    certificate, context = certificates["here"]
    with ScriptedServer(OK) as decoy:
        location = f"Location: {decoy.url}/v1/organization/usage/completions"
        with ScriptedServer(send(answer(status=status, headers=[location])), tls=context) as server:
            with raised(FixConfiguration, "redirects to another address"):
                fetched(connect(server.url, ca_bundle=certificate))
            assert server.connections == 1
        assert (decoy.connections, decoy.heads) == (0, [])


@pytest.mark.fault(3)
@pytest.mark.parametrize("case", ["unknown", "another name", "expired"])
def test_a_certificate_that_is_not_trusted_is_refused_before_a_byte_is_asked(connect, certificates, case):
    trusted, context = certificates[{"another name": "elsewhere", "unknown": "here"}.get(case, case)]
    settings = {} if case == "unknown" else {"ca_bundle": trusted}
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
        with raised(TryAgainLater, ": the connection broke while it was being secured; gave up after 2 attempts"):
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


# -- a key that comes back ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["{}", "x_{}", "the{}key"])
def test_a_key_that_the_vendor_echoes_is_in_no_answer_and_in_no_error(connect, words):
    key = words.format(KEY)
    page = f'{{"object":"page","data":[],"{key}":1,"x":"as {key} said","has_more":false,"next_page":null}}'.encode()
    listed = f'{{"object":"list","data":[{{"id":"a","name":"{key}"}}],"has_more":false}}'.encode()
    refusal = f'{{"error":{{"message":"{key} may not"}}}}'.encode()
    with ScriptedServer(send(answer(page)), send(answer(listed)), send(answer(refusal, status=400))) as server:
        client = connect(server.url)
        [body] = fetched(client)
        assert b"sk-\xe2\x80\xa6" in body
        found = [body.decode(), *map(str, client.entries("/organization/projects"))]
        with pytest.raises(Unsupported) as caught:
            fetched(client)
        assert not any(KEY in text for text in [*found, str(caught.value)])


def test_names_that_postgresql_cannot_hold_do_not_keep_a_list_from_being_read(connect):
    listed = rb'{"object":"list","data":[{"id":"a","name":"x\u0000\ud800y"}],"has_more":false}'
    with ScriptedServer(send(answer(listed))) as server:
        assert list(connect(server.url).entries("/organization/projects")) == [{"id": "a", "name": "x\u2400\ufffdy"}]
