"""A lane that takes another's place in a fetch session: the broker must not be told to forget what it is to add.

Brokers work a request's new partitions in first and its forgotten ones afterwards (KIP-227), so a partition in both
would be gone from the session, and nothing of it would ever come.
"""

from dataclasses import dataclass, field, fields, replace

import pytest
from lane_world import WINDOW_BYTES

from heliograph.cluster.metadata import Metadata
from heliograph.flow.fetcher import Fetcher, FetchListener, Reading
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import Producer
from heliograph.flow.window import Window


@dataclass
class Source:
    """All that a request is made from."""

    metadata: Metadata = field(default_factory=Metadata)


@pytest.fixture
def fetcher():
    def never(*_):
        raise AssertionError("nothing is read here")

    reading = Reading(1 << 20, 1 << 20, 100, read_committed=True, rack="", lane_limit_bytes=1 << 20)
    listener = replace(
        FetchListener(**{each.name: never for each in fields(FetchListener)}), lanes=lambda: 2, channels=lambda: 1
    )
    return Fetcher(Source(), 1, reading, Window(WINDOW_BYTES), listener)


def started(partition, position):
    lane = Lane("t", "one.t", partition, Window(WINDOW_BYTES))
    lane.start(position, 0, Producer(7, 0))
    return lane


def told(fetcher):
    """What the next request says: positions by partition, and partitions to forget."""
    channel = fetcher._channels[0]
    wanted, forgotten = channel._compose()
    channel.session.advance(99)
    return {row.partition: row.offset for row in wanted.get("t", ())}, forgotten.get("t", [])


def test_a_lane_takes_anothers_place(fetcher):
    old, other = started(0, 5), started(1, 6)
    fetcher.add(old)
    fetcher.add(other)
    assert told(fetcher) == ({0: 5, 1: 6}, [])
    fetcher.remove(old)
    fetcher.add(started(0, 8))
    assert told(fetcher) == ({0: 8}, [])
    assert told(fetcher) == ({}, [])


def test_a_lane_that_is_only_removed_is_forgotten(fetcher):
    old, other = started(0, 5), started(1, 6)
    fetcher.add(old)
    fetcher.add(other)
    told(fetcher)
    fetcher.remove(old)
    assert told(fetcher) == ({}, [0])
    fetcher.add(started(0, 8))
    assert told(fetcher) == ({0: 8}, [])
