import pytest
from record_batches import CONTROL, LOG_APPEND_TIME, Batch, Rec, abort_marker, run_of, squeeze, stream

from heliograph.errors import DamagedBatch
from heliograph.records import Codec, Record, decode


@pytest.mark.parametrize("codec", Codec)
def test_every_field_of_every_record(kernel, codec):
    batch = Batch(
        5,
        (Rec(0, b"k", b"v", -3, (("a", None), ("\udcfe\u00e9", b"x"))), Rec(2, None, None, 7), Rec(3, b"", b"")),
        codec,
        base_timestamp=1000,
    )
    assert list(decode(batch.encoded(), 0, len(batch.encoded()))) == [
        Record(5, 997, b"k", b"v", (("a", None), ("\udcfe\u00e9", b"x"))),
        Record(7, 1007, None, None),
        Record(8, 1000, b"", b""),
    ]


def test_control_records_only_on_demand(kernel):
    buffer = stream(run_of(1), abort_marker(1, 7), run_of(1, 2))
    assert [r.offset for r in decode(buffer, 0, len(buffer))] == [0, 2]
    assert [r.offset for r in decode(buffer, 0, len(buffer), control=True)] == [0, 1, 2]


def test_log_append_time(kernel):
    buffer = run_of(2, attributes=LOG_APPEND_TIME, max_timestamp=77).encoded()
    assert [r.timestamp for r in decode(buffer, 0, len(buffer))] == [77, 77]


def test_a_partial_batch_at_the_end_is_left_alone(kernel):
    first, second = run_of(1).encoded(), run_of(1, 1).encoded()
    for cut in range(1, len(second)):
        buffer = first + second[:-cut]
        assert [r.offset for r in decode(buffer, 0, len(buffer))] == [0]


@pytest.mark.parametrize("codec", Codec)
def test_damage_is_named(kernel, codec):
    buffer = bytearray(run_of(3, 60, codec).encoded())
    buffer[-1] ^= 1
    with pytest.raises(DamagedBatch, match=r"offset 60 .*checksum"):
        list(decode(buffer, 0, len(buffer)))


def test_lies_inside_a_sound_checksum(kernel):
    record = Rec(0, b"k", b"v").encoded()
    bodies = [record[:-1] + b"\x7f", record + b"x", record[:4] + b"\x7f" + record[5:], b"\x10" + bytes(8), b""]
    for body in bodies:
        buffer = Batch(60, body=squeeze(0, body)).encoded()
        with pytest.raises(DamagedBatch, match="offset 60 "):
            list(decode(buffer, 0, len(buffer)))


def test_a_codec_or_a_length_that_does_not_exist(kernel):
    buffer = Batch(60, codec=0, attributes=CONTROL - CONTROL | 6).encoded()
    with pytest.raises(DamagedBatch, match="codec 6"):
        list(decode(buffer, 0, len(buffer)))
    short = bytearray(Batch(60).encoded())
    short[8:12] = (20).to_bytes(4, "big")
    with pytest.raises(DamagedBatch, match="length field says 20"):
        list(decode(short, 0, len(short)))
