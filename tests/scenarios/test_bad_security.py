"""Doors and keys: every security protocol that fits lets records through, and each that does not is named in one line."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import create_server

import pytest
from plain_client import create_topic, read, simple_rows, wait_for_rows, write

from heliograph.testbed import KafkaCluster
from heliograph.testbed.tlsfiles import TlsFiles

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]
USER, PASSWORD = "mirror", 'pass "word\\ 7'
LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
WAYS = {
    "plaintext": ("PLAINTEXT", None, "PLAIN"),
    "tls": ("SSL", None, "PLAIN"),
    "mutual": ("SSL", USER, "PLAIN"),
    "plain": ("SASL_PLAINTEXT", USER, "PLAIN"),
    "tlsplain": ("SASL_SSL", USER, "PLAIN"),
    "scram256": ("SASL_SSL", USER, "SCRAM-SHA-256"),
    "scram512": ("SASL_SSL", USER, "SCRAM-SHA-512"),
}


@pytest.fixture(scope="module")
def source() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=LISTENERS, users={USER: PASSWORD}, ssl_client_auth="requested") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def target() -> Iterator[KafkaCluster]:
    """Like the source, but one listener speaks TLS 1.2 only."""
    old = {"listener.name.sasl_ssl.ssl.enabled.protocols": "TLSv1.2"}
    users = {USER: PASSWORD}
    with KafkaCluster(listeners=LISTENERS, users=users, ssl_client_auth="requested", properties=old) as cluster:
        yield cluster


def client(kafka: KafkaCluster, way: str, alias: str) -> dict[str, str]:
    listener, user, mechanism = WAYS[way]
    told = kafka.client_properties(listener, user, mechanism)
    # Backslashes are the properties file's own escape.
    return {f"{alias}.{key}": value.replace("\\", "\\\\") for key, value in told.items()}


def refused(running, code: int, *words: str) -> None:
    """It ends at once, with one line that holds all the words, and shows no secret."""
    assert running.wait() == code, running.log
    lines = [line for line in running.log.splitlines() if line.startswith("heliograph: ")]
    assert len(lines) == 1, running.log
    for word in words:
        assert word in lines[0], running.log
    clean(running)


def waits(running, *words: str) -> None:
    """It goes on trying, says why, and still stops in order."""
    running.wait_for("waiting for a cluster")
    line = next(line for line in running.log.splitlines() if "waiting for a cluster" in line)
    for word in words:
        assert word in line, running.log
    assert running.stop() == 0
    assert running.log.count("waiting for a cluster") == 1
    clean(running)


def clean(running) -> None:
    assert "Traceback" not in running.log
    assert PASSWORD not in running.log
    assert "pass" not in running.log.replace("password", "").replace("pass by itself", "")


# ---- every way in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1, 4])
def test_records_flow_through_every_door(source, target, heliograph, unique, turn):
    """One process, a flow for each way into the source, and another way into the target for each."""
    ways = list(WAYS)
    create_topic(source, unique)
    write(source, unique, simple_rows(50))
    lines = [f"clusters = {', '.join(f's{way}, t{way}' for way in ways)}", f"topics = {unique}"]
    lines += ["replication.factor = 1", "offset.storage.replication.factor = 1", "offset.storage.partitions = 1"]
    for number, way in enumerate(ways):
        other = ways[(number + turn) % len(ways)]
        told = {**client(source, way, f"s{way}"), **client(target, other, f"t{other}")}
        lines += [f"{key} = {value}" for key, value in told.items()]
        lines.append(f"s{way}->t{other}.enabled = true")
    running = heliograph("\n".join(lines) + "\n")
    for way in ways:
        assert wait_for_rows(target, f"s{way}.{unique}", 50) == read(source, unique)
    assert running.stop() == 0
    clean(running)


@pytest.mark.parametrize(("version", "good"), [("TLSv1.2", True), ("TLSv1.3", False)])
def test_the_versions_of_tls_that_are_asked_for_are_used_and_no_others(
    source, target, heliograph, one_way, unique, version, good
):
    create_topic(source, unique)
    write(source, unique, simple_rows(5))
    more = {**client(target, "scram256", "target"), "target.ssl.enabled.protocols": version}
    running = heliograph(one_way(source, target, "tv", unique, more))
    if good:
        wait_for_rows(target, f"tv.{unique}", 5)
        assert running.stop() == 0
        clean(running)
    else:
        refused(running, 3, "TLS version")


# ---- wrong keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["plain", "tlsplain", "scram256", "scram512"])
def test_a_wrong_password(source, target, heliograph, one_way, unique, way):
    more = client(source, way, "one")
    more["one.sasl.jaas.config"] = more["one.sasl.jaas.config"].replace("7", "8")
    running = heliograph(one_way(source, target, "one", unique, more))
    refused(running, 3, "refuses the credentials", USER, "(one)", WAYS[way][2])


def test_an_unknown_user(source, target, heliograph, one_way, unique):
    more = client(source, "scram512", "one")
    more["one.sasl.jaas.config"] = more["one.sasl.jaas.config"].replace(USER, "nobody")
    refused(heliograph(one_way(source, target, "one", unique, more)), 3, "refuses the credentials", "nobody")


def test_a_mechanism_that_the_broker_does_not_offer(heliograph, one_way, unique, target):
    only_plain = {"sasl.enabled.mechanisms": "PLAIN"}
    with KafkaCluster(listeners=("SASL_PLAINTEXT",), users={USER: PASSWORD}, properties=only_plain) as other:
        told = other.client_properties("SASL_PLAINTEXT", USER, "SCRAM-SHA-256")
        more = {f"one.{key}": value.replace("\\", "\\\\") for key, value in told.items()}
        running = heliograph(one_way(told["bootstrap.servers"], target, "one", unique, more))
        refused(running, 3, "does not offer", "SCRAM-SHA-256", "PLAIN")


# ---- wrong doors --------------------------------------------------------------------------------------------------


def test_plaintext_to_a_tls_port(source, target, heliograph, one_way, unique):
    running = heliograph(one_way(source.bootstrap("SSL"), target, "one", unique))
    refused(running, 3, "TLS", "security.protocol")


def test_tls_to_a_plaintext_port(source, target, heliograph, one_way, unique):
    more = {**client(source, "tls", "one"), "one.bootstrap.servers": source.bootstrap()}
    waits(heliograph(one_way(source, target, "one", unique, more)), "TLS", source.bootstrap())


def test_no_sasl_to_a_sasl_port(source, target, heliograph, one_way, unique):
    waits(heliograph(one_way(source.bootstrap("SASL_PLAINTEXT"), target, "one", unique)), "SASL")


def test_sasl_to_a_port_without_it(source, target, heliograph, one_way, unique):
    more = {**client(source, "plain", "one"), "one.bootstrap.servers": source.bootstrap()}
    running = heliograph(one_way(source, target, "one", unique, more))
    refused(running, 3, "SASL", "(one)")


class Metrics(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_metrics_port(target, heliograph, one_way, unique):
    with HTTPServer(("127.0.0.1", 0), Metrics) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.server_address[1]
        refused(heliograph(one_way(f"127.0.0.1:{port}", target, "one", unique)), 3, "HTTP", str(port))
        server.shutdown()
        thread.join()


def test_a_name_that_cannot_be_resolved(target, heliograph, one_way, unique):
    waits(heliograph(one_way("kafka.invalid:9092", target, "one", unique)), "kafka.invalid", "DNS")


def test_one_bad_bootstrap_server_does_no_harm_beside_a_good_one(source, target, heliograph, one_way, unique):
    create_topic(source, unique)
    write(source, unique, simple_rows(5))
    running = heliograph(one_way(f"127.0.0.1:1,kafka.invalid:9092,{source.bootstrap()}", target, "one", unique))
    wait_for_rows(target, f"one.{unique}", 5)
    assert running.stop() == 0


# ---- wrong certificates -------------------------------------------------------------------------------------------


@contextmanager
def tls_port(files: TlsFiles) -> Iterator[int]:
    """A port that does the handshake and no more: enough to be refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server.pem)
    listener = create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(1)
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(2)
        listener.close()
        thread.join(10)


