"""TLS contexts, and what is said when a handshake fails; the peer is a fake broker behind real TLS."""

import asyncio
import ssl

import pytest

from fake_broker import FakeBroker, heartbeat_answer
from heliograph.broker import tls
from heliograph.broker.connection import Connection
from heliograph.config.model import ClusterConfig, Secret, Tls
from heliograph.errors import ConfigError, HeliographError, TlsError, Unreachable
from heliograph.testbed.tlsfiles import TlsFiles

HEARTBEAT = {"group_id": "g", "generation_id": 1, "member_id": "m", "group_instance_id": None}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    kinds = ("valid", "wrong_name", "expired")
    return {kind: TlsFiles(tmp_path_factory.mktemp("tls") / kind, kind) for kind in kinds}


def trust(files, **more):
    return Tls(trust_pem=files.trust.pem.read_text(), **more)


def connect(server, tls_settings, **server_settings):
    """Open a connection over TLS and ask once; gives the error, None when all is well."""

    async def script(request):
        return heartbeat_answer(request)

    async def job():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.server.pem)
        for name, value in server_settings.items():
            setattr(context, name, value)
        if context.verify_mode == ssl.CERT_REQUIRED:
            context.load_verify_locations(server.trust.pem)
        async with FakeBroker(script, context) as broker:
            config = ClusterConfig("fake", (), tls=tls_settings, request_timeout_ms=5_000)
            try:
                connection = await Connection.open(config, "127.0.0.1", broker.port)
                await connection.call("heartbeat", HEARTBEAT)
            except HeliographError as error:
                return error
            connection.close()
            return None

    return asyncio.run(job())


def test_a_trusted_broker(files):
    assert connect(files["valid"], trust(files["valid"])) is None


@pytest.mark.parametrize(
    ("kind", "words"), [("wrong_name", "another name"), ("expired", "not valid now"), ("valid", "not trusted")]
)
def test_certificates_that_must_be_refused(files, kind, words):
    trusted = files[kind] if kind != "valid" else files["expired"]
    error = connect(files[kind], trust(trusted))
    assert isinstance(error, TlsError)
    assert words in str(error)


def test_a_wrong_name_where_names_are_not_checked(files):
    assert connect(files["wrong_name"], trust(files["wrong_name"], verify_host_name=False)) is None


def test_no_common_version(files):
    error = connect(
        files["valid"], trust(files["valid"], maximum_version="TLSv1.2"), minimum_version=ssl.TLSVersion.TLSv1_3
    )
    # This peer hangs up without the alert that a real broker sends.
    assert isinstance(error, TlsError | Unreachable)


def test_a_client_certificate_is_shown(files):
    identity = files["valid"].identity("someone").pem.read_text()
    shown = trust(files["valid"], certificate_pem=identity, key_pem=Secret(identity))
    assert connect(files["valid"], shown, verify_mode=ssl.CERT_REQUIRED) is None
    error = connect(files["valid"], trust(files["valid"]), verify_mode=ssl.CERT_REQUIRED)
    assert error is not None
    assert "certificate" in str(error)


def test_material_that_is_none():
    with pytest.raises(ConfigError, match="TLS material"):
        tls.context(Tls(trust_pem="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))


def test_a_peer_that_hangs_up_may_come_back():
    assert isinstance(tls.explain(ssl.SSLEOFError(8, "EOF occurred"), "h:1 (c)"), Unreachable)
