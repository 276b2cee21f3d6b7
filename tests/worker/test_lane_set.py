"""Lanes are opened for what is selected and closed when their source is gone, and what changed is told."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.errors import RecordsLost
from heliograph.flow.lane import Lane, State
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.deletions import LOOKS
from heliograph.mirror.steering import Restart, Steering, TargetState
from heliograph.offsets.stored import Offsets, ensure_topic

GONE = "the source topic is gone; its copy stays"


class Refusing(FakeCluster):
    """Creates no copies."""

    def _create_topics(self, body, version):
        values = super()._create_topics(body, version)
        for row in values["topics"]:
            if row["name"].startswith("one."):
                row["error_code"] = ErrorCode.policy_violation
                self.topics.pop(row["name"])
        return values


@pytest.fixture
def looked():
    """Look at the topics, ``act`` on the clusters, and look again; returns the session and both clusters."""

    def run(act=lambda _source, _target: None, *, looks=1, check=None, target_type=FakeCluster, **changes):
        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 2)
            source.create("left")

            async def work(flow):
                await ensure_topic(flow.target, flow.config)
                session = flow.session()
                await session._load()
                await session.lanes.refresh()
                if check is not None:
                    check(session)
                act(source, target)
                for _ in range(looks):
                    await session.lanes.refresh()
                return session

            more = {"replicate_heartbeats": False, "replication_factor": 1, "topics": ("orders", "left")} | changes
            return between(source, target, work, **more), source, target

    return run


def test_each_partition_gets_a_lane_and_each_topic_its_copy(looked):
    session, _, target = looked()
    lanes = session.flow.lanes
    assert sorted(lanes) == [("left", 0), ("orders", 0), ("orders", 1)]
    assert {(lane.target_topic, lane.target_partition) for lane in lanes.values()} == {
        ("one.orders", 0),
        ("one.orders", 1),
        ("one.left", 0),
    }
    assert {lane.state for lane in lanes.values()} == {State.RUNNING}
    assert (session.lanes.topics, session.lanes.gone, session.lanes.problems) == (2, {}, {})
    assert len(target.topics["one.orders"].logs) == 2
    assert sorted(str(fields["topic"]) for fields in session.log.fields("topic created")) == ["one.left", "one.orders"]


def test_what_stays_keeps_its_lane_and_a_new_partition_gets_one(looked):
    before = {}

    def grow(source, _target):
        source.topics["orders"].logs.append([])

    session, _, target = looked(grow, check=lambda session: before.update(session.flow.lanes))
    lanes = session.flow.lanes
    assert set(lanes) - set(before) == {("orders", 2)}
    assert all(lanes[key] is lane for key, lane in before.items())
    assert len(target.topics["one.orders"].logs) == 3
    assert session.log.fields("partitions added") == [{"topic": "one.orders"}]


def test_a_topic_that_is_gone_is_told_once_and_its_copy_stays(looked):
    session, _, target = looked(lambda source, _: source.topics.pop("orders"), looks=2)
    assert sorted(session.flow.lanes) == [("left", 0)]
    assert session.lanes.gone.keys() == {("orders", 0), ("orders", 1)}
    assert all(isinstance(at, Anchor) and at.source_offset == -1 for at in session.lanes.gone.values())
    assert session.log.fields(GONE) == [{"topic": "orders", "partitions": 2}]
    assert "one.orders" in target.topics


def test_a_topic_that_comes_back_has_lanes_again(looked):
    session, _, _ = looked(lambda source, _: source.create("orders", 2))  # another id
    assert sorted(session.flow.lanes) == [("left", 0), ("orders", 0), ("orders", 1)]
    assert session.lanes.gone == {}


def test_a_copy_is_deleted_and_its_positions_forgotten_where_that_is_wanted(looked):
    session, _, target = looked(lambda source, _: source.topics.pop("orders"), looks=LOOKS, delete_topics=True)
    assert "one.orders" not in target.topics
    assert session.lanes.gone == {}
    assert set(session.lanes.commits.stored) <= {("left", 0)}


def test_a_topic_that_cannot_be_created_stands_still_and_is_told_once(looked):
    session, _, target = looked(target_type=Refusing, topics=("left",))
    assert "one.left" not in target.topics
    problem = session.lanes.problems["one.left"]
    (fields,) = session.log.fields("a topic cannot be mirrored")
    assert (fields["topic"], str(fields["cause"])) == ("one.left", str(problem))
    lane = session.flow.lanes["left", 0]
    assert lane.state is not State.RUNNING
    assert str(lane.cause) == str(problem)


def paused(*lanes):
    return Steering(paused={topic: frozenset({number}) for topic, number in lanes})


def test_what_is_paused_is_closed_in_order_and_opened_where_it_is_stored_then(looked):
    """Somebody has set the position while it was paused."""

    def pause(session):
        session.steering._topic.now = paused(("orders", 1))
        session.lanes.steered()

    session, _, _ = looked(check=pause)
    assert sorted(session.flow.lanes) == [("left", 0), ("orders", 0)]
    assert session.lanes.wanted.lanes == {("left", 0), ("orders", 0)}
    assert session.lanes.held == {("left", 0), ("orders", 0)}
    assert session.lanes.missing == 0
    assert session.lanes.resting == {("orders", 1): 0}
    assert session.log.fields("partitions paused") == [{"partitions": 1}]
    assert "partitions given to other workers" not in session.log.messages


def test_a_paused_flow_creates_nothing(looked):
    def pause(session):
        session.steering._topic.now = Steering({Part.SOURCE: TargetState.STOPPED})
        session.lanes.steered()

    session, _, target = looked(lambda source, _: source.create("orders", 5), check=pause)
    assert (session.flow.lanes, session.lanes.wanted.lanes) == ({}, frozenset())
    assert len(session.lanes.resting) == 6
    assert len(target.topics["one.orders"].logs) == 2


def test_what_goes_on_is_opened_where_it_was_put_meanwhile():
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders", 2)
        source.write("orders", [b"a", b"b", b"c"])

        async def work(flow):
            await ensure_topic(flow.target, flow.config)
            session = flow.session()
            await session._load()
            session.steering._topic.now = paused(("orders", 0))
            await session.lanes.refresh()
            lane = Lane("orders", "one.orders", 0, Window(1))
            await Offsets(flow.target, flow.config).write([(lane, Anchor(1, -1, placed=True))], 1)
            session.steering._topic.now = Steering()
            session.lanes.steered()
            await session.lanes.take_share()
            return session.flow.lanes["orders", 0]

        lane = between(source, target, work, replicate_heartbeats=False, topics=("orders",))
    assert (lane.state, lane.position, lane.anchor.placed) == (State.RUNNING, 2, True)


def test_lanes_are_started_again_alone():
    before = {}
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders", 3)

        async def work(flow):
            await ensure_topic(flow.target, flow.config)
            session = flow.session()
            await session._load()
            await session.lanes.refresh()
            before.update(session.flow.lanes)
            session.flow.lanes["orders", 1].halt(RecordsLost("a loss"))
            await session.lanes.restart(Restart("orders", frozenset({1, 2})).has)
            return session

        session = between(source, target, work, replicate_heartbeats=False, topics=("orders",))
    assert {key for key, lane in session.flow.lanes.items() if before[key] is not lane} == {
        ("orders", 1),
        ("orders", 2),
    }
    assert {lane.state for lane in session.flow.lanes.values()} == {State.RUNNING}
    assert session.log.of("error") == []
