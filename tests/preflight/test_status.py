"""Who copies what, and how far, as the clusters tell it."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.flow.lane import Lane
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.mirror.steering import TargetState, paused_row, rewind_row, state_row
from heliograph.observe.operations import Copier
from heliograph.offsets.steering import SteeringTopic
from heliograph.offsets.stored import Offsets, ensure_topic
from heliograph.preflight.status import TopicStatus, WorkerStatus, status_of
from occupied import Occupied, shared


def given(*lanes) -> bytes:
    return encode_leader(LeaderSays(frozenset(lanes)), "m-1")


@pytest.fixture
def seen():
    """Look at a flow of one topic with two partitions, of which 3 of 4 records of the first are copied."""

    def run(target_type, *, source_answers=True, told=()):
        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"%d" % number for number in range(4)])

            async def work(flow):
                assert await ensure_topic(flow.target, flow.config) is None
                lane = Lane("orders", "one.orders", 0, Window(1 << 20))
                await Offsets(flow.target, flow.config).write([(lane, Anchor(2, 2))], 1_700_000_000_000)
                if told:
                    await SteeringTopic(flow.target, flow.config).write(told)
                return await status_of(flow.config, flow.source if source_answers else None, flow.target)

            return between(source, target, work, topics=("orders",))

    return run


def test_nobody(seen):
    found = seen(FakeCluster)
    assert (found.copier, found.copied, found.workers, found.lag) == (Copier.NOBODY, False, [], 1)
    assert found.topics == [TopicStatus("orders", "one.orders", 2, 0, 1, 1)]
    assert found.stored_s > 1_000_000


def test_two_workers_have_everything(seen):
    found = seen(shared(given(("orders", 0)), given(("orders", 1))))
    assert (found.copier, found.copied, found.untaken) == (Copier.WORKERS, True, 0)
    assert found.workers == [
        WorkerStatus("m-1", "connect-1", "10.0.0.7", 1, 1),
        WorkerStatus("m-2", "connect-2", "10.0.0.8", 1, 1),
    ]


def test_a_partition_that_nobody_has_is_seen(seen):
    found = seen(shared(given(("orders", 0)), given()))
    assert (found.copied, found.untaken) == (False, 1)
    assert found.topics[0].taken == 1


def test_workers_with_another_configuration_are_told(seen):
    in_force = encode_leader(LeaderSays(frozenset({("orders", 0), ("orders", 1)}), config="in force"), "m-1")
    says = [encode_member(MemberSays(config=digest)) for digest in ("in force", "older", "")]
    found = seen(shared(in_force, in_force, in_force, metadata=tuple(says)))
    assert (found.in_force, [each.same_config for each in found.workers]) == ("in force", [True, False, None])
    assert found.notes == [
        "The workers have another configuration than this file; heliograph plan shows the difference",
        "1 worker with another configuration than the leader's",
    ]


def test_while_the_partitions_are_shared_out_it_says_so(seen):
    found = seen(shared(b"", b"", state="PreparingRebalance"))
    assert not found.copied
    assert found.notes == ["The workers share the partitions out at this moment"]


def test_one_of_version_0_1_has_everything(seen):
    found = seen(shared(b'{"owner":"m-2"}', b'{"owner":"m-2"}'))
    assert found.copied


def test_what_cannot_be_read_is_told(seen):
    found = seen(shared(b"{", given(("orders", 0), ("orders", 1))))
    assert found.notes == ["What m-1 copies cannot be read"]
    assert found.copied


def test_what_is_paused_is_missed_by_nobody(seen):
    told = [paused_row("orders", frozenset({1})), rewind_row(("orders", 1), 4)]
    found = seen(shared(given(("orders", 0)), given()), told=told)
    assert (found.copied, found.paused, found.untaken, found.topics[0].paused) == (True, False, 0, 1)
    assert found.notes == ["Partitions wait for the end of a rewind: orders"]


def test_a_paused_connector_is_told_of(seen):
    found = seen(shared(given(("orders", 0), ("orders", 1))), told=[state_row(Part.HEARTBEAT, TargetState.PAUSED)])
    assert (found.copied, found.paused, found.notes) == (True, False, ["Paused: MirrorHeartbeatConnector"])


def test_a_paused_flow(seen):
    found = seen(shared(given(), given()), told=[state_row(Part.SOURCE, TargetState.PAUSED)])
    assert (found.copied, found.paused, found.topics[0].paused) == (True, True, 2)


def test_mirror_maker(seen):
    found = seen(Occupied)
    assert (found.copier, found.copied) == (Copier.MIRROR_MAKER, True)


def test_another_program(seen):
    found = seen(type("Other", (Occupied,), {"protocol_type": "consumer"}))
    assert (found.copier, found.copied) == (Copier.OTHER, False)


def test_without_the_source_the_lag_is_not_known(seen):
    found = seen(shared(given(("orders", 0))), source_answers=False)
    assert found.lag is None
    assert found.topics == [TopicStatus("orders", "", 1, 1, None, 1)]
    assert found.notes == ["one does not answer, so the lag is not known"]
