import pytest
from record_batches import CONTROL, LOG_APPEND_TIME, Batch, Rec, abort_marker, message, run_of, squeeze, stream, wrapper

from heliograph.errors import DamagedBatch
from heliograph.records import Codec, Record, canonical, decode, scan


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


# --- Canonical form ------------------------------------------------------------------------------------------------------

NULL = b"\xff" * 4


def runs_of(buffer, position=0, small_bytes=0):
    return scan(buffer, 0, len(buffer), position, small_bytes=small_bytes).runs


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("timestamps", [True, False])
def test_the_canonical_form_of_every_field(kernel, codec, timestamps):
    headers = (("a", None), ("\udcfe", b"x"))
    buffer = Batch(
        5, (Rec(0, b"k", b"v" * 300, -3, headers), Rec(2, None, b"", 7)), codec, base_timestamp=1000
    ).encoded()
    (run,) = runs_of(buffer)
    times = [each.to_bytes(8, "big") if timestamps else b"" for each in (997, 1007)]
    first = b"\0\0\0\1k" + b"\0\0\1\x2c" + b"v" * 300 + b"\0\0\0\2" + b"\0\0\0\1a" + NULL
    first += b"\0\0\0\1\xfe" + b"\0\0\0\1x"
    second = NULL + bytes(4) + bytes(4)
    found = canonical(buffer, run, 0, timestamps=timestamps)
    assert found.content == times[0] + first + times[1] + second
    assert (found.segments, found.records) == (((5, 1), (7, 1)), 2)
    assert canonical(buffer, run, 6, timestamps=timestamps).content == times[1] + second


def test_the_canonical_form_does_not_depend_on_batches(kernel):
    one = run_of(30, codec=3).encoded()
    parts = [
        run_of(10, at, codec=codec, base_timestamp=1_700_000_000_000 - 0) for at, codec in ((0, 0), (10, 1), (20, 4))
    ]
    many = b"".join(
        Batch(
            each.base, tuple(Rec(i, r.key, r.value, each.base + i) for i, r in enumerate(each.records)), each.codec
        ).encoded()
        for each in parts
    )
    wanted = canonical(one, runs_of(one)[0], 0).content
    assert b"".join(canonical(many, run, 0).content for run in runs_of(many)) == wanted
    small = b"".join(Batch(i, (Rec(0, b"k%d" % i, b"v", i),)).encoded() for i in range(30))
    (merged,) = runs_of(small, small_bytes=10_000)
    assert canonical(small, merged, 0).content == wanted


def test_the_canonical_form_of_old_messages(kernel):
    new = Batch(0, tuple(Rec(i, b"k", b"v") for i in range(3)), base_timestamp=1_700_000_000_000).encoded()
    old = wrapper(2, 1, [message(i, b"v", b"k", timestamp=1_700_000_000_000) for i in range(3)])
    assert canonical(old, runs_of(old)[0], 0).content == canonical(new, runs_of(new)[0], 0).content
    assert canonical(old, runs_of(old)[0], 2).segments == ((2, 1),)


def test_times_of_the_broker_in_canonical_form(kernel):
    buffer = run_of(2, attributes=LOG_APPEND_TIME, max_timestamp=77).encoded()
    content = canonical(buffer, runs_of(buffer)[0], 0).content
    assert content.count((77).to_bytes(8, "big")) == 2


def test_what_is_dropped_has_no_records(kernel):
    buffer = abort_marker(1, 7).encoded()
    assert canonical(buffer, runs_of(buffer)[0], 0).records == 0


def test_damage_is_named_in_canonical_form_too(kernel):
    record = Rec(0, b"k", b"v").encoded()
    for body in (record[:4] + b"\x7f" + record[5:], record[:-1] + b"\x01", record[:-1] + b"\x02"):
        buffer = Batch(60, body=body).encoded()
        with pytest.raises(DamagedBatch, match="offset 60 "):
            canonical(buffer, runs_of(buffer)[0], 0)
