"""Where lanes begin is told where it is in doubt, stored where it would be untrue, and a lane that cannot begin waits."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import admin
from heliograph.config.model import LossKind
from heliograph.flow.lane import Lane, State
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.stored import Offsets, ensure_topic

NOT_KNOWN = "the exact place is not known: records may be there twice, none is lost"
CANNOT = "a partition cannot begin"
KEY = ("orders", 0)


def lane_of(**more):
    return Lane("orders", "one.orders", 0, Window(1 << 20), **more)


@pytest.fixture
def begun():
    """Start a lane whose source has six records; ``copied`` are on the target. Returns lane, log and stored position."""

    def run(stored, copied, *, fault=None, times=1, foreign=(), **changes):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            target.create("one.orders")
            for number in range(6):
                source.write("orders", [b"%d" % number])
            for value in [*(b"%d" % number for number in range(copied)), *foreign]:
                target.write("one.orders", [value])

            async def work(flow):
                await ensure_topic(flow.target, flow.config)
                if stored is not None:
                    await Offsets(flow.target, flow.config).write([(lane_of(), stored)], 1_700_000_000_000)
                session = flow.session()
                await session._load()
                target.always.update(fault or {})
                lane = lane_of()
                for _ in range(times):
                    await session._starter.start([lane])
                target.always.clear()
                kept = await Offsets(flow.target, flow.config).read()
                return lane, flow.log, kept.get(KEY)

            return between(source, target, work, **changes)

    return run


def test_an_exact_place_is_begun_without_a_word(begun):
    lane, log, _ = begun(Anchor(1, 1), 4)
    assert (lane.state, lane.position, lane.expected_offset) == (State.RUNNING, 4, 4)
    assert (lane.anchor.source_offset, lane.anchor.target_offset) == (3, 3)
    assert log.lines == []


def test_a_fresh_lane_of_an_empty_copy_too(begun):
    lane, log, _ = begun(None, 0)
    assert (lane.state, lane.position, log.lines) == (State.RUNNING, 0, [])


def test_a_copy_that_is_there_without_a_position_is_in_doubt(begun):
    lane, log, _ = begun(None, 0, foreign=[b"theirs"])
    assert lane.position == 0
    (fields,) = log.fields(NOT_KNOWN)
    assert (fields["position"], fields["target_offsets_in_doubt"]) == (0, "-")
    assert str(fields["reason"]).startswith("no position is stored")


def test_other_writers_are_a_loss_and_the_new_place_is_stored_at_once(begun):
    lane, log, kept = begun(Anchor(1, 1), 2, foreign=[b"theirs"])
    assert (lane.state, lane.position) == (State.RUNNING, 2)
    (fields,) = log.fields(NOT_KNOWN)
    assert fields["target_offsets_in_doubt"] == "2..3"
    assert kept.source_offset == 1


def test_after_a_loss_at_which_a_person_decides_the_lane_stands(begun):
    lane, _, _ = begun(Anchor(1, 1), 2, foreign=[b"theirs"], stop_on_loss=frozenset({LossKind.FOREIGN_WRITE}))
    assert lane.state is State.HALTED


def test_a_lane_whose_place_cannot_be_asked_for_waits_and_says_so_once(begun, monkeypatch):
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.02)
    place = ("topics", 0, "partitions", 0, "error_code")
    fault = {"list_offsets": Fault(0, with_code(place, ErrorCode.topic_authorization_failed))}
    lane, log, _ = begun(Anchor(1, 1), 4, fault=fault, times=2)
    (fields,) = log.fields(CANNOT)
    assert (fields["topic"], fields["partition"], fields["cause"].right) == (*KEY, "Describe")
    assert lane.state is not State.RUNNING
    assert str(lane.cause) == str(fields["cause"])


def test_without_a_producer_id_of_its_own_no_lane_begins(begun):
    """The first was asked for before; a lane that begins again needs another."""
    fault = {"init_producer_id": Fault(0, with_code(("error_code",), ErrorCode.cluster_authorization_failed))}
    lane, log, _ = begun(Anchor(1, 1), 4, fault=fault, times=2)
    assert lane.state is State.FAILED
    assert log.messages == [CANNOT]
