"""What the REST API shows of a flow in MirrorMaker 2's file: what MM2 would give its connectors, without secrets."""

from pathlib import Path

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties

FILE = """
clusters = west, east, north
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
north.bootstrap.servers = 127.0.0.1:3
west.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";
west.sasl.mechanism = PLAIN
west.security.protocol = SASL_PLAINTEXT
west->east.enabled = true
west->east.topics = orders
west->north.enabled = true
west->north.topics = other
topics = all
replication.factor = 1
listeners = http://127.0.0.1:8083
heliograph.http.listener = 127.0.0.1:9400
"""


def test_a_flows_own_keys_win_and_clusters_get_their_sides():
    config = make_config(parse_properties(FILE.encode(), Path("mm2.properties")), environ={})
    assert set(config.connectors) == {"west->east", "west->north"}
    assert config.connectors["west->east"] == {
        "topics": "orders",
        "replication.factor": "1",
        "source.cluster.alias": "west",
        "target.cluster.alias": "east",
        "source.cluster.bootstrap.servers": "127.0.0.1:1",
        "target.cluster.bootstrap.servers": "127.0.0.1:2",
        "source.cluster.sasl.jaas.config": "[hidden]",
        "source.cluster.sasl.mechanism": "PLAIN",
        "source.cluster.security.protocol": "SASL_PLAINTEXT",
    }
