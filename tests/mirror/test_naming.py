from pathlib import Path

import pytest

from configs import flow_config
from heliograph.config.model import Policy
from heliograph.mirror.naming import Location, Naming, naming_of

NAMINGS = {
    "default": Naming("A", "B", Policy.DEFAULT, ".", "."),
    "default_underscore": Naming("A", "B", Policy.DEFAULT, "_", "_"),
    "default_underscore_dotted": Naming("A", "B", Policy.DEFAULT, "_", "."),
    "identity": Naming("A", "B", Policy.IDENTITY, ".", "."),
    "default_unseparated": Naming("A", "B", Policy.DEFAULT, "", ""),
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
    assert naming.is_checkpoints(topic) is (checkpoints == "true")
    assert naming.is_internal(topic) is (internal == "true" or topic == CONNECT_TOPIC)
    if policy == "default_unseparated":  # where MirrorMaker 2 takes the first letter of any name for an alias
        return
    assert naming.topic_source(topic) == (None if source == "~" else source)
    assert naming.upstream_topic(topic) == (None if upstream == "~" else upstream)
    assert naming.original_topic(topic) == original
    assert naming.is_heartbeats(topic) is (heartbeats == "true")


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


UNSEPARATED = Naming("es-src", "es-tgt", Policy.IDENTITY, "", "")
# Remote name, and whether it is internal or holds checkpoints, are what MirrorMaker 2 4.3.1 answers, asked in Java. It
# takes the first letter for the alias and so recognises no heartbeats; here they are recognised.
UNSEPARATED_ANSWERS = [
    ("orders", "orders", False, False, False),
    ("heartbeats", "es-srcheartbeats", True, False, False),
    ("es-srcheartbeats", "es-srces-srcheartbeats", True, False, False),
    ("es-tgtheartbeats", "es-srces-tgtheartbeats", True, False, False),
    ("my-heartbeats", "es-srcmy-heartbeats", False, False, False),
    ("mm2-offset-syncses-tgtinternal", "mm2-offset-syncses-tgtinternal", False, True, False),
    ("mm2-offset-syncs.es-tgt.internal", "mm2-offset-syncs.es-tgt.internal", False, True, False),
    ("es-srccheckpointsinternal", "es-srccheckpointsinternal", False, True, True),
    ("es-src.checkpoints.internal", "es-src.checkpoints.internal", False, False, False),
    ("mm2-offsets.es-src.internal", "mm2-offsets.es-src.internal", False, True, False),
    ("xinternal", "xinternal", False, False, False),
    ("x.internal", "x.internal", False, False, False),
    ("__x", "__x", False, True, False),
]


@pytest.mark.parametrize(("topic", "remote", "heartbeats", "internal", "checkpoints"), UNSEPARATED_ANSWERS)
def test_the_identity_policy_without_a_separator(topic, remote, heartbeats, internal, checkpoints):
    assert UNSEPARATED.remote_topic(topic) == remote
    assert UNSEPARATED.is_heartbeats(topic) is heartbeats
    assert UNSEPARATED.is_internal(topic) is internal
    assert UNSEPARATED.is_checkpoints(topic) is checkpoints


def test_heartbeats_without_a_separator_do_not_go_back():
    assert UNSEPARATED.cycle("es-tgtheartbeats") == "es-tgt"
    assert UNSEPARATED.cycle("heartbeats") is None
    assert UNSEPARATED.cycle("es-srcheartbeats") is None
    assert Naming("heart", "h", Policy.IDENTITY, "", "").cycle("heartbeats") is None


# topic, alias it came from, name one hop earlier, whether it is heartbeats, alias that makes it a cycle
UNSEPARATED_COPIES = [
    ("westorders", "west", "orders", False, None),
    ("western-orders", "west", "ern-orders", False, None),
    ("eastorders", None, None, False, None),
    ("orders", None, None, False, None),
    ("west", None, None, False, None),
    ("heartbeats", None, None, True, None),
    ("westheartbeats", "west", "heartbeats", True, "west"),
    ("eastheartbeats", "east", "heartbeats", True, "east"),
    ("westeastheartbeats", "west", "eastheartbeats", True, "west"),
    ("east-heartbeats", "east", "-heartbeats", False, None),
]


@pytest.mark.parametrize(("topic", "source", "upstream", "heartbeats", "cycle"), UNSEPARATED_COPIES)
def test_the_default_policy_without_a_separator_knows_its_own_copies(topic, source, upstream, heartbeats, cycle):
    naming = Naming("west", "east", Policy.DEFAULT, "", "")
    assert (naming.topic_source(topic), naming.upstream_topic(topic)) == (source, upstream)
    assert naming.is_heartbeats(topic) is heartbeats
    assert naming.cycle(topic) == cycle
    assert naming.upstream_topic(naming.remote_topic(topic)) == topic


@pytest.mark.parametrize(
    ("separator", "syncs", "checkpoints"),
    [
        (
            "",
            ("mm2-offset-syncses-tgtinternal", "mm2-offset-syncs.es-tgt.internal"),
            ("es-srccheckpointsinternal", "es-src.checkpoints.internal"),
        ),
        (
            "_",
            ("mm2-offset-syncs_es-tgt_internal", "mm2-offset-syncs.es-tgt.internal"),
            ("es-src_checkpoints_internal", "es-src.checkpoints.internal"),
        ),
        (".", ("mm2-offset-syncs.es-tgt.internal",), ("es-src.checkpoints.internal",)),
    ],
)
def test_older_names_of_state_topics_are_looked_for(separator, syncs, checkpoints):
    naming = Naming("es-src", "es-tgt", Policy.IDENTITY, separator, separator)
    assert naming.offset_syncs_topics(Location.SOURCE) == syncs
    assert naming.checkpoints_topics == checkpoints
    assert (naming.offset_syncs_topic(Location.SOURCE), naming.checkpoints_topic) == (syncs[0], checkpoints[0])


def test_from_the_configuration():
    flow = flow_config("west", "east", separator="--", internal_separator=".")
    assert naming_of(flow) == Naming("west", "east", Policy.DEFAULT, "--", ".")
    assert naming_of(flow).remote_topic("t") == "west--t"
