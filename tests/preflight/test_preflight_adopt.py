"""What MirrorMaker 2 left is found and told, and nothing is touched."""

from pathlib import Path

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.stored import Offsets, ensure_topic
from heliograph.preflight.adopt import FollowedGroup, InternalTopic, TopicPosition, changed_defaults, look
from occupied import Occupied

NOW_MS = 1_700_000_000_000
KEY = ("orders", 0)


async def store(flow, anchor):
    assert await ensure_topic(flow.target, flow.config) is None
    lane = Lane("orders", "one.orders", 0, Window(1 << 20))
    await Offsets(flow.target, flow.config).write([(lane, anchor)], NOW_MS)


@pytest.fixture
def left():
    """Look at what is left after four of six records were copied, with a position as ``target_offset`` says."""

    def run(target_offset, *, target_type=FakeCluster, copied=4):
        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"%d" % number for number in range(4)])
            source.write("orders", [b"4", b"5"])
            target.create("one.orders", 2)
            target.write("one.orders", [b"%d" % number for number in range(copied)])
            source.groups["readers"] = {KEY: (2, "")}

            async def work(flow):
                await store(flow, Anchor(3, target_offset))
                topics = set(source.topics), set(target.topics)
                target.forget_requests()
                found = await look(flow.config, flow.source, flow.target)
                assert (set(source.topics), set(target.topics)) == topics
                writes = {"produce", "create_topics", "init_producer_id", "offset_commit", "add_partitions_to_txn"}
                assert not writes & set(target.asked)
                return found

            return between(source, target, work, topics=("orders",), replicate_heartbeats=False)

    return run


def test_a_position_of_ours_is_proven(left):
    found = left(3)
    assert found.notes == []
    assert found.positions == [
        TopicPosition("orders", "one.orders", 2, by_mirror_maker=0, by_heliograph=1, lag=2, exact=1, fresh=1)
    ]


def test_a_position_that_only_mirror_maker_stored_says_why_it_is_in_doubt(left):
    (position,) = left(None).positions
    assert (position.by_mirror_maker, position.by_heliograph, position.lag) == (1, 0, 2)
    assert (position.exact, position.fresh) == (0, 1)
    assert len(position.doubts) == 1


def test_topics_and_groups_are_told(left):
    found = left(3)
    positions = InternalTopic("two", "mm2-offsets.one.internal", there=True, use="positions: read and written")
    assert positions in found.topics
    absent = {each.name for each in found.topics if not each.there}
    assert absent >= {"one.checkpoints.internal", "mm2-offset-syncs.two.internal", "heartbeats"}
    assert FollowedGroup("readers", 0, "Empty", "") in found.groups


def test_while_mirror_maker_runs_no_place_is_looked_for(left):
    found = left(3, target_type=Occupied)
    occupant = found.occupant
    assert (occupant.is_other, occupant.protocol_type, occupant.members) == (True, "connect", 1)
    assert "10.0.0.7" in occupant.whereabouts
    (position,) = found.positions
    assert (position.exact, position.doubts) == (0, ())


def test_the_defaults_that_are_not_mirror_makers():
    text = "clusters=one,two\nbootstrap.servers=127.0.0.1:1\none->two.enabled=true\n"
    changed = {}
    for more in ("", "refresh.topics.interval.seconds=600\n"):
        file = parse_properties(f"{text}{more}".encode("latin-1"), Path("mm2.properties"))
        changed[more] = changed_defaults(make_config(file, environ={}))
    keys = [[key for key, _, _ in each if key.endswith("refresh.topics.interval.seconds")] for each in changed.values()]
    assert keys == [["one->two.refresh.topics.interval.seconds"], []]
    (row,) = [each for each in changed[""] if each[0].endswith("refresh.topics.interval.seconds")]
    assert row[1:] == ("10", "600")
