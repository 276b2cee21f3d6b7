"""A compacted copy that refuses records without key is held open until they are over, and gets back what it had."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.errors import BrokerError
from heliograph.flow.lane import Lane, Producer
from heliograph.flow.window import Window
from heliograph.upkeep.unkeyed import OPEN, Unkeyed
from heliograph.wire import errors as codes

COMPACTED = {"cleanup_policy": "compact", "retention_ms": "100"}
RECORDS = 4
KEY = ("orders", 0)


@pytest.fixture
def scene():
    """Let a lane be refused, and run ``act`` with the job, the lane and the copy's configs; returns the log."""

    def run(act, *, theirs=COMPACTED, code=codes.INVALID_RECORD, fault=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders", **theirs)
            source.write("orders", [b"value"] * RECORDS)
            configs = target.create("one.orders", **COMPACTED).configs
            target.always.update(fault or {})

            async def work(flow):
                lane = Lane("orders", "one.orders", 0, Window(1 << 20))
                lane.start(1, 1, Producer(1, 0))
                lane.fail(BrokerError("refused", code=code), 0.0)
                job = Unkeyed(flow.source, flow.target, {KEY: lane}, flow.log)
                await act(job, lane, configs)
                return flow.log

            return between(source, target, work)

    return run


def test_it_is_open_until_what_was_there_is_copied(scene):
    async def act(job, lane, configs):
        before = dict(configs)
        await job.look()
        assert configs == OPEN
        assert (job.held["orders"].ends, job.spared) == ({0: RECORDS}, {"one.orders": frozenset(OPEN)})
        lane.start(RECORDS - 1, RECORDS - 1, Producer(2, 0))
        await job.look()
        assert configs == OPEN, "a record is left"
        lane.start(RECORDS, RECORDS, Producer(3, 0))
        await job.look()
        assert configs == before
        assert (job.held, job.spared) == ({}, {})

    log = scene(act)
    told = {"topic": "one.orders", "before": "cleanup.policy=compact,retention.ms=100"}
    assert log.lines == [
        ("warning", "a copy is not compacted until records without key are copied", told),
        ("info", "a copy is compacted again", {"topic": "one.orders"}),
    ]


def test_a_copy_that_somebody_compacts_meanwhile_is_opened_again(scene):
    async def act(job, lane, configs):
        before = dict(configs)
        await job.look()
        configs.update({"cleanup.policy": "compact", "retention.ms": "7"})
        job._not_before_s = 0.0
        await job.look()
        assert configs == OPEN
        lane.start(RECORDS, RECORDS, Producer(2, 0))
        await job.look()
        assert configs == before

    assert len(scene(act).lines) == 3


@pytest.mark.parametrize(
    "case", [{"theirs": {}}, {"code": codes.MESSAGE_TOO_LARGE}], ids=["not compacted", "too large"]
)
def test_other_refusals_change_no_copy(scene, case):
    async def act(job, _lane, configs):
        await job.look()
        assert configs == {"cleanup.policy": "compact", "retention.ms": "100"}
        assert job.held == {}

    assert scene(act, **case).lines == []


def test_without_the_permission_it_says_once_what_a_person_may_set(scene):
    async def act(job, _lane, _configs):
        for _ in range(2):
            job._not_before_s = 0.0
            await job.look()
        assert job.held == {}

    place = ("responses", 0, "error_code")
    fault = {"incremental_alter_configs": Fault(0, with_code(place, ErrorCode.topic_authorization_failed))}
    ((level, message, fields),) = scene(act, fault=fault).lines
    assert (level, message) == ("error", "a copy cannot be given another cleanup policy")
    wanted = "--entity-name one.orders --add-config cleanup.policy=delete,retention.ms=-1,retention.bytes=-1"
    assert wanted in fields["cause"].remedy
