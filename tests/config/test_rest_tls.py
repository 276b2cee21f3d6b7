"""TLS of the REST API: Connect's keys, all of ``listeners.https.`` or none, and what is missing is told."""

from pathlib import Path

import pytest

from heliograph.config.connectors.worker_file import read_worker
from heliograph.config.load import OPTIONS, make_config
from heliograph.config.model import ClientAuth, RestConfig
from heliograph.config.properties import parse_properties
from heliograph.errors import ConfigError, HeliographError
from heliograph.testbed.tlsfiles import TlsFiles, _now

MM2 = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
"""
WORKER = """
bootstrap.servers = 127.0.0.1:1
group.id = mm2
config.storage.topic = mm2-configs
offset.storage.topic = mm2-offsets
status.storage.topic = mm2-status
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> TlsFiles:
    return TlsFiles(tmp_path_factory.mktemp("tls"))


def of_flows(lines: list[str]) -> RestConfig:
    text = "\n".join([MM2, *lines])
    found = make_config(parse_properties(text.encode(), Path("mm2.properties")), environ={}).rest
    assert found is not None
    return found


def of_worker(lines: list[str]) -> RestConfig:
    file = parse_properties("\n".join([WORKER, *lines]).encode(), Path("worker.properties"))
    found = read_worker(file, OPTIONS, environ={}, now=_now()).base.rest
    assert found is not None
    return found


def store(files: TlsFiles, prefix: str) -> list[str]:
    return [
        f"{prefix}ssl.keystore.location={files.server.pkcs12}",
        f"{prefix}ssl.keystore.password={files.password}",
        f"{prefix}ssl.truststore.location={files.trust.jks}",
        f"{prefix}ssl.truststore.password={files.password}",
    ]


LISTENER = "listeners=https://127.0.0.1:8443"


@pytest.mark.parametrize("read", [of_flows, of_worker])
@pytest.mark.parametrize("prefix", ["", "listeners.https."])
def test_the_stores_are_found_by_either_beginning(files, read, prefix):
    found = read([LISTENER, *store(files, prefix), f"{prefix}ssl.client.auth=requested"])
    assert found.read_tls is not None
    server = found.read_tls()
    assert server.client_auth is ClientAuth.REQUESTED
    assert "BEGIN CERTIFICATE" in (server.tls.certificate_pem or "")
    assert server.tls.trust_pem
    assert files.password not in repr(found)


def test_behind_the_target_they_count_too(files):
    assert of_flows([f"east.{LISTENER}", *store(files, "east.listeners.https.")]).read_tls is not None


@pytest.mark.parametrize("read", [of_flows, of_worker])
def test_one_key_of_its_own_and_no_other_counts(files, read):
    with pytest.raises(ConfigError, match=r"listeners\.https\.ssl\.keystore\.location is missing"):
        read([LISTENER, *store(files, ""), "listeners.https.ssl.client.auth=none"])


@pytest.mark.parametrize("read", [of_flows, of_worker])
def test_an_https_listener_needs_a_certificate(read):
    with pytest.raises(HeliographError, match=r"ssl\.keystore\.location is missing, and an https listener needs it"):
        read([LISTENER])


def test_clients_certificates_need_an_authority(files):
    with pytest.raises(ConfigError, match=r"is required, and ssl\.truststore\.location is missing"):
        of_flows([LISTENER, *store(files, "")[:2], "ssl.client.auth=required"])


def test_a_wrong_password_is_told_without_it(files):
    with pytest.raises(ConfigError, match=r"ssl\.keystore\.location: .* cannot be opened") as refused:
        of_flows([LISTENER, f"ssl.keystore.location={files.server.pkcs12}", "ssl.keystore.password=hunter2"])
    assert "hunter2" not in str(refused.value)


def test_clients_that_must_show_a_certificate_may_come_from_elsewhere(files):
    listener = "listeners=https://0.0.0.0:8443"
    assert of_flows([listener, *store(files, ""), "ssl.client.auth=required"])
    with pytest.raises(ConfigError, match="would let anybody steer"):
        of_flows([listener, *store(files, ""), "ssl.client.auth=requested"])
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0:8083"):
        of_flows([f"{listener},http://0.0.0.0:8083", *store(files, ""), "ssl.client.auth=required"])


def test_the_same_keys_are_the_same_configuration_whatever_line_they_stand_on(files):
    lines = [LISTENER, *store(files, "")]
    assert of_flows(lines) == of_flows(["", "", *lines])
    assert of_flows(lines) != of_flows([LISTENER, *store(files, "listeners.https.")])
