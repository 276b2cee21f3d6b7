"""TLS on a listener with the testbed's certificates: what clients must show, and certificates that are renewed."""

import shutil
import ssl
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from heliograph.api.connection import CERTIFICATE
from heliograph.api.serve import renewed_contexts
from heliograph.api.tls import server_context, subject_of
from heliograph.config.keystores import read_identity, read_trust
from heliograph.config.model import ClientAuth, ServerTls, Tls
from heliograph.config.properties import read_bytes
from heliograph.testbed.tlsfiles import TlsFiles, _now
from rest_server import Client, serving, trusting

LIMIT_S = 20


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> TlsFiles:
    return TlsFiles(tmp_path_factory.mktemp("tls"))


async def who(request: Request) -> PlainTextResponse:
    shown = request.scope["state"].get(CERTIFICATE)
    return PlainTextResponse(subject_of(shown) if shown else "nobody")


APP = Starlette(routes=[Route("/", who)])


def reader(store, files: TlsFiles, client_auth=ClientAuth.NONE, **rules):
    def read() -> ServerTls:
        identity = read_identity(read_bytes(store, "the store"), files.password, None, _now())
        trust, _ = read_trust(files.trust.pem.read_bytes(), None, _now())
        return ServerTls(Tls(trust, identity.certificate_pem, identity.key_pem, **rules), client_auth)

    return read


def asked(port: int, files: TlsFiles, user: str = "") -> str:
    with Client(port, trusting(files.trust.pem, files.identity(user).pem if user else None)) as client:
        status, text, _ = client.ask("GET", "/")
        assert status == 200
        return text


@pytest.mark.parametrize("kind", ["pem", "pkcs12", "jks"])
def test_each_kind_of_store_serves(files, kind):
    with serving(APP, renewed_contexts(reader(getattr(files.server, kind), files))) as port:
        assert asked(port, files) == "nobody"


def test_a_certificate_that_is_wanted_says_who_it_is(files):
    contexts = renewed_contexts(reader(files.server.pem, files, ClientAuth.REQUESTED))
    with serving(APP, contexts) as port:
        assert asked(port, files, "alice") == "CN=alice"
        assert asked(port, files) == "nobody"


def test_a_certificate_that_is_required_must_be_shown_and_be_ours(files, tmp_path):
    strangers = TlsFiles(tmp_path / "strangers")
    with serving(APP, renewed_contexts(reader(files.server.pem, files, ClientAuth.REQUIRED))) as port:
        assert asked(port, files, "alice") == "CN=alice"
        for identity in (None, strangers.identity("alice").pem):
            with pytest.raises(OSError), Client(port, trusting(files.trust.pem, identity)) as client:
                client.ask("GET", "/")


def test_versions_and_ciphers_hold(files):
    rules = {"minimum_version": "TLSv1.2", "maximum_version": "TLSv1.2", "ciphers": ("ECDHE-ECDSA-AES256-GCM-SHA384",)}
    context = server_context(reader(files.server.pem, files, **rules)())
    with serving(APP, lambda: context) as port:
        newer = trusting(files.trust.pem)
        newer.minimum_version = ssl.TLSVersion.TLSv1_3
        with pytest.raises(ssl.SSLError), Client(port, newer) as client:
            client.ask("GET", "/")
        other = trusting(files.trust.pem)
        other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        with pytest.raises(ssl.SSLError), Client(port, other) as client:
            client.ask("GET", "/")
        assert asked(port, files) == "nobody"


def test_a_renewed_certificate_is_taken_on_and_open_connections_go_on(files, tmp_path):
    store = tmp_path / "server.pem"
    shutil.copy(files.server.pem, store)
    renewed = TlsFiles(tmp_path / "renewed")
    with serving(APP, renewed_contexts(reader(store, files))) as port, Client(port, trusting(files.trust.pem)) as open_:
        assert open_.ask("GET", "/")[0] == 200
        shutil.copy(renewed.server.pem, tmp_path / "new.pem")
        (tmp_path / "new.pem").replace(store)
        deadline = time.monotonic() + LIMIT_S
        while True:
            assert open_.ask("GET", "/")[0] == 200
            try:
                assert asked(port, renewed) == "nobody"
                break
            except ssl.SSLCertVerificationError:
                assert time.monotonic() < deadline, "the new certificate is never shown"
                time.sleep(0.1)
        with pytest.raises(ssl.SSLCertVerificationError):
            asked(port, files)


def test_who_speaks_no_tls_disturbs_nobody(files):
    with serving(APP, renewed_contexts(reader(files.server.pem, files))) as port:
        for _ in range(5):
            with pytest.raises(OSError), Client(port) as client:
                client.ask("GET", "/")
        assert asked(port, files) == "nobody"
