import struct

import pytest
from record_batches import (
    BASE_TIMESTAMP,
    GZIP,
    LOG_APPEND_TIME,
    LZ4,
    NONE,
    SNAPPY,
    lz4_broken_header,
    message,
    snappy_raw,
    wrapper,
    xerial,
)

from heliograph.errors import DamagedBatch
from heliograph.records import decode
from heliograph.records.legacy import messages


def read(buffer):
    return [
        (m.offset, m.timestamp, m.key and bytes(m.key), m.value and bytes(m.value))
        for m in messages(buffer, 0, len(buffer))
    ]


def test_plain_messages():
    buffer = message(3, b"a", b"k", magic=0) + message(4, None, b"k", timestamp=9) + message(6, b"c", timestamp=-1)
    assert read(buffer) == [(3, -1, b"k", b"a"), (4, 9, b"k", None), (6, -1, None, b"c")]


@pytest.mark.parametrize(
    ("codec", "pack"), [(GZIP, None), (SNAPPY, xerial), (SNAPPY, snappy_raw), (LZ4, None), (LZ4, lz4_broken_header)]
)
def test_wrappers(codec, pack):
    inner = [message(offset, b"v%d" % offset, magic=0) for offset in (10, 12, 15)]
    assert read(wrapper(15, codec, inner, magic=0, pack=pack)) == [(o, -1, None, b"v%d" % o) for o in (10, 12, 15)]
    inner = [message(offset, b"v%d" % offset, timestamp=offset) for offset in (0, 2, 5)]
    assert read(wrapper(15, codec, inner, pack=pack)) == [(o, o - 10, None, b"v%d" % (o - 10)) for o in (10, 12, 15)]


def test_relative_offsets_belong_to_the_wrapper_even_after_compaction():
    """KIP-31: the wrapper's offset is that of the last message inside, whatever the first relative offset is."""
    inner = [message(relative, b"v") for relative in (2, 3, 7)]
    assert [offset for offset, *_ in read(wrapper(107, GZIP, inner))] == [102, 103, 107]


def test_a_wrapper_with_log_append_time_dates_all_its_messages():
    inner = [message(i, b"v", timestamp=i) for i in range(2)]
    buffer = wrapper(1, GZIP, inner, timestamp=BASE_TIMESTAMP, attributes=LOG_APPEND_TIME)
    assert [timestamp for _, timestamp, *_ in read(buffer)] == [BASE_TIMESTAMP] * 2


def test_decode_reads_them_too(kernel):
    buffer = message(3, b"a", magic=0) + wrapper(5, LZ4, [message(0, b"b", b"k"), message(1, None, b"k")])
    assert [(r.offset, r.key, r.value) for r in decode(buffer, 0, len(buffer))] == [
        (3, None, b"a"), (4, b"k", b"b"), (5, b"k", None),
    ]  # fmt: skip


def with_crc(checked, offset=8):
    import zlib

    return struct.pack(">qiI", offset, len(checked) + 4, zlib.crc32(checked)) + checked


nested = wrapper(8, GZIP, [wrapper(1, GZIP, [message(0, b"v")])])

HOSTILE = {
    "wrong checksum": message(8, b"value")[:-1] + b"X",
    "cut off": message(8, b"value")[:-1],
    "key beyond the message": with_crc(b"\x00\x00" + struct.pack(">ii", 100, -1)),
    "negative length": with_crc(b"\x00\x00" + struct.pack(">ii", -2, -1)),
    "bytes behind the value": with_crc(b"\x00\x00" + struct.pack(">ii", -1, -1) + b"x"),
    "too small for its format": with_crc(b"\x01\x00" + struct.pack(">ii", -1, -1)),
    "compressed nothing": message(8, None, attributes=GZIP),
    "compressed emptiness": wrapper(8, GZIP, []),
    "zstd, which came later": message(8, b"x", attributes=4),
    "not gzip": message(8, b"not gzip", attributes=GZIP),
    "inner cut off": wrapper(8, GZIP, [message(0, b"v")[:-1]]),
    "inner of another format": wrapper(8, GZIP, [message(0, b"v", magic=0)]),
    "compressed twice": nested,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_messages_are_damaged(case):
    with pytest.raises(DamagedBatch, match="offset 8 is damaged"):
        read(HOSTILE[case])


def test_a_bomb_inside_a_wrapper_is_refused():
    with pytest.raises(DamagedBatch, match="offset 8 "):
        read(wrapper(8, GZIP, [message(0, bytes(65 << 20), attributes=NONE)]))
