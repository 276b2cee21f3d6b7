"""Positions of many groups are counted by few requests, at a limited rate, and again where that failed."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from kio.schema.errors import ErrorCode

from between import Noted
from fake_cluster import FakeCluster, Fault
from fake_flow import connected
from fault_injection import with_code
from heliograph.mirror.offset_map import OffsetMap
from heliograph.upkeep import counts
from heliograph.upkeep.counts import RETRY_S, ROUND_S, Counts

PARTITIONS, RECORDS, MISSING = 3, 400, 7
MESSAGE = "groups that lag are not followed on a partition"
DENIED = Fault(0, with_code(("responses", 0, "partitions", 0, "error_code"), ErrorCode.topic_authorization_failed))


class Clock:
    def __init__(self):
        self.now_s, self.step_s = 1000.0, 0.0

    def __call__(self):
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def fakes():
    """A topic whose copy lacks the first records of each partition, as one that began in the middle."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name, first in ((source, "t", 0), (target, "A.t", MISSING)):
            fake.create(name, PARTITIONS)
            for partition in range(PARTITIONS):
                for start in range(first, RECORDS, 20):
                    values = [b"%d" % number for number in range(start, min(start + 20, RECORDS))]
                    fake.write(name, values, partition)
        yield source, target


@asynccontextmanager
async def counting(fakes, log, clock):
    async with connected(*fakes) as ends:
        yield Counts(ends.flow, ends.source, ends.target, log, clock)


def maps():
    """The last pair only, as after a restart and a compaction."""
    found = {}
    for partition in range(PARTITIONS):
        found["t", partition] = OffsetMap()
        found["t", partition].synced(RECORDS - 1, RECORDS - 1 - MISSING)
    return found


def every_position(first=0):
    return {(("t", partition), offset) for partition in range(PARTITIONS) for offset in range(first, RECORDS - 1)}


def test_a_thousand_positions_are_counted_by_a_few_requests(fakes):
    async def scenario():
        async with counting(fakes, Noted(), Clock()) as asked:
            wanted = every_position()
            assert len(wanted) > 1000
            for fake in fakes:
                fake.forget_requests()
            await asked.count(wanted, maps())
            for key, offset in wanted:
                found = asked.of(key, offset)
                assert (found.offset, found.exact) == (max(0, offset - MISSING), True)
            assert sum(fake.asked.count("fetch") for fake in fakes) <= 8 * PARTITIONS
            for fake in fakes:
                fake.forget_requests()
            await asked.count(wanted, maps())
            assert [fake.asked for fake in fakes] == [[], []], "what was found is remembered"
            asked.forget([(("t", 0), 5)])
            assert asked.of(("t", 0), 5) is not None
            assert asked.of(("t", 0), 6) is None, "for as long as the position stays"

    asyncio.run(scenario())


@pytest.mark.parametrize("side", [0, 1])
def test_a_count_that_failed_is_tried_again(fakes, side):
    log, clock = Noted(), Clock()

    async def scenario():
        async with counting(fakes, log, clock) as asked:
            fakes[side].always["fetch"] = DENIED
            for _ in range(3):
                await asked.count(every_position(), maps())
                assert asked.of(("t", 0), 100) is None
                clock.now_s += RETRY_S + 1
            assert [(message, fields["partition"]) for message, fields in log.of("warning")] == [
                (MESSAGE, partition) for partition in range(PARTITIONS)
            ], "each is told once"
            await asked.count(every_position(), maps())
            fakes[side].always.clear()
            fakes[side].forget_requests()
            await asked.count(every_position(), maps())
            assert fakes[side].asked == [], "not at once"
            clock.now_s += RETRY_S + 1
            await asked.count(every_position(), maps())
            assert asked.of(("t", 0), 100).offset == 100 - MISSING
            fakes[side].always["fetch"] = DENIED
            asked.forget([])
            clock.now_s += 1000
            await asked.count(every_position(), maps())
            assert len(log.of("warning")) == 2 * PARTITIONS, "and once more when it is back"

    asyncio.run(scenario())


def test_a_round_ends_after_a_while_and_the_next_goes_on(fakes, monkeypatch):
    monkeypatch.setattr(counts, "PARTITIONS_AT_ONCE", 1)
    clock = Clock()

    async def scenario():
        async with counting(fakes, Noted(), clock) as asked:
            clock.step_s = ROUND_S / 3
            await asked.count(every_position(), maps())
            done = [asked.of(("t", partition), 100) is not None for partition in range(PARTITIONS)]
            assert done == [True, False, False]
            await asked.count(every_position(), maps())
            done = [asked.of(("t", partition), 100) is not None for partition in range(PARTITIONS)]
            assert done == [True, True, False]

    asyncio.run(scenario())


def test_a_partition_rests_after_a_count(fakes):
    clock = Clock()

    async def scenario():
        async with counting(fakes, Noted(), clock) as asked:
            clock.step_s = 1.0
            await asked.count({(("t", 0), 100)}, maps())
            clock.step_s = 0.0
            await asked.count({(("t", 0), 101)}, maps())
            assert asked.of(("t", 0), 101) is None
            clock.now_s += counts.REST + 0.1
            await asked.count({(("t", 0), 101)}, maps())
            assert asked.of(("t", 0), 101).offset == 101 - MISSING

    asyncio.run(scenario())


def test_only_so_many_are_remembered(fakes, monkeypatch):
    monkeypatch.setattr(counts, "REMEMBERED_MAX", 10)

    async def scenario():
        async with counting(fakes, Noted(), Clock()) as asked:
            await asked.count(every_position(), maps())
            await asked.count(every_position(), maps())
            known = [each for each in every_position() if asked.of(*each) is not None]
            assert sorted(known) == sorted(every_position())[:10]

    asyncio.run(scenario())


def test_an_answer_that_is_not_exact_counts_for_a_while(fakes):
    clock = Clock()
    copy = fakes[1].topics["A.t"].logs[0]
    later = copy[-3:]
    del copy[-3:]  # what another replica has not told of yet, say

    async def scenario():
        async with counting(fakes, Noted(), clock) as asked:
            wanted = {(("t", 0), 390), (("t", 1), 390)}
            await asked.count(wanted, maps())
            assert [asked.of(("t", partition), 390).exact for partition in (0, 1)] == [False, True]
            copy.extend(later)
            clock.now_s += counts.AGAIN_S - 1
            asked.forget(wanted)
            await asked.count(wanted, maps())
            assert not asked.of(("t", 0), 390).exact
            clock.now_s += 2
            asked.forget(wanted)
            fakes[0].forget_requests()
            await asked.count(wanted, maps())
            assert asked.of(("t", 0), 390).offset == 390 - MISSING
            fetched = fakes[0].asked.count("fetch")
            clock.now_s += 10 * counts.AGAIN_S
            asked.forget(wanted)
            await asked.count(wanted, maps())
            assert fakes[0].asked.count("fetch") == fetched, "what is exact stays"

    asyncio.run(scenario())
