"""The frames of one stream, whole, byte by byte, and in every other cut; and streams that are not Kafka's."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.broker.framing import FRAME_BYTES_AT_ONCE, FRAME_BYTES_MAX, Framer
from heliograph.errors import ClusterError, NotKafka, ProtocolError


def framed(*bodies):
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def feed(framer, stream, sizes):
    """Receive ``stream`` in pieces of the given sizes (cut to what the framer has room for)."""
    frames, at, sizes = [], 0, iter(sizes)
    while at < len(stream):
        room = framer.buffer()
        assert len(room), "there is always room"
        count = min(len(room), next(sizes, 1), len(stream) - at)
        room[:count] = stream[at : at + count]
        frames += (bytes(frame) for frame in framer.received(count))
        at += count
    return frames


@given(
    bodies=st.lists(st.binary(min_size=4, max_size=50), max_size=5),
    sizes=st.lists(st.integers(1, 60), max_size=60),
)
def test_frames_come_out_as_they_went_in(bodies, sizes):
    framer = Framer()
    assert feed(framer, framed(*bodies), sizes) == bodies
    assert framer.missing_bytes == 0


def test_byte_by_byte_and_a_beginning_of_the_next():
    framer = Framer()
    assert feed(framer, framed(b"first", b"second") + b"\0\0\0", [1] * 99) == [b"first", b"second"]
    assert framer.missing_bytes == 0
    assert feed(framer, b"\x08abcd", [1] * 5) == []
    assert framer.missing_bytes == 4


def test_a_frame_is_its_owners_once_it_is_complete():
    framer = Framer()
    first = framed(b"first")
    framer.buffer()[:4] = first[:4]
    framer.received(4)
    framer.buffer()[:5] = first[4:]
    (frame,) = framer.received(5)
    feed(framer, framed(b"other"), [4, 5])
    assert frame == b"first"


def test_many_small_frames_come_with_one_reception():
    bodies = [b"frame %d" % number for number in range(20)]
    stream = framed(*bodies) + b"\0\0"
    framer = Framer()
    framer.buffer()[: len(stream)] = stream
    assert framer.received(len(stream)) == bodies
    assert feed(framer, framed(b"after")[2:], [99]) == [b"after"]


@pytest.mark.parametrize("head", [b"HTTP", b"<!DO", b"<htm", b"\x15\x03\x03\x00", b"\x16\x03\x01\x02"])
def test_other_protocols_are_named(head):
    with pytest.raises(NotKafka, match=r"HTTP|TLS"):
        feed(Framer(), head, [4])


@pytest.mark.parametrize("length", [-1, -(2**31), 0, 3, FRAME_BYTES_MAX + 1, 2**31 - 1])
def test_lengths_that_cannot_be_are_refused(length):
    with pytest.raises(ProtocolError, match=str(length)):
        feed(Framer(), length.to_bytes(4, "big", signed=True), [4])


@given(st.binary(min_size=4, max_size=64))
def test_noise_gives_no_other_error(noise):
    try:
        feed(Framer(), noise, [7] * 99)
    except ClusterError as error:
        assert error.remedy


def test_a_long_frame_takes_memory_only_as_it_comes():
    framer = Framer()
    tracemalloc.start()
    try:
        feed(framer, FRAME_BYTES_MAX.to_bytes(4, "big") + bytes(1_000), [4, 1_000])
        assert tracemalloc.get_traced_memory()[1] < FRAME_BYTES_AT_ONCE + (1 << 20)
    finally:
        tracemalloc.stop()
    assert framer.missing_bytes == FRAME_BYTES_MAX - 1_000


def test_a_frame_longer_than_the_first_buffer_comes_whole():
    length = FRAME_BYTES_AT_ONCE * 2 + 77
    stream = length.to_bytes(4, "big") + bytes(FRAME_BYTES_AT_ONCE) + b"x" * (FRAME_BYTES_AT_ONCE + 77)
    frames = feed(Framer(), stream, [4] + [1 << 20] * 99)
    assert frames == [stream[4:]]
