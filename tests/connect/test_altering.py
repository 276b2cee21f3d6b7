"""Positions are refused in MirrorMaker 2's words; what is to be forgotten may look as it likes."""

import pytest

from heliograph.config.model import Part
from heliograph.connect.altering import as_java, check
from heliograph.observe.connectors import Invalid, StoredOffset

SOURCE = {"cluster": "west", "partition": 0, "topic": "t"}
GROUP = {"partition": 0, "topic": "t", "group": "g"}
ALIASES = {"sourceClusterAlias": "west", "targetClusterAlias": "east"}
WHERE = {Part.SOURCE: SOURCE, Part.CHECKPOINT: GROUP, Part.HEARTBEAT: ALIASES}


@pytest.mark.parametrize(
    ("part", "offset"), [(Part.SOURCE, 2**63 - 1), (Part.SOURCE, 0), (Part.CHECKPOINT, 0), (Part.HEARTBEAT, 0)]
)
def test_what_is_right_passes(part, offset):
    check(part, StoredOffset(WHERE[part], {"offset": offset}))


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("partition", [{}, {"garbage": 1}, {"partition": -1}])
def test_anything_may_be_forgotten(part, partition):
    check(part, StoredOffset(partition, None))


@pytest.mark.parametrize(
    ("part", "partition", "offset", "words"),
    [
        (Part.SOURCE, {}, 1, "Source partition {} is missing the 'cluster' key, which is required"),
        (Part.SOURCE, {**SOURCE, "topic": None}, 1, "has an invalid value null for the 'topic' key, which must be a"),
        (Part.SOURCE, {**SOURCE, "partition": True}, 1, "value true for the 'partition' key, which must be an integer"),
        (Part.SOURCE, {**SOURCE, "partition": "1.0"}, 1, "value 1.0 for the 'partition' key, which must be an integer"),
        (Part.SOURCE, {**SOURCE, "partition": 2**31}, 1, "which must be an integer"),
        (Part.SOURCE, {**SOURCE, "partition": -1}, 1, "value -1 for the 'partition' key, which cannot be negative"),
        (Part.SOURCE, SOURCE, -1, "value -1 for the 'offset' key, which cannot be negative"),
        (Part.SOURCE, SOURCE, 2**63, "which must be an integer"),
        (
            Part.SOURCE,
            SOURCE,
            [1],
            "Offsets may only contain primitive types as values, but field offset contains ARRAY",
        ),
        (Part.SOURCE, {**SOURCE, "x": {}}, 1, "but field x contains MAP"),
        (Part.CHECKPOINT, SOURCE, 0, "is missing the 'group' key, which is required"),
        (Part.CHECKPOINT, GROUP, 5, "has an invalid value 5 for the 'offset' key; the only accepted value is 0"),
        (Part.HEARTBEAT, {"sourceClusterAlias": "a"}, 0, "is missing the 'targetClusterAlias' key, which is required"),
        (Part.HEARTBEAT, ALIASES, 1, "the only accepted value is 0"),
    ],
)
def test_what_is_wrong_is_told(part, partition, offset, words):
    with pytest.raises(Invalid) as told:
        check(part, StoredOffset(partition, {"offset": offset}))
    assert words in str(told.value)


def test_both_maps_are_shown():
    with pytest.raises(Invalid) as told:
        check(Part.SOURCE, StoredOffset(SOURCE, {}))
    assert str(told.value) == (
        "Source offset {} for source partition {cluster=west, partition=0, topic=t} "
        "is missing the 'offset' key, which is required"
    )


def test_a_map_as_java_writes_it():
    assert as_java({"a": None, "b": True, "c": 1, "d": "x"}) == "{a=null, b=true, c=1, d=x}"
