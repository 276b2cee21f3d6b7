from pathlib import Path

import pytest

from heliograph.config.model import ClusterConfig, FlowConfig, Policy
from heliograph.errors import ConfigError
from heliograph.mirror.naming import Location, Naming, naming_of

NAMINGS = {
    "default": Naming("A", "B", Policy.DEFAULT, ".", "."),
    "default_underscore": Naming("A", "B", Policy.DEFAULT, "_", "_"),
    "default_underscore_dotted": Naming("A", "B", Policy.DEFAULT, "_", "."),
    "identity": Naming("A", "B", Policy.IDENTITY, ".", "."),
}
CONNECT_TOPIC = "mm2-offsets.A.internal"
ANSWERS = [
    line.split("|")
    for line in (Path(__file__).parent / "mm2_names.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("answer", ANSWERS, ids="|".join)
def test_agrees_with_mirrormaker(answer):
    policy, topic, remote, source, upstream, original, heartbeats, internal, checkpoints = answer
    naming = NAMINGS[policy]
    assert naming.remote_topic(topic) == remote
    assert naming.topic_source(topic) == (None if source == "~" else source)
    assert naming.upstream_topic(topic) == (None if upstream == "~" else upstream)
    assert naming.original_topic(topic) == original
    assert naming.is_heartbeats(topic) is (heartbeats == "true")
    assert naming.is_checkpoints(topic) is (checkpoints == "true")
    assert naming.is_internal(topic) is (internal == "true" or topic == CONNECT_TOPIC)


def test_internal_topics_of_older_versions():
    naming = NAMINGS["default"]
    for topic in ("x.internal", "x-internal"):
        assert not naming.is_internal(topic)
        assert naming.is_internal(topic, before_4_0=True)
    assert not naming.is_internal("xinternal", before_4_0=True)


@pytest.mark.parametrize(
    ("policy", "source_syncs", "target_syncs", "checkpoints"),
    [
        ("default", "mm2-offset-syncs.B.internal", "mm2-offset-syncs.A.internal", "A.checkpoints.internal"),
        ("default_underscore", "mm2-offset-syncs_B_internal", "mm2-offset-syncs_A_internal", "A_checkpoints_internal"),
        (
            "default_underscore_dotted",
            "mm2-offset-syncs.B.internal",
            "mm2-offset-syncs.A.internal",
            "A.checkpoints.internal",
        ),
    ],
)
def test_names_of_state_topics(policy, source_syncs, target_syncs, checkpoints):
    naming = NAMINGS[policy]
    assert naming.offset_syncs_topic(Location.SOURCE) == source_syncs
    assert naming.offset_syncs_topic(Location.TARGET) == target_syncs
    assert naming.checkpoints_topic == checkpoints
    assert naming.is_checkpoints(checkpoints)
    assert all(naming.is_internal(topic) for topic in (source_syncs, target_syncs, checkpoints))


@pytest.mark.parametrize(
    ("policy", "topic", "alias"),
    [
        ("default", "t", None),
        ("default", "orders.v1", None),
        ("default", "B.t", "B"),
        ("default", "A.t", "A"),
        ("default", "C.B.t", "B"),
        ("default", "C.D.t", None),
        ("default", "B.", None),
        ("default", "t.B", None),
        ("default", "B.heartbeats", "B"),
        ("default_underscore", "B.t", None),
        ("default_underscore", "B_t", "B"),
        ("identity", "B.t", None),
        ("identity", "B.heartbeats", "B"),
        ("identity", "A.heartbeats", None),
        ("identity", "my-heartbeats", None),
    ],
)
def test_cycles(policy, topic, alias):
    assert NAMINGS[policy].cycle(topic) == alias


def test_an_alias_with_the_separator_in_it_is_recognised():
    naming = Naming("us.west", "us.east", Policy.DEFAULT, ".", ".")
    assert naming.remote_topic("t") == "us.west.t"
    assert naming.cycle("us.east.t") == "us.east"
    assert naming.cycle("C.us.east.t") == "us.east"
    assert naming.cycle("us.north.t") is None


@pytest.mark.parametrize("separators", [("", "."), (".", "")])
def test_an_empty_separator_is_refused(separators):
    with pytest.raises(ConfigError, match="separator"):
        Naming("A", "B", Policy.DEFAULT, *separators)


def test_from_the_configuration():
    flow = FlowConfig(
        source=ClusterConfig("west", (("localhost", 9092),)),
        target=ClusterConfig("east", (("localhost", 9093),)),
        separator="--",
        internal_separator=".",
    )
    assert naming_of(flow) == Naming("west", "east", Policy.DEFAULT, "--", ".")
    assert naming_of(flow).remote_topic("t") == "west--t"
