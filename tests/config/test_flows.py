"""Which flows there are, and each row of MM2's precedence."""

import os
import subprocess
import sys

import pytest

from heliograph.config.model import InternalTopic, LossKind, Policy
from heliograph.errors import ConfigError


def flow_of(load_text, text):
    return load_text(text).flows[0]


# text, attribute of the flow, value
PRECEDENCE = [
    # A flow's option: A->B. before the bare key, and nothing else.
    ("topics=a\nA->B.topics=b", "topics", ("b",)),
    ("topics=a", "topics", ("a",)),
    ("A.topics=x\nB.topics=y", "topics", (".*",)),
    ("replication.factor=1\nA->B.replication.factor=-1", "replication_factor", -1),
    # MM2 drops the bare use.defaults.from.
    ("use.defaults.from=source", "use_defaults_from", "target"),
    ("A->B.use.defaults.from=source", "use_defaults_from", "source"),
    # What reads the source: A->B.source.consumer. > A.consumer. > A->B.consumer.; nothing bare, nothing of B.
    ("A.consumer.fetch.max.bytes=3\nA->B.consumer.fetch.max.bytes=4", "fetch_max_bytes", 3),
    ("A.consumer.fetch.max.bytes=3\nA->B.source.consumer.fetch.max.bytes=5", "fetch_max_bytes", 5),
    ("A->B.consumer.fetch.max.bytes=4", "fetch_max_bytes", 4),
    ("A.fetch.max.bytes=4", "fetch_max_bytes", 4 << 20),
    ("B.consumer.fetch.max.bytes=4", "fetch_max_bytes", 4 << 20),
    ("consumer.fetch.max.bytes=4", "fetch_max_bytes", 4 << 20),
    # The process's own name in the groups: the bare key is stronger than B.
    ("group.instance.id=host-1\nB.group.instance.id=host-2", "instance_id", "host-1"),
    ("B.group.instance.id=host-2", "instance_id", "host-2"),
    ("A.consumer.group.instance.id=host-2", "instance_id", None),
    # What writes the records: A->B.producer.override. > B.producer.; never A->B.producer. or A->B.target.producer.
    ("B.producer.max.request.size=7", "batch_max_bytes", 7),
    ("B.producer.max.request.size=7\nA->B.producer.override.max.request.size=8", "batch_max_bytes", 8),
    ("A->B.producer.max.request.size=9", "batch_max_bytes", 1_000_012),
    ("A->B.target.producer.max.request.size=9", "batch_max_bytes", 1_000_012),
    ("A.producer.max.request.size=9", "batch_max_bytes", 1_000_012),
    # The worker: B. only; bare and A->B. keys do not reach it (but for group.id of the flow, see below).
    ("B.offset.flush.interval.ms=5", "offset_flush_interval_ms", 5),
    ("offset.flush.interval.ms=5", "offset_flush_interval_ms", 10_000),
    ("A->B.offset.flush.interval.ms=5", "offset_flush_interval_ms", 10_000),
    ("A.session.timeout.ms=5", "session_timeout_ms", 10_000),
    # What is stored on the target: the bare key before B.
    ("B.offset.storage.topic=x\noffset.storage.topic=y", "offsets_topic", InternalTopic("y", 25, 3)),
    ("B.offset.storage.topic=x", "offsets_topic", InternalTopic("x", 25, 3)),
    ("A.offset.storage.topic=x", "offsets_topic", InternalTopic("mm2-offsets.A.internal", 25, 3)),
    ("A->B.offset.storage.topic=x", "offsets_topic", InternalTopic("mm2-offsets.A.internal", 25, 3)),
    (
        "offset.storage.replication.factor=1\nB.offset.storage.partitions=5",
        "offsets_topic",
        InternalTopic("mm2-offsets.A.internal", 5, 1),
    ),
    ("task.shutdown.graceful.timeout.ms=1\nB.task.shutdown.graceful.timeout.ms=2", "shutdown_timeout_ms", 1),
    # The group.
    ("", "group_id", "A-mm2"),
    ("B.group.id=g", "group_id", "g"),
    ("group.id=g", "group_id", "A-mm2"),
    ("A->B.group.id=mirrormaker2-cluster\nB.group.id=g", "group_id", "mirrormaker2-cluster"),
]


