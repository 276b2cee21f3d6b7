import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import psutil
import pytest
from confluent_kafka.admin import AdminClient

from heliograph.errors import HeliographError
from heliograph.testbed import Faults, KafkaCluster
from heliograph.testbed.java import SECURITY_MANAGER_GONE, find_java
from heliograph.testbed.servers import wait_for

LISTENERS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
ENTRIES = [
    ("SSL", None, "PLAIN"),
    ("SSL", "alice", "PLAIN"),
    ("SASL_PLAINTEXT", "alice", "PLAIN"),
    ("SASL_PLAINTEXT", None, "SCRAM-SHA-256"),
    ("SASL_SSL", "alice", "SCRAM-SHA-256"),
    ("SASL_SSL", "alice", "SCRAM-SHA-512"),
]
DEADLINE_S = 60


@pytest.fixture(scope="module")
def open_cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster(listeners=LISTENERS, users={"alice": 'pa"ss w\\ord'}, ssl_client_auth="requested") as cluster:
        yield cluster


@pytest.mark.brokers
def test_the_shared_clusters_are_two(source_kafka: KafkaCluster, target_kafka: KafkaCluster, unique: str) -> None:
    created = source_kafka.tool("kafka-topics", "--create", "--topic", unique)
    assert created.exit_code == 0, created.stderr
    assert unique in source_kafka.tool("kafka-topics", "--list").stdout.splitlines()
    assert unique not in AdminClient(target_kafka.librdkafka_config()).list_topics(timeout=10).topics


@pytest.mark.brokers
@pytest.mark.parametrize("entry", ENTRIES)
def test_records_pass_through_every_listener(
    open_cluster: KafkaCluster,
    unique: str,
    client,
    entry: tuple[str, str | None, str],
) -> None:
    config = open_cluster.librdkafka_config(*entry)
    client.create_topic(config, unique)
    values = [b"%d" % number for number in range(10)]
    client.send(config, unique, values)
    assert client.receive(config, unique, 10) == values


@pytest.mark.brokers
def test_java_clients_pass_as_well(open_cluster: KafkaCluster, unique: str, client) -> None:
    client.create_topic(open_cluster.librdkafka_config(), unique)
    sent = open_cluster.tool(
        *("kafka-console-producer", "--topic", unique),
        text="one\ntwo\n",
        listener="SASL_SSL",
        user="alice",
        mechanism="SCRAM-SHA-512",
    )
    assert sent.exit_code == 0, sent.stderr
    options = ("--topic", unique, "--from-beginning", "--max-messages", "2", "--timeout-ms", "30000")
    read = open_cluster.tool("kafka-console-consumer", *options, listener="SSL", user="alice")
    assert read.stdout.splitlines() == ["one", "two"], read.stderr


@pytest.mark.brokers
def test_a_wrong_password_is_refused(open_cluster: KafkaCluster) -> None:
    errors: list[confluent_kafka.KafkaError] = []
    config = open_cluster.librdkafka_config("SASL_PLAINTEXT", "alice", "SCRAM-SHA-256")
    admin = AdminClient({**config, "sasl.password": "wrong", "error_cb": errors.append})
    with pytest.raises(confluent_kafka.KafkaException):
        admin.list_topics(timeout=3)
    admin.poll(0)
    assert confluent_kafka.KafkaError._AUTHENTICATION in [error.code() for error in errors]


@pytest.mark.brokers
def test_acls_decide_when_there_is_an_authorizer(unique: str, client) -> None:
    listeners = ("PLAINTEXT", "SASL_PLAINTEXT")
    with KafkaCluster(listeners=listeners, users={"alice": "in wonderland"}, authorizer=True) as cluster:
        alice = cluster.librdkafka_config("SASL_PLAINTEXT", "alice")
        for config in (alice, cluster.librdkafka_config("PLAINTEXT")):
            with pytest.raises(confluent_kafka.KafkaException) as refused:
                client.create_topic(config, unique)
            assert refused.value.args[0].code() == confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
        client.create_topic(cluster.librdkafka_config("SASL_PLAINTEXT"), unique)
        options = ("--add", "--allow-principal", "User:alice", "--operation", "Write", "--topic", unique)
        granted = cluster.tool("kafka-acls", *options)
        assert granted.exit_code == 0, granted.stderr
        client.send(alice, unique, [b"allowed"])


