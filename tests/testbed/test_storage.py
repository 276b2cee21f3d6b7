"""Storage that was formatted without a JVM serves brokers as Apache's own tool's does."""

from pathlib import Path

import javaproperties
import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.layout import Node
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import JavaProgram
from heliograph.testbed.storage import format_storage

VERSION = KafkaVersion.parse(DEFAULT_VERSION)


def nodes_in(folder: Path, count: int) -> list[Node]:
    nodes = []
    for node_id in range(1, count + 1):
        node = Node(node_id, folder / str(node_id), {}, {})
        node.folder.mkdir(parents=True)
        told = {
            "process.roles": "broker,controller",
            "node.id": str(node_id),
            "controller.quorum.voters": "1@127.0.0.1:9093",
            "controller.listener.names": "CONTROLLER",
            "listeners": "CONTROLLER://127.0.0.1:9093,PLAINTEXT://127.0.0.1:9092",
            "log.dirs": str(node.folder / "data"),
        }
        (node.folder / "server.properties").write_text(javaproperties.dumps(told))
        nodes.append(node)
    return nodes


def names_of(node: Node) -> dict[str, str]:
    return javaproperties.loads((node.folder / "data" / "meta.properties").read_text())


@pytest.fixture
def program(tmp_path, monkeypatch) -> JavaProgram:
    program = JavaProgram(find_java(), tuple(class_path(VERSION)))
    monkeypatch.setenv("HELIOGRAPH_CACHE", str(tmp_path / "cache"))
    return program


@pytest.mark.brokers
def test_the_nodes_of_two_clusters_have_their_own_names_and_the_same_first_records(program, tmp_path):
    first, second = nodes_in(tmp_path / "a", 3), nodes_in(tmp_path / "b", 2)
    format_storage(first, VERSION, program, {})
    kept = list((tmp_path / "cache" / "formatted").iterdir())
    assert [each.name for each in kept] == [DEFAULT_VERSION]
    nobody = JavaProgram(find_java(), ())
    format_storage(second, VERSION, nobody, {})  # now no tool is needed
    names = [names_of(node) for node in (*first, *second)]
    assert [each["node.id"] for each in names] == ["1", "2", "3", "1", "2"]
    assert len({each["cluster.id"] for each in names[:3]}) == len({each["cluster.id"] for each in names[3:]}) == 1
    assert names[0]["cluster.id"] != names[3]["cluster.id"]
    assert len({each["directory.id"] for each in names}) == 5
    assert len({(node.folder / "data" / "bootstrap.checkpoint").read_bytes() for node in (*first, *second)}) == 1


@pytest.mark.brokers
def test_users_are_for_one_cluster_alone(program, tmp_path):
    format_storage(nodes_in(tmp_path / "a", 2), VERSION, program, {"alice": "secret"})
    assert not (tmp_path / "cache" / "formatted").exists()


@pytest.mark.brokers
def test_a_node_that_has_storage_keeps_it(program, tmp_path):
    nodes = nodes_in(tmp_path / "a", 1)
    format_storage(nodes, VERSION, program, {})
    before = names_of(nodes[0])
    format_storage(nodes, VERSION, program, {})
    assert names_of(nodes[0]) == before


@pytest.mark.brokers
def test_what_the_tool_refuses_is_told(program, tmp_path):
    nodes = nodes_in(tmp_path / "a", 1)
    (nodes[0].folder / "server.properties").write_text("node.id=one\n")
    with pytest.raises(HeliographError, match="cannot be formatted"):
        format_storage(nodes, VERSION, program, {})


@pytest.mark.brokers
def test_features_are_those_that_the_tool_sets(tmp_path, monkeypatch):
    """The second cluster's storage is a copy from the cache; both have all features of the version."""
    found = []
    for _ in range(2):
        with KafkaCluster() as kafka:
            told = kafka.tool("kafka-features", "describe").stdout
            found.append(sorted(line.split("Epoch")[0] for line in told.splitlines()))
    assert found[0] == found[1]
    assert any("transaction.version" in line and "FinalizedVersionLevel: 2" in line for line in found[0])
