"""Positions that a person sets: what is shown before, what is stored then, and that everything is let go again."""

import asyncio

import pytest

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError, NotFound
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.mirror.rewind import Goal, Kind
from heliograph.mirror.steering import rewind_row
from heliograph.observe.operations import Copier
from heliograph.offsets.rewind import Order, rewind
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets, ensure_topic
from occupied import Occupied, shared

NAME = "mm2-configs.one.internal"
RECORDS, COPIED = 6, 4
COPIED_ALL = Anchor(COPIED - 1, COPIED - 1)
LANES = frozenset({("orders", 0)})
BUSY = shared(encode_leader(LeaderSays(LANES), "m-1"), metadata=(encode_member(MemberSays(LANES, steered=99)),))


@pytest.fixture
def rewound():
    """Carry an order out on a flow that has copied 4 of 6 records of partition 0; return the outcome and what is stored."""

    def run(
        goal,
        *,
        copied=True,
        target_type=FakeCluster,
        topic="orders",
        partitions=None,
        execute=True,
        deleted=0,
        left_over=(),
        stored=COPIED_ALL,
    ):
        async def work(source, target):
            flow = flow_config(source.config, target.config, topics=("orders",), replicate_heartbeats=False)
            cluster = Cluster(target.config)
            await cluster.start()
            try:
                offsets = Offsets(cluster, flow)
                if copied:
                    assert await ensure_topic(cluster, flow) is None
                    lane = Lane("orders", "one.orders", 0, Window(1 << 20))
                    await offsets.write([(lane, stored)], 1_700_000_000_000)
                if left_over:
                    await SteeringTopic(cluster, flow).write([rewind_row(lane, 1) for lane in left_over])
                order = Order(flow, topic, goal, partitions, execute=execute, timeout_s=0.1)
                outcome = await rewind(order)
                await cluster.refresh()
                return outcome, await offsets.read(), await table.read(cluster, NAME)
            finally:
                await cluster.close()

        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"%d" % number for number in range(RECORDS)])
            if deleted:
                source.topics["orders"].delete_before(0, deleted)
            if copied:
                target.create("one.orders", 2)
                target.write("one.orders", [b"%d" % number for number in range(COPIED)])
            ids = {side: str(each.topic_id) for side, each in (("source", source.topics["orders"]),)}
            return (*asyncio.run(work(source, target)), ids["source"])

    return run


def test_it_only_shows_what_it_would_do(rewound):
    outcome, stored, held, _ = rewound(Goal(Kind.OFFSET, 1), execute=False)
    step, other = outcome.steps
    assert (step.standing.position, step.place.position, step.twice, step.left_out) == (4, 1, 3, 0)
    assert (other.standing.position, other.place.position, other.place.clipped) == (0, 0, "1 lies behind the end 0")
    assert (outcome.executed, stored["orders", 0].source_offset, held) == (False, 3, {})


def test_a_rewind_is_stored_with_where_its_next_record_goes(rewound):
    outcome, stored, held, topic_id = rewound(Goal(Kind.OFFSET, 1), partitions=frozenset({0}))
    assert (outcome.executed, outcome.left, outcome.copier) == (True, frozenset(), Copier.NOBODY)
    anchor = stored["orders", 0]
    assert (anchor.source_offset, anchor.target_offset, anchor.topic_id, anchor.placed) == (0, 3, topic_id, True)
    assert anchor.target_id
    assert held == {}
    assert outcome.notes == ["What is copied again comes at the end of the copy: its consumers read it twice"]


def test_what_is_left_out_is_counted(rewound):
    outcome, stored, _, _ = rewound(Goal(Kind.END))
    assert [(step.left_out, step.counted) for step in outcome.steps] == [(2, True), (0, True)]
    assert (stored["orders", 0].source_offset, stored["orders", 0].target_offset) == (5, 3)
    assert (stored["orders", 1].source_offset, stored["orders", 1].target_offset) == (-1, -1)


def test_what_was_never_copied_begins_where_it_is_told_to(rewound):
    outcome, stored, _, _ = rewound(Goal(Kind.END), copied=False)
    assert [step.left_out for step in outcome.steps] == [RECORDS, 0]
    assert (stored["orders", 0].source_offset, stored["orders", 0].target_offset) == (5, -1)


def test_what_the_source_has_deleted_is_not_promised(rewound):
    outcome, _, _, _ = rewound(Goal(Kind.BEGINNING), deleted=2, execute=False)
    assert (outcome.steps[0].place.position, outcome.steps[0].twice) == (2, 2)
    outcome, _, _, _ = rewound(Goal(Kind.BY, -3), deleted=2, execute=False)
    assert outcome.notes[0] == "orders-0 goes to 2: 1 lies before the log start offset 2"


def test_a_shared_target_partition_tells_nothing_and_stays(rewound):
    outcome, stored, _, _ = rewound(Goal(Kind.OFFSET, 1), partitions=frozenset({0}), stored=Anchor(3, None, "", -1, 1))
    assert "Partitions share a target partition" in outcome.notes[0]
    assert outcome.steps[0].plan.shared
    anchor = stored["orders", 0]
    assert (anchor.source_offset, anchor.target_offset, anchor.target_partition, anchor.placed) == (0, None, 1, False)


def test_while_a_worker_has_it_nothing_is_changed_and_it_is_let_go_again(rewound):
    outcome, stored, held, _ = rewound(Goal(Kind.BEGINNING), target_type=BUSY)
    assert (outcome.executed, outcome.left) == (False, LANES)
    assert (stored["orders", 0].source_offset, held) == (3, {})


def test_one_that_was_interrupted_is_completed_by_the_next(rewound):
    outcome, stored, held, _ = rewound(Goal(Kind.OFFSET, 2), partitions=frozenset({0}), left_over=[("orders", 0)])
    assert (outcome.executed, stored["orders", 0].source_offset, held) == (True, 1, {})


def test_a_running_mirror_maker_is_not_meddled_with(rewound):
    with pytest.raises(BrokerError, match="running MirrorMaker 2"):
        rewound(Goal(Kind.BEGINNING), target_type=Occupied)


@pytest.mark.parametrize(("topic", "partitions"), [("one.orders", None), ("orders", frozenset({2}))])
def test_what_there_is_not_is_refused(rewound, topic, partitions):
    with pytest.raises(NotFound):
        rewound(Goal(Kind.BEGINNING), topic=topic, partitions=partitions)