def shake_hands(cluster: KafkaCluster, identity: Path | None = None) -> str:
    """Do a TLS handshake as ``localhost`` and return the protocol; the peer may judge our certificate only after it."""
    context = ssl.create_default_context(cafile=cluster.tls.trust.pem)
    if identity:
        context.load_cert_chain(identity)
    address = ("127.0.0.1", cluster.brokers[0].port("SSL"))
    with (
        socket.create_connection(address, DEADLINE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        # An ApiVersions request of version 0: whoever is not let in gets an alert instead of an answer.
        connection.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
        if not connection.recv(4):
            raise ConnectionResetError
        return connection.version()


@pytest.mark.brokers
def test_a_broker_serves_with_a_broken_certificate() -> None:
    refused = pytest.raises(ssl.SSLCertVerificationError, match="has expired")
    with KafkaCluster(listeners=("SSL",), server_certificate="expired") as cluster, refused:
        shake_hands(cluster)


@pytest.mark.brokers
def test_a_client_certificate_may_be_required() -> None:
    with KafkaCluster(listeners=("SSL",), ssl_client_auth="required") as cluster:
        assert shake_hands(cluster, cluster.tls.identity("alice").pem) == "TLSv1.3"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shake_hands(cluster)


@pytest.mark.brokers
def test_a_folder_is_continued(tmp_path: Path, unique: str, client) -> None:
    description = {"directory": tmp_path / "kafka", "listeners": ("SASL_PLAINTEXT",), "users": {"alice": "secret"}}
    with KafkaCluster(**description) as cluster:
        client.create_topic(cluster.librdkafka_config("SASL_PLAINTEXT", "alice", "SCRAM-SHA-512"), unique)
    assert not cluster.brokers
    with KafkaCluster(**description) as cluster:
        config = cluster.librdkafka_config("SASL_PLAINTEXT", None, "SCRAM-SHA-256")
        assert unique in AdminClient(config).list_topics(timeout=10).topics


@pytest.mark.brokers
def test_stop_and_start_keep_ports_and_records(unique: str, client) -> None:
    with KafkaCluster() as cluster:
        config = cluster.librdkafka_config()
        client.create_topic(config, unique)
        client.send(config, unique, [b"kept"])
        cluster.stop()
        assert not cluster.brokers[0].running
        cluster.start()
        assert cluster.librdkafka_config() == config
        assert client.receive(config, unique, 1) == [b"kept"]


@pytest.mark.brokers
def test_clients_of_a_proxied_cluster_feel_the_network(unique: str, client) -> None:
    with KafkaCluster(proxied=True) as cluster:
        proxy = cluster.brokers[0].proxy()
        assert cluster.bootstrap() == f"127.0.0.1:{proxy.port}"
        config = {**cluster.librdkafka_config(), "error_cb": lambda _: None}
        client.create_topic(config, unique)
        admin = AdminClient(config)
        assert {broker.port for broker in admin.list_topics(timeout=10).brokers.values()} == {proxy.port}
        for fault in (Faults(stalled=True), Faults(cut=True)):
            proxy.faults = fault
            with pytest.raises(confluent_kafka.KafkaException):
                admin.list_topics(timeout=1)
        proxy.faults = Faults()
        assert unique in admin.list_topics(timeout=30).topics
        assert unique in cluster.tool("kafka-topics", "--list").stdout


@pytest.mark.brokers
def test_a_broker_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HeliographError, match="broker 1 ended while it was waited for"):
        KafkaCluster(properties={"metric.reporters": "no.such.Reporter"}).start()


OWNER = """
import signal
from heliograph.testbed import KafkaCluster
cluster = KafkaCluster().start()
print(cluster.brokers[0].pid, cluster.brokers[0].folder.parent, flush=True)
signal.pause()
"""


@pytest.mark.brokers
def test_nothing_is_left_when_the_owner_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        pid, folder = owner.stdout.readline().split()
        assert "kafka.Kafka" in psutil.Process(int(pid)).cmdline()
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    wait_for(lambda: not psutil.pid_exists(int(pid)), deadline, "the broker to end")
    wait_for(lambda: not Path(folder).exists(), deadline, "its folder to go")


@pytest.mark.parametrize("brokers", [0, -1, 10])
def test_impossible_sizes_are_refused(brokers: int) -> None:
    with pytest.raises(HeliographError, match="cannot have"):
        KafkaCluster(brokers=brokers)


def test_what_is_not_started_has_no_address() -> None:
    cluster = KafkaCluster()
    for ask in (cluster.bootstrap, lambda: cluster.tool("kafka-topics"), lambda: cluster.tls):
        with pytest.raises(HeliographError, match="not started"):
            ask()
    cluster.close()


@pytest.mark.parametrize(
    ("user", "password"), [("a,b", "x"), ("", "x"), ("../a", "x"), ("a", ""), ("a", "x]"), ("a", "x,y")]
)
def test_users_that_the_tools_could_not_be_told_are_refused(user: str, password: str) -> None:
    with pytest.raises(HeliographError, match="cannot make the user"):
        KafkaCluster(users={user: password})


@pytest.mark.brokers
@pytest.mark.versions
@pytest.mark.parametrize("version", ["3.9.1", "2.8.2", "1.1.1"])
def test_old_versions_run_and_survive_a_crash(version: str, unique: str, client) -> None:
    with KafkaCluster(version, listeners=LISTENERS[:3], users={"alice": "secret"}) as cluster:
        config = cluster.librdkafka_config()
        client.create_topic(config, unique)
        client.send(config, unique, [b"old"])
        cluster.brokers[0].kill()
        cluster.brokers[0].start()
        for entry in ENTRIES[:4]:
            assert client.receive(cluster.librdkafka_config(*entry), unique, 1) == [b"old"]


@pytest.mark.brokers
@pytest.mark.versions
def test_acls_of_old_versions(unique: str, client) -> None:
    try:
        find_java(SECURITY_MANAGER_GONE - 1)
    except HeliographError as error:
        pytest.skip(str(error))
    listeners = ("PLAINTEXT", "SASL_PLAINTEXT")
    with KafkaCluster("2.8.2", listeners=listeners, users={"alice": "secret"}, authorizer=True) as cluster:
        with pytest.raises(confluent_kafka.KafkaException):
            client.create_topic(cluster.librdkafka_config(), unique)
        client.create_topic(cluster.librdkafka_config("SASL_PLAINTEXT"), unique)
        assert unique in cluster.tool("kafka-topics", "--list").stdout