@pytest.mark.parametrize(("text", "attribute", "value"), PRECEDENCE)
def test_the_stronger_key_wins(load_text, text, attribute, value):
    assert getattr(flow_of(load_text, text), attribute) == value


# text, side, attribute of the cluster, value
CONNECTION = [
    ("bootstrap.servers=c:3", "source", "bootstrap", (("a", 1),)),
    ("A.consumer.bootstrap.servers=c:3", "source", "bootstrap", (("c", 3),)),
    ("A->B.consumer.bootstrap.servers=c:3", "source", "bootstrap", (("a", 1),)),
    ("A->B.source.cluster.bootstrap.servers=c:3", "source", "bootstrap", (("a", 1),)),
    ("A->B.source.consumer.bootstrap.servers=c:3", "source", "bootstrap", (("c", 3),)),
    ("B.producer.bootstrap.servers=c:3", "target", "bootstrap", (("c", 3),)),
    ("A->B.producer.override.bootstrap.servers=c:3", "target", "bootstrap", (("c", 3),)),
    ("A->B.target.cluster.bootstrap.servers=c:3", "target", "bootstrap", (("b", 2),)),
    ("A->B.producer.bootstrap.servers=c:3", "target", "bootstrap", (("b", 2),)),
    ("A.consumer.client.id=reader", "source", "client_id", "reader"),
    ("A.client.id=reader", "source", "client_id", "heliograph"),
    ("B.producer.client.id=writer\nB.client.id=worker", "target", "client_id", "writer"),
    ("B.client.id=worker", "target", "client_id", "worker"),
    ("B.producer.request.timeout.ms=7", "target", "request_timeout_ms", 7),
]


@pytest.mark.parametrize(("text", "side", "attribute", "value"), CONNECTION)
def test_the_stronger_key_reaches_the_cluster(load_text, text, side, attribute, value):
    assert getattr(getattr(flow_of(load_text, text), side), attribute) == value


def test_a_bare_address_serves_clusters_without_their_own(load_text):
    config = load_text(base="clusters=A,B\nA->B.enabled=true\nB.bootstrap.servers=b:2\nbootstrap.servers=c:3")
    assert config.clusters["A"].bootstrap == (("c", 3),)
    assert config.clusters["B"].bootstrap == (("b", 2),)


def test_the_defaults_are_ours(load_text):
    flow = flow_of(load_text, "")
    assert flow.name == "A->B"
    assert flow.topics == (".*",)
    assert flow.topics_exclude == (r"mm2.*\.internal", r".*[\-\.]internal", r".*\.replica", "__.*")
    assert flow.policy is Policy.DEFAULT
    assert flow.refresh_topics_interval_s == 10.0
    assert flow.read_committed
    assert not flow.start_at_latest
    assert flow.connector_name == "MirrorSourceConnector"


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("refresh.topics.enabled=false", "refresh_topics_interval_s", None),
        ("refresh.topics.interval.seconds=-1", "refresh_topics_interval_s", None),
        ("A->B.refresh.topics.interval.seconds=60", "refresh_topics_interval_s", 60.0),
        ("sync.topic.configs.enabled=FALSE", "sync_topic_configs_interval_s", None),
        ("A.consumer.isolation.level=read_uncommitted", "read_committed", False),
        ("A.consumer.auto.offset.reset=latest", "start_at_latest", True),
        (
            "replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
            "policy",
            Policy.IDENTITY,
        ),
        ("replication.policy.separator = _ ", "separator", "_"),
        ("replication.policy.separator=_", "internal_separator", "_"),
        (
            "replication.policy.separator=_\nreplication.policy.internal.topic.separator.enabled=false",
            "internal_separator",
            ".",
        ),
        ("heartbeats.replication.enabled=false", "replicate_heartbeats", False),
        ("", "source_name", "A"),
        ("source.cluster.alias=x\nA->B.target.cluster.alias=y", "source_name", "x"),
        ("source.cluster.alias=x\nA->B.target.cluster.alias=y", "target_name", "y"),
        ("topics=a, b", "topics", ("a", "b")),
        ("topics=", "topics", ()),
        ("A->B.topics.blacklist=x", "topics_exclude", ("x",)),
        ("topics.exclude=x", "topics_exclude", ("x",)),
        ("heliograph.stop.on.loss=", "stop_on_loss", frozenset()),
        (
            "A->B.heliograph.stop.on.loss=Retention, target-deletion",
            "stop_on_loss",
            frozenset({LossKind.RETENTION, LossKind.TARGET_DELETION}),
        ),
        ("heliograph.stop.on.loss=all", "stop_on_loss", frozenset(LossKind)),
    ],
)
def test_options_become_fields(load_text, text, attribute, value):
    assert getattr(flow_of(load_text, text), attribute) == value


