"""Connectors become flows: whose key counts, what is refused, and that one connector's mistake is its own."""

from functools import partial

from connect_files import worker

from heliograph.config.connectors.merging import PACKAGE, Merged, merge
from heliograph.config.load import make_config
from heliograph.config.model import Part


def connector(part: Part, source: str = "west", target: str = "east", **more: str) -> dict[str, str]:
    return {
        "connector.class": PACKAGE + part,
        "source.cluster.alias": source,
        "target.cluster.alias": target,
        "source.cluster.bootstrap.servers": "127.0.0.1:9091",
        "target.cluster.bootstrap.servers": "127.0.0.1:9092",
        **{key.replace("_", "."): value for key, value in more.items()},
    }


def merged(**connectors: dict[str, str]) -> Merged:
    return merge(worker(), connectors, partial(make_config, environ={}))


def test_three_connectors_are_one_flow():
    found = merged(
        copy=connector(Part.SOURCE, topics="orders.*", tasks_max="3", groups="not me"),
        follow=connector(Part.CHECKPOINT, groups="readers", topics="not me"),
        beat=connector(Part.HEARTBEAT, emit_heartbeats_interval_seconds="7"),
    )
    assert found.wrong == {}
    assert found.flows == dict.fromkeys(("copy", "follow", "beat"), "west->east")
    (flow,) = found.config.flows
    assert flow.topics == ("orders.*",)
    assert flow.tasks_max == 3
    assert flow.sync.groups == ("readers",)
    assert flow.sync.heartbeats_interval_s == 7
    assert flow.sync.reverse_heartbeats_interval_s is None
    assert flow.connectors == {Part.SOURCE: "copy", Part.CHECKPOINT: "follow", Part.HEARTBEAT: "beat"}
    assert (flow.group_id, flow.transactional_id(2)) == ("connect-cluster-west->east", "connect-cluster-copy-2")
    assert (flow.offsets_topic.name, flow.offsets_topic.replication_factor) == ("cc-offsets", 1)
    assert flow.target.bootstrap == (("127.0.0.1", 9092),)
    assert flow.batch_max_bytes == 2_000_000


def test_what_has_no_connector_is_not_done():
    (flow,) = merged(copy=connector(Part.SOURCE)).config.flows
    assert flow.sync.checkpoints_interval_s is None
    assert flow.sync.group_offsets_interval_s is None
    assert flow.sync.heartbeats_interval_s is None
    (flow,) = merged(beat=connector(Part.HEARTBEAT)).config.flows
    assert flow.connectors == {Part.HEARTBEAT: "beat"}
    assert flow.sync.heartbeats_interval_s == 1


def test_what_is_wrong_with_one_leaves_the_others_alone():
    found = merged(
        good=connector(Part.SOURCE),
        again=connector(Part.SOURCE),
        mistaken=connector(Part.SOURCE, "north", offset_lag_max="many", replication_factor="x"),
        nowhere={"connector.class": PACKAGE + Part.SOURCE},
        sink={"connector.class": "org.example.Sink", "source.cluster.alias": "a", "target.cluster.alias": "b"},
        itself=connector(Part.SOURCE, "west", "west"),
        elsewhere=connector(Part.SOURCE, "south", producer_override_bootstrap_servers="127.0.0.1:1"),
    )
    assert list(found.flows) == ["again"], "the first by name"
    assert "again is the MirrorSourceConnector from west to east already" in found.wrong["good"]
    assert "mistaken offset.lag.max must be a whole number, not 'many'" in found.wrong["mistaken"]
    assert "mistaken replication.factor must be" in found.wrong["mistaken"]
    assert "source.cluster.alias is missing" in found.wrong["nowhere"]
    assert "'org.example.Sink', which cannot run here" in found.wrong["sink"]
    assert "are both west" in found.wrong["itself"]
    assert "to another cluster than their positions" in found.wrong["elsewhere"]


def test_the_forms_of_the_field_are_understood():
    found = merged(
        copy={
            **connector(Part.SOURCE, clusters="west,east", name="copy"),
            "connector.class": "MirrorSource",
            "value.converter": " org.apache.kafka.connect.converters.ByteArrayConverter",
            "source.cluster.security.protocol": "SASL_PLAINTEXT",
            "source.cluster.sasl.mechanism": "SCRAM-SHA-512",
            "source.cluster.sasl.jaas.config": (
                'org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";'
            ),
        }
    )
    assert found.wrong == {}
    (flow,) = found.config.flows
    assert flow.source.protocol == "SASL_PLAINTEXT"
    assert flow.target.protocol == "PLAINTEXT"


def test_the_target_is_reached_as_the_worker_says():
    config = connector(Part.SOURCE)
    config |= {"target.cluster.bootstrap.servers": "elsewhere:1", "target.cluster.security.protocol": "SASL_SSL"}
    found = merged(copy=config)
    (flow,) = found.config.flows
    assert (flow.target.bootstrap, flow.target.protocol) == ((("127.0.0.1", 9092),), "PLAINTEXT")
    (warned,) = found.config.warnings
    assert "copy has target.cluster.bootstrap.servers=elsewhere:1, but records" in warned.message
    assert merged(copy=connector(Part.SOURCE)).config.warnings == ()
