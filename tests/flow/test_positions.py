"""Where lanes begin, with both clusters in memory: proven, guessed and refused."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster import admin
from heliograph.config.model import LossKind
from heliograph.errors import BrokerError
from heliograph.flow.lane import Lane
from heliograph.flow.positions import Clusters, locate
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import OffsetSync
from heliograph.mirror.resume import Outcome

RECORDS = 6


@pytest.fixture
def place():
    """Find the place of a lane whose source has six records, and whose copy has ``copied`` ones."""

    def run(stored, copied, *, sync=None, shared=False, at_latest=False, foreign=(), fault=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders")
            target.create("one.orders")
            for number in range(RECORDS):
                source.write("orders", [b"%d" % number])
            for value in [*(b"%d" % number for number in range(copied)), *foreign]:
                target.write("one.orders", [value])

            async def work(flow):
                target.always.update(fault or {})
                lane = Lane("orders", "one.orders", 0, Window(1 << 20), shared=shared)
                sides = Clusters(flow.source, flow.target, read_committed=True, start_at_latest=at_latest)
                known = {} if stored is None else {lane: stored}
                syncs = None if sync is None else {lane: sync}
                return (await locate(sides, [lane], known, syncs))[lane]

            return between(source, target, work)

    return run


@pytest.mark.parametrize(("at_latest", "position"), [(False, 0), (True, RECORDS)])
def test_without_a_position_the_configuration_decides(place, at_latest, position):
    found = place(None, 0, at_latest=at_latest)
    assert (found.position, found.outcome, found.losses) == (position, Outcome.UNKNOWN, ())
    assert found.reason == "no position is stored"
    assert place(None, 2).reason.endswith("one.orders-0 already ends at 2")


@pytest.mark.parametrize("stored", [Anchor(3, 3), Anchor(0, 0)], ids=["stored last", "copied on since"])
def test_the_place_behind_the_last_copied_record_is_proven(place, stored):
    found = place(stored, 4)
    assert (found.position, found.outcome, found.expected_offset) == (4, Outcome.EXACT, 4)
    assert (found.losses, found.doubtful) == ((), None)


def test_an_offset_sync_of_mirror_maker_proves_what_a_position_alone_does_not(place):
    alone = place(Anchor(1, None), 4)
    assert (alone.position, alone.outcome) == (2, Outcome.UNKNOWN)
    helped = place(Anchor(1, None), 4, sync=OffsetSync("orders", 0, 1, 1))
    assert (helped.position, helped.outcome) == (4, Outcome.EXACT)


def test_records_of_another_writer_leave_the_range_in_doubt(place):
    found = place(Anchor(1, 1), 2, foreign=[b"theirs"])
    assert (found.position, found.outcome, found.doubtful) == (2, Outcome.FOREIGN, (2, 3))
    ((kind, offsets, goes_on_at),) = [(each.kind, each.target_offsets, each.goes_on_at) for each in found.losses]
    assert (kind, offsets, goes_on_at) == (LossKind.FOREIGN_WRITE, (2, 3), 2)


def test_where_others_write_too_nothing_can_be_counted(place):
    found = place(Anchor(1, 1), 4, shared=True)
    assert (found.position, found.outcome) == (2, Outcome.UNKNOWN)


def test_without_the_permission_to_read_the_copy_the_stored_position_holds(place):
    code = ErrorCode.topic_authorization_failed
    fault = {"fetch": Fault(0, with_code(("responses", 0, "partitions", 0, "error_code"), code))}
    found = place(Anchor(1, 1), 4, fault=fault)
    assert (found.position, found.outcome, found.doubtful) == (2, Outcome.UNKNOWN, (2, 4))
    assert "Read on one.orders is missing" in found.reason


def test_an_error_is_the_lanes_own(place, monkeypatch):
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.02)
    code = ErrorCode.unknown_server_error
    fault = {"list_offsets": Fault(0, with_code(("topics", 0, "partitions", 0, "error_code"), code))}
    assert isinstance(place(Anchor(1, 1), 4, fault=fault), BrokerError)