def test_a_cluster_called_source_does_not_hide_the_key(load_text):
    base = "clusters=target, source\nbootstrap.servers=h:1\nsource->target.enabled=true\n"
    config = load_text("source.cluster.alias = usdf\ntarget.cluster.alias=ukdf\n", base=base)
    (flow,) = config.flows
    assert (flow.name, flow.source_name, flow.target_name, flow.group_id) == (
        "source->target",
        "usdf",
        "ukdf",
        "source-mm2",
    )
    assert config.warnings == ()


def test_two_directions_and_their_own_settings(load_text):
    config = load_text("B->A.enabled=true\nA->B.topics=x\nB->A.topics=y")
    assert [(flow.name, flow.topics, flow.group_id) for flow in config.flows] == [
        ("A->B", ("x",), "A-mm2"),
        ("B->A", ("y",), "B-mm2"),
    ]


def test_only_flows_into_the_chosen_targets_are_built(load_text):
    config = load_text("B->A.enabled=true\nA.ssl.truststore.location=/none\n", only_targets=["B"])
    assert [flow.name for flow in config.flows] == ["A->B"]


def test_clusters_that_no_flow_uses_need_no_settings(load_text):
    config = load_text("clusters=A,B,C")
    assert list(config.clusters) == ["A", "B"]


@pytest.mark.parametrize(
    ("base", "text", "problem"),
    [
        ("", "", "clusters is missing"),
        ("", "clusters=\n", r"mm2\.properties:1 clusters is empty"),
        ("", "clusters=a b, c\n", "cannot be an alias"),
        ("", "clusters=a,b\n", r"enables no flow. Write a->b\.enabled=true"),
        ("", "clusters=a,b\na->b.enabled=false\n", "enables no flow"),
        ("", "clusters=a,b\na->c.enabled=true\n", r":2 a->c\.enabled names a flow between clusters"),
        ("", "clusters=a,b\na->b.enabled=true\na->bb.topics=x", r":3 a->bb\.topics names a flow"),
        ("", "clusters=a,b\na->b.enabled=true # yes\n", "must be true or false, not 'true # yes'. Put the comment"),
        ("", "clusters=a,b\na->a.enabled=true\n", "from a cluster to itself"),
        ("", "clusters=a,b\na->b.enabled=true\n", r"a\.bootstrap\.servers is missing"),
        (None, "refresh.topics.interval.seconds=0", "must not be 0"),
        (None, "replication.factor=0", "must be -1 or a number of replicas"),
        (None, "group.instance.id=pod/7", r":5 group\.instance\.id may have letters, digits, dots, dashes"),
        (None, "topics=a,,b", r":5 topics must be a list without empty items"),
        (None, "A.consumer.auto.offset.reset=none", "must be one of earliest, latest, not 'none'"),
        (
            None,
            "heliograph.ready.requires=flow, coffee",
            "must hold only flow, cluster, standing-still, loss, held-up, quota, job, all, not 'flow, coffee'",
        ),
        (
            None,
            "heliograph.stop.on.loss=retention, fire",
            "must hold only retention, truncation, .* not 'retention, fire'",
        ),
        (None, "A->B.topics=*", r":5 A->B\.topics: the Java regular expression '\*' cannot be used"),
    ],
)
def test_what_cannot_work_is_one_line_with_file_and_line(load_text, base, text, problem):
    with pytest.raises(ConfigError, match=problem) as refusal:
        load_text(text) if base is None else load_text(text, base=base)
    for line in str(refusal.value).splitlines():
        assert "mm2.properties" in line or "bootstrap" in line


