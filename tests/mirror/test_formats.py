import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import DataError
from heliograph.mirror import formats
from heliograph.mirror.formats import Checkpoint, Heartbeat, OffsetSync

VECTORS = [
    (
        formats.encode_heartbeat,
        formats.decode_heartbeat,
        Heartbeat("A", "B", 1700000000000),
        "000141000142",
        "00000000018bcfe56800",
    ),
    (
        formats.encode_checkpoint,
        formats.decode_checkpoint,
        Checkpoint("g1", "A.t", 3, 42, 40, ""),
        "000267310003412e7400000003",
        "0000000000000000002a00000000000000280000",
    ),
    (
        formats.encode_offset_sync,
        formats.decode_offset_sync,
        OffsetSync("t", 3, 42, 40),
        "00017400000003",
        "000000000000002a0000000000000028",
    ),
]


@pytest.mark.parametrize(("encode", "decode", "record", "key", "value"), VECTORS)
def test_vectors(encode, decode, record, key, value):
    assert tuple(part.hex() for part in encode(record)) == (key, value)
    assert decode(bytes.fromhex(key), bytes.fromhex(value)) == record


@pytest.mark.parametrize(("encode", "decode", "record", "key", "value"), VECTORS)
def test_every_shortened_record_is_refused(encode, decode, record, key, value):
    key, value = bytes.fromhex(key), bytes.fromhex(value)
    for size in range(len(key)):
        with pytest.raises(DataError, match="ends early"):
            decode(key[:size], value)
    for size in range(len(value)):
        with pytest.raises(DataError, match="ends early"):
            decode(key, value[:size])


@pytest.mark.parametrize("vector", VECTORS[:2])
def test_unknown_versions_are_refused(vector):
    _, decode, _, key, value = vector
    with pytest.raises(DataError, match="version 1"):
        decode(bytes.fromhex(key), b"\x00\x01" + bytes.fromhex(value)[2:])


@pytest.mark.parametrize(
    ("key", "message"), [(b"\xff\xff", "ends early"), (b"\x00\x01\xff\x00\x00\x00\x00", "not UTF-8")]
)
def test_bad_texts_are_refused(key, message):
    with pytest.raises(DataError, match=message):
        formats.decode_offset_sync(key, bytes(16))


def test_a_text_too_long_is_refused():
    with pytest.raises(DataError, match="32,768 bytes"):
        formats.encode_checkpoint(Checkpoint("g", "t", 0, 1, 1, "m" * 32768))


texts = st.text(max_size=50)
int64 = st.integers(-(2**63), 2**63 - 1)


@given(st.builds(Checkpoint, texts, texts, st.integers(0, 2**31 - 1), int64, int64, texts))
def test_checkpoints_come_back(checkpoint):
    assert formats.decode_checkpoint(*formats.encode_checkpoint(checkpoint)) == checkpoint
