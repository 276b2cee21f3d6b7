"""What a lane reads: the position, what waits, and where the source partition ends."""

import pytest
from lane_world import batch

from heliograph.errors import DamagedBatch
from heliograph.flow.intake import COPY_BELOW_BYTES, Intake
from heliograph.flow.window import Hold, Window
from heliograph.records import LIMIT_BYTES
from heliograph.wire.fetch import Fetched


class World:
    """An intake and the window that it takes its bytes from."""

    def __init__(self):
        self.window = Window(1 << 22)
        self.intake = Intake("t-0 on one", self.window, None)

    def come(self, frame, *, start=0, end=None, high_watermark=100, last_stable_offset=-1, read_committed=True):
        """Let an answer come, whose frame holds ``frame`` alone."""
        hold = Hold(self.window, len(frame)).keep()
        end = len(frame) if end is None else end
        row = Fetched("t", 0, 0, high_watermark, last_stable_offset, 0, (), -1, start, end)
        try:
            return self.intake.fetched(row, frame, hold, limit_bytes=LIMIT_BYTES, read_committed=read_committed)
        finally:
            hold.let_go()

    def take(self):
        return self.intake.take(LIMIT_BYTES, full=False)


@pytest.fixture
def world():
    return World()


def test_what_comes_moves_the_position_and_waits(world):
    raw = batch(0, 3)
    assert world.come(raw)
    assert (world.intake.position, world.intake.end_offset, world.intake.size_bytes) == (3, 100, len(raw))
    ready = world.take()
    assert (ready.parcel.records, ready.parcel.next_offset) == (3, 3)
    assert not world.intake
    ready.hold.let_go()
    assert world.window.used_bytes == 0


def test_rewinding_drops_what_waits_and_gives_its_bytes_back(world):
    world.come(batch(0, 3))
    world.intake.rewind(1)
    assert not world.intake
    assert (world.intake.position, world.window.used_bytes) == (1, 0)
    world.come(batch(0, 3))
    ready = world.take()
    assert (ready.parcel.segments, ready.parcel.next_offset) == (((1, 2),), 3), "the record before 1 is cut off"


def test_an_answer_without_bytes_still_tells_the_ends(world):
    assert not world.come(b"", high_watermark=12, last_stable_offset=7)
    assert (world.intake.end_offset, world.intake.stable_offset, world.intake.held_at) == (12, 7, 7)
    world.come(b"", high_watermark=12, last_stable_offset=12)
    assert world.intake.held_at is None
    world.come(b"", high_watermark=12, last_stable_offset=7, read_committed=False)
    assert world.intake.stable_offset is None, "everything is read"


def test_a_new_beginning_forgets_what_held_the_old_one_up(world):
    world.come(b"", high_watermark=12, last_stable_offset=7)
    world.intake.begin(5)
    assert (world.intake.position, world.intake.held_at, world.intake.end_offset) == (5, None, 12)


def test_a_batch_that_is_larger_than_the_answer_is_asked_for_whole(world):
    raw = batch(0, 50, size=100)
    assert world.come(raw, end=200)
    assert not world.intake
    assert (world.intake.position, world.intake.fetch_bytes) == (0, len(raw))
    world.intake.ask_for(7)
    assert world.intake.fetch_bytes == 7


@pytest.mark.parametrize(("rest", "copied"), [(0, False), (COPY_BELOW_BYTES * 10, True)])
def test_a_small_part_of_a_large_frame_does_not_hold_it(world, rest, copied):
    raw = batch(0, 3)
    world.come(raw + bytes(rest), end=len(raw))
    assert world.window.used_bytes == (len(raw) if copied else len(raw) + rest)


def test_damage_names_the_partition_and_its_cluster(world):
    raw = bytearray(batch(0, 3))
    raw[16] = 9  # no such format
    with pytest.raises(DamagedBatch, match=r"^t-0 on one: "):
        world.come(bytes(raw))