@pytest.mark.parametrize(
    ("targets", "problem"), [(["C"], "has no cluster 'C'"), (["A"], "enables no flow into A. It has flows into B")]
)
def test_targets_without_a_flow_are_refused(load_text, targets, problem):
    with pytest.raises(ConfigError, match=problem):
        load_text(only_targets=targets)


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("", "offset_syncs_location", None),
        ("offset-syncs.topic.location=SOURCE", "offset_syncs_location", "source"),
        ("emit.offset-syncs.enabled=false", "offset_syncs", False),
        ("offset.lag.max=0", "offset_lag_max", 0),
        ("", "groups_exclude", ("console-consumer-.*", "connect-.*", "__.*")),
        ("A->B.groups=x.*, y", "groups", ("x.*", "y")),
        ("refresh.groups.enabled=false", "refresh_groups_interval_s", None),
        ("emit.checkpoints.interval.seconds=5", "checkpoints_interval_s", 5.0),
        ("emit.checkpoints.enabled=false", "checkpoints_interval_s", None),
        ("", "group_offsets_interval_s", None),
        (
            "sync.group.offsets.enabled=true\nA->B.sync.group.offsets.interval.seconds=5",
            "group_offsets_interval_s",
            5.0,
        ),
        ("heartbeats.topic.replication.factor=-1", "heartbeats_replication_factor", -1),
        ("A->B.emit.heartbeats.enabled=false", "heartbeats_interval_s", None),
        ("A->B.emit.heartbeats.enabled=false", "reverse_heartbeats_interval_s", 1.0),
        ("B->A.emit.heartbeats.enabled=false", "reverse_heartbeats_interval_s", None),
        ("emit.heartbeats.interval.seconds=3", "reverse_heartbeats_interval_s", 3.0),
        ("B->A.enabled=true", "reverse_heartbeats_interval_s", None),
        ("sync.topic.acls.enabled=false", "acls_interval_s", None),
        ("A->B.heliograph.sync.acls.mode=ALL", "acls_mode", "all"),
    ],
)
def test_what_is_kept_in_step(load_text, text, attribute, value):
    assert getattr(flow_of(load_text, text).sync, attribute) == value


def test_patterns_of_groups_are_checked(load_text):
    with pytest.raises(ConfigError, match=r"groups"):
        load_text("groups=(")
    assert any("no wildcard" in warning.message for warning in load_text("groups.exclude=test-*").warnings)


def test_equal_configurations_have_equal_digests_whatever_the_secrets_and_addresses():
    text = "clusters=a,b\na.bootstrap.servers={}\nb.bootstrap.servers=h:2\na->b.enabled=true\na->b.topics={}\n"
    text += "a->b.heliograph.stop.on.loss=retention,truncation,recreation\n"
    program = (
        "import sys; from heliograph.config.load import make_config;"
        "from heliograph.config.properties import parse_properties;"
        "print(make_config(parse_properties(sys.argv[1].encode(), 'f'), environ={}).flows[0].digest)"
    )

    def digest(seed, servers, topics):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program, text.format(servers, topics)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    known = digest("1", "h:1", "x")
    assert len(known) == 8
    assert digest("2", "other:9", "x") == known
    assert digest("1", "h:1", "y") != known
