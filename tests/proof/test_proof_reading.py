"""How long a reader rests, how far it reads, and how long it waits for more."""

import asyncio

from proof_world import Log, log_of, record

from heliograph.cluster.log import PartitionLog
from heliograph.cluster.pace import Pace
from heliograph.proof import reading
from heliograph.proof.reading import Part, Reader
from heliograph.records import Codec
from heliograph.wire.fetch import Fetched


class Broker:
    """Answers fetches of one partition, whose log grows when told."""

    def __init__(self, monkeypatch, log: bytes):
        self.log = log
        self.asked = []
        monkeypatch.setattr(reading, "fetch_once", self.fetch_once)

    async def fetch_once(self, log, offset, *, max_bytes, purpose):
        self.asked.append(offset)
        await asyncio.sleep(0.001)
        rows = Log(self.log).starts()
        here = [at for _, following, at in rows if following > offset]
        start = here[0] if here else len(self.log)
        end = min(len(self.log), start + max_bytes)
        high = rows[-1][1] if rows else 0
        return Fetched(log.topic, log.partition, 0, high, high, 0, (), -1, start, end), bytearray(self.log)


def reader_of(end, *, wait_s=None, idle_s=0.0, first=0, absent=False):
    loop = asyncio.get_running_loop()
    part = Part(PartitionLog(None, "t", 0), first, end, slot=0, fetch_bytes=600, absent=absent)
    return Reader(part, first, Pace(), None if wait_s is None else loop.time() + wait_s, idle_s)


async def read_all(reader):
    offsets = [reader.offset]
    while (chunk := await reader.next()) is not None:
        offsets.append(chunk.next_offset)
    await reader.close()
    return offsets


ROWS = [record(number) for number in range(100)]


def test_a_reader_stops_at_the_end_that_was_told(monkeypatch):
    broker = Broker(monkeypatch, log_of(ROWS[:60]) + log_of(ROWS[60:], first=60))

    async def run():
        return await read_all(reader_of(60))

    offsets = asyncio.run(run())
    assert offsets == sorted(set(offsets))
    assert offsets[-1] >= 60
    assert broker.asked == offsets[:-1], "each place once, and nothing behind the end"


def test_a_batch_larger_than_a_fetch_is_asked_for_again(monkeypatch):
    broker = Broker(monkeypatch, log_of(ROWS, batch_max=100, codec=Codec.NONE))
    asyncio.run(_read_to(100))
    assert len(broker.asked) > len(set(broker.asked))


async def _read_to(end):
    assert (await read_all(reader_of(end)))[-1] == end


def test_records_behind_the_end_are_waited_for(monkeypatch):
    broker = Broker(monkeypatch, log_of(ROWS[:60]))

    async def run():
        reader = reader_of(60, wait_s=20.0, idle_s=20.0)
        assert (await read_first(reader, 60)) == 60
        asyncio.get_running_loop().call_later(0.05, grow)
        return (await reader.next()).next_offset

    def grow():
        broker.log += log_of(ROWS[60:70], first=60, batch_max=10)

    async def read_first(reader, until):
        while reader.offset < until:
            assert await reader.next() is not None
        return reader.offset

    assert asyncio.run(run()) > 60


def test_when_the_wait_is_over_only_what_is_there_is_read(monkeypatch):
    broker = Broker(monkeypatch, log_of(ROWS[:60]) + log_of(ROWS[60:80], first=60))

    async def run():
        reader = reader_of(60, wait_s=0.0)
        reader.on_bytes = lambda _: grow()
        return await read_all(reader)

    def grow():
        """Somebody writes all the time."""
        end = Log(broker.log).end
        broker.log += log_of([record(end)], first=end)

    assert 80 <= asyncio.run(run())[-1] <= 120


def test_nothing_is_asked_of_what_is_not_there(monkeypatch):
    broker = Broker(monkeypatch, b"")

    async def run():
        return await read_all(reader_of(0, wait_s=9.0, idle_s=9.0, absent=True))

    assert (asyncio.run(run()), broker.asked) == ([0], [])


def test_a_partition_that_gives_nothing_is_given_up(monkeypatch):
    broker = Broker(monkeypatch, b"")

    async def run():
        return await read_all(reader_of(10))

    assert (asyncio.run(run()), broker.asked) == ([0], [0, 0, 0])