def trusting(files: TlsFiles) -> dict[str, str]:
    return {
        "one.security.protocol": "SSL",
        "one.ssl.truststore.location": str(files.trust.pkcs12),
        "one.ssl.truststore.password": files.password,
        "one.ssl.truststore.type": "PKCS12",
    }


@pytest.mark.parametrize(
    ("kind", "words"), [("wrong_name", "another name"), ("expired", "not valid now"), ("valid", "not trusted")]
)
def test_a_certificate_that_must_not_be_accepted(target, heliograph, one_way, unique, tmp_path, kind, words):
    files = TlsFiles(tmp_path / "server", kind)
    trusted = files if kind != "valid" else TlsFiles(tmp_path / "other")
    with tls_port(files) as port:
        running = heliograph(one_way(f"127.0.0.1:{port}", target, "one", unique, trusting(trusted)))
        refused(running, 3, words, str(port))


def test_a_wrong_name_is_accepted_when_names_are_not_checked(target, heliograph, one_way, unique):
    with KafkaCluster(listeners=("PLAINTEXT", "SSL"), server_certificate="wrong_name") as other:
        create_topic(other, unique)
        write(other, unique, simple_rows(5))
        told = other.client_properties("SSL")
        more = {f"one.{key}": value for key, value in told.items()}
        refused(heliograph(one_way(other, target, "one", unique, more)), 3, "another name")
        more["one.ssl.endpoint.identification.algorithm"] = ""
        running = heliograph(one_way(other, target, "one", unique, more))
        wait_for_rows(target, f"one.{unique}", 5)
        assert running.stop() == 0


def test_a_listener_that_wants_a_certificate_and_gets_none(target, heliograph, one_way, unique):
    with KafkaCluster(listeners=("SSL",), ssl_client_auth="required") as other:
        more = {f"one.{key}": value for key, value in other.client_properties("SSL").items()}
        running = heliograph(one_way(other.bootstrap("SSL"), target, "one", unique, more))
        refused(running, 3, "certificate")
