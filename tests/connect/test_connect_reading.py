"""A file of either kind to flows."""

import pytest
from connect_files import WORKER

from asking import ask
from fake_cluster import FakeCluster
from heliograph.config.model import InternalTopic
from heliograph.connect.reading import read_flows
from heliograph.connect.store import ConnectorStore
from heliograph.errors import ConfigError
from heliograph.mirror.connector_records import connector_row

SOURCE = {
    "connector.class": "MirrorSource",
    "source.cluster.alias": "west",
    "target.cluster.alias": "east",
    "source.cluster.bootstrap.servers": "127.0.0.1:1",
    "topics": "orders",
}
OTHER = {**SOURCE, "source.cluster.alias": "north", "target.cluster.alias": "south"}
SINK = {"connector.class": "FileStreamSink", "topics": "orders"}


@pytest.fixture
def stored(tmp_path):
    """Return ``stored(connectors)``: a worker's file of a Connect cluster that has them; None: it has no topic."""
    path = tmp_path / "worker.properties"
    with FakeCluster("connect") as fake:
        path.write_text(WORKER.replace("127.0.0.1:9092", fake.bootstrap))

        def store(connectors):
            async def write(cluster):
                kept = ConnectorStore(cluster, InternalTopic("cc-configs", 1, 1))
                await kept.begin()
                await kept._topic.write([connector_row(name, config) for name, config in connectors.items()])

            if connectors == {}:
                fake.create("cc-configs", 1)
            elif connectors is not None:
                ask(fake, write)
            return path

        yield store


def names(path, **choice):
    return [flow.name for flow in read_flows(path, environ={}, **choice).flows]


def test_connectors_that_are_stored_are_flows(stored):
    path = stored({"copy": SOURCE, "more": OTHER, "sink": SINK})
    config = read_flows(path, environ={})
    assert [flow.name for flow in config.flows] == ["west->east", "north->south"]
    assert config.flows[0].group_id == "connect-cluster-west->east"
    assert config.path == path
    assert ("west->east.topics", "orders", "copy") in config.effective
    line = WORKER.splitlines().index("offset.flush.interval.ms=1000") + 1
    assert ("east.offset.flush.interval.ms", "1000", f"{path}:{line}") in config.effective
    (warned,) = (each.message for each in config.warnings if "sink" in each.message)
    assert "connector sink cannot run: source.cluster.alias is missing" in warned


def test_some_are_chosen(stored):
    path = stored({"copy": SOURCE, "more": OTHER})
    assert names(path, only_targets=["south"]) == ["north->south"]
    assert list(read_flows(path, environ={}, only_targets=["south"]).clusters) == ["north", "south"]
    assert names(path, only_flows=["west->east"]) == ["west->east"]


@pytest.mark.parametrize(
    ("connectors", "choice", "words"),
    [
        (None, {}, "There is no topic cc-configs on connect, where the connectors of .* stand"),
        ({}, {}, "has no flow: its Connect cluster has no connectors"),
        ({"sink": SINK}, {}, "has no flow: connector sink cannot run: "),
        ({"copy": SOURCE}, {"only_flows": ["a->b"]}, "has no flow 'a->b'. Its connectors make west->east"),
        ({"copy": SOURCE}, {"only_targets": ["west"]}, "has no flow to 'west'. Its connectors make west->east"),
    ],
)
def test_where_there_is_none_it_is_said(stored, connectors, choice, words):
    with pytest.raises(ConfigError, match=words):
        read_flows(stored(connectors), environ={}, **choice)


def test_a_file_of_mirror_maker_names_its_flows(tmp_path):
    path = tmp_path / "mm2.properties"
    path.write_text("clusters=a,b\na.bootstrap.servers=h:1\nb.bootstrap.servers=h:2\na->b.enabled=true\n")
    assert names(path) == ["a->b"]
