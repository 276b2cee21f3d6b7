"""The kernel's own arithmetic, and that the compiled one and its Python twin cannot be told apart."""

import os
import random
import struct
import subprocess
import sys

import google_crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_batches import (
    CONTROL,
    DELETE_HORIZON,
    LOG_APPEND_TIME,
    TRANSACTIONAL,
    Batch,
    Rec,
    abort_marker,
    lz4_linked,
    message,
    snappy_raw,
    squeeze,
    wrapper,
)

from heliograph.errors import DamagedBatch
from heliograph.records import Codec, Kind, _reference, kernel_name, model
from heliograph.records.codecs import Malformed


def test_the_environment_forces_the_twin():
    program = "from heliograph.records import kernel_name; print(kernel_name)"
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HELIOGRAPH_KERNEL": "python"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "python\n"
    assert kernel_name in {"python", "compiled"}


def test_crc_is_castagnoli(kernel):
    assert kernel.crc32c(b"123456789", 0, 9) == 0xE3069283
    chance = random.Random(1)
    noise = chance.randbytes(50_000)
    for size in (*range(70), 191, 192, 193, 1535, 1536, 1600, 12287, 12288, 12289, 50_000):
        start = min(size % 7, 50_000 - size)
        assert kernel.crc32c(noise, start, start + size) == google_crc32c.value(noise[start : start + size]), size


def test_crc_by_tables_is_the_same(compiled):
    noise = os.urandom(20_000)
    try:
        assert not compiled.use_hardware(False)
        for size in (0, 1, 7, 8, 9, 1000, 20_000):
            assert compiled.crc32c(noise, 0, size) == google_crc32c.value(noise[:size])
        assert compiled.shift_crc(0x12345678, 999) == _reference.shift_crc(0x12345678, 999)
    finally:
        compiled.use_hardware(True)


def test_moving_a_crc(kernel):
    """The linear CRC of bytes with zeros behind them is that of the bytes, moved."""
    for n_bytes in (0, 1, 4, 255, 256, 257, 70_000):
        front = google_crc32c.value(b"front") ^ google_crc32c.value(bytes(5))
        whole = google_crc32c.value(b"front" + bytes(n_bytes)) ^ google_crc32c.value(bytes(5 + n_bytes))
        assert kernel.shift_crc(front, n_bytes) == whole
    assert kernel.shift_crc(0xDEADBEEF, 2**31 - 1) == _reference.shift_crc(0xDEADBEEF, 2**31 - 1)


def test_a_range_outside_the_buffer_is_refused(kernel):
    for start, end in ((-1, 3), (0, 5), (3, 2), (2**40, 2**41)):
        with pytest.raises(ValueError, match="does not lie"):
            kernel.scan(b"1234", start, end, 0, (), 1, 1)
    whole = Batch().encoded()
    for start, end in ((-1, 20), (0, len(whole) + 1), (5, 9)):
        with pytest.raises(DamagedBatch):
            kernel.first_damaged(whole, start, end)
        with pytest.raises(DamagedBatch):
            kernel.Packer(Codec.NONE, 1000).add(whole, start, end, 0)


# --- The two agree -----------------------------------------------------------------------------------------------------

payloads = st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"a" * 300, b"ab" * 5000]))
headers = st.lists(st.tuples(st.text(max_size=3), payloads), max_size=2).map(tuple)


@st.composite
def batches(draw, base):
    n = draw(st.integers(0, 6))
    deltas = sorted(draw(st.sets(st.integers(0, 9), min_size=n, max_size=n)))
    if draw(st.booleans()):
        deltas = list(range(n))
    records = tuple(
        Rec(
            delta,
            draw(payloads),
            draw(payloads),
            draw(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 900)),
            draw(headers),
        )
        for delta in deltas
    )
    last = deltas[-1] if deltas else 0
    codec = draw(st.integers(0, 4))
    plain = b"".join(record.encoded() for record in records)
    pack = draw(st.sampled_from([None, None, {2: snappy_raw, 3: lz4_linked}.get(codec)]))
    return Batch(
        base,
        records,
        codec,
        draw(
            st.sampled_from(
                [0, 0, 0, 0, LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, DELETE_HORIZON, TRANSACTIONAL | CONTROL]
            )
        ),
        producer=(draw(st.integers(-1, 3)), 0, draw(st.integers(-1, 2**31 - 1))),
        max_timestamp=draw(st.integers(-1, 2**62)),
        last_delta=draw(st.sampled_from([last, last, last, last + 2])),
        body=None if pack is None else pack(plain),
    )


@st.composite
def fetches(draw):
    base = draw(st.integers(0, 30))
    parts = []
    for _ in range(draw(st.integers(1, 7))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            marker = abort_marker(base, draw(st.integers(0, 3)), draw(st.integers(0, 1)))
            parts.append(marker.encoded())
            base += 1
        elif kind == 1:
            magic, codec = draw(st.integers(0, 1)), draw(st.integers(0, 3))
            if codec == 0:
                parts.append(message(base, draw(payloads), draw(payloads), magic=magic))
            else:
                inner = [message(base * (1 - magic) + i, b"in", magic=magic) for i in range(2)]
                base += 1
                parts.append(wrapper(base, codec, inner, magic=magic))
            base += 1
        else:
            batch = draw(batches(base))
            parts.append(batch.encoded())
            base += batch.last + 1
        base += draw(st.sampled_from([0, 0, 0, 3]))
    return b"".join(parts)


def outcome(work, *arguments):
    """What a kernel did, in a form that can be compared."""
    try:
        return work(*arguments)
    except DamagedBatch as error:
        return "damaged", error.message.split(":")[0]
    except Malformed:
        return "malformed"


def packed(kernel, buffer, codec, span, position, limit_bytes):
    packer = kernel.Packer(codec, limit_bytes)
    packer.add(buffer, *span, position)
    return [
        (p.header, bytes(p.body), p.records, p.segments, p.next_offset, p.base_timestamp, p.max_timestamp, p.codec)
        for p in packer.finish()
    ]


def compare(compiled, buffer, *, position, aborted, small_bytes, limit_bytes):
    mine = outcome(compiled.scan, buffer, 0, len(buffer), position, aborted, small_bytes, limit_bytes)
    twin = outcome(_reference.scan, buffer, 0, len(buffer), position, aborted, small_bytes, limit_bytes)
    assert mine == twin
    if isinstance(mine, tuple):
        return
    for run in mine.runs:
        assert outcome(compiled.first_damaged, buffer, run.start, run.end) == outcome(
            _reference.first_damaged, buffer, run.start, run.end
        )
        if run.kind is Kind.FORWARD:
            mine, twin = (outcome(module.forward, buffer, run) for module in (compiled, _reference))
            assert mine == twin
        if run.kind in {Kind.FORWARD, Kind.MERGE, Kind.REWRITE}:
            given_ = buffer, run.codec, (run.start, run.end), position, limit_bytes
            assert outcome(packed, compiled, *given_) == outcome(packed, _reference, *given_)


fetch_arguments = {
    "position": st.integers(0, 40),
    "aborted": st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=3),
    "small_bytes": st.sampled_from([0, 200, 16384]),
    "limit_bytes": st.sampled_from([100, 400, 1_000_000]),
}


@settings(max_examples=300, deadline=None)
@given(buffer=fetches(), **fetch_arguments)
def test_both_kernels_agree_on_sound_bytes(buffer, **arguments):
    compiled = pytest.importorskip("heliograph.records._kernel")
    compare(compiled, buffer, **arguments)


@settings(max_examples=400, deadline=None)
@given(
    buffer=fetches(),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 30),
    **fetch_arguments,
)
def test_both_kernels_agree_on_hostile_headers(buffer, changes, cut, **arguments):
    compiled = pytest.importorskip("heliograph.records._kernel")
    hostile = bytearray(buffer[: len(buffer) - cut])
    for at, byte in changes:
        if hostile:
            hostile[at % len(hostile)] = byte
    compare(compiled, bytes(hostile), **arguments)


@settings(max_examples=400, deadline=None)
@given(
    batch=batches(0).filter(lambda batch: batch.records),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 5),
    codec=st.sampled_from([0, 0, 2, 3]),
)
def test_both_kernels_agree_on_hostile_bodies_with_true_checksums(batch, changes, cut, codec):
    """Records whose lengths and deltas lie, inside batches that a checksum declares to be sound."""
    compiled = pytest.importorskip("heliograph.records._kernel")
    plain = bytearray(b"".join(record.encoded() for record in batch.records))
    plain = plain[: max(1, len(plain) - cut)]
    for at, byte in changes:
        plain[at % max(1, len(plain))] = byte
    hostile = Batch(
        0, batch.records, codec, last_delta=batch.last, max_timestamp=0, body=squeeze(codec, bytes(plain))
    ).encoded()
    given_ = hostile, Codec(codec), (0, len(hostile)), 0, 500
    assert outcome(packed, compiled, *given_) == outcome(packed, _reference, *given_)
    count = len(batch.records)
    assert outcome(compiled.read_records, plain, count) == outcome(_reference.read_records, plain, count)
    for arguments in ((plain, count, 5, True), (plain, count, -(2**63), False)):
        assert outcome(compiled.canonical, *arguments) == outcome(_reference.canonical, *arguments)


@pytest.mark.parametrize("codec", [Codec.SNAPPY, Codec.LZ4])
@settings(max_examples=400, deadline=None)
@given(
    plain=st.binary(max_size=300) | st.integers(1, 90_000).map(lambda n: (b"0123456789abcdef" * (n // 16 + 1))[:n]),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 3),
)
def test_hostile_compressed_bodies_never_crash(codec, plain, changes, cut):
    """Damage inside snappy and lz4: an error or the same bytes as the libraries give, where these check no more."""
    compiled = pytest.importorskip("heliograph.records._kernel")
    record = Rec(0, None, plain).encoded()
    body = bytearray(squeeze(codec, record))
    body = body[: len(body) - cut]
    for at, byte in changes:
        body[at % len(body)] = byte
    hostile = Batch(0, (Rec(0, None, plain),), codec, body=bytes(body)).encoded()
    given_ = hostile, codec, (0, len(hostile)), 0, 200_000
    mine, twin = outcome(packed, compiled, *given_), outcome(packed, _reference, *given_)
    if not changes and not cut:
        assert isinstance(mine, list)
    if isinstance(twin, list) and isinstance(mine, list):
        assert mine == twin


def test_a_record_may_lie_about_everything(kernel):
    """Lengths at the ends of their types, in a body with a true checksum."""
    for length in (
        b"\x00",
        b"\x0b",
        b"\x0e",
        b"\x7f",
        b"\xff\xff\xff\xff\x0f",
        b"\xfe\xff\xff\xff\x0f",
        b"\xff" * 11,
        b"\x80",
    ):
        hostile = Batch(body=length + bytes(6)).encoded()
        packer = kernel.Packer(Codec.NONE, 1000)
        with pytest.raises(DamagedBatch, match="offset 0"):
            packer.add(hostile, 0, len(hostile), 0)
    for offset_delta in (1, -1, 2**31 - 1):
        hostile = Batch(last_delta=0, records=(Rec(offset_delta),)).encoded()
        with pytest.raises(DamagedBatch, match="offset delta"):
            kernel.Packer(Codec.NONE, 1000).add(hostile, 0, len(hostile), 0)


def test_counts_beyond_the_body_are_noticed(kernel):
    sound = Batch(records=(Rec(0), Rec(1)))
    for count in (1, 3, 2**31 - 1):
        for codec in Codec:
            hostile = Batch(records=sound.records, codec=codec, count=count, last_delta=2**31 - 2).encoded()
            with pytest.raises(DamagedBatch):
                kernel.Packer(codec, 1000).add(hostile, 0, len(hostile), 0)
    with pytest.raises(Malformed):
        kernel.read_records(sound.encoded()[61:], 2**31 - 1)


@pytest.mark.parametrize("culprit", range(5))
def test_one_broken_zstd_batch_among_many_is_named(kernel, culprit):
    """Neighbouring zstd batches are unpacked together; the error still names the right one."""
    bodies = [squeeze(4, Rec(0, b"key", b"value %d" % i).encoded()) for i in range(5)]
    bodies[culprit] = bodies[culprit][:-4]
    buffer = b"".join(Batch(10 + i, codec=4, body=body).encoded() for i, body in enumerate(bodies))
    with pytest.raises(DamagedBatch, match=f"offset {10 + culprit} "):
        kernel.Packer(Codec.ZSTD, 100_000).add(buffer, 0, len(buffer), 0)
    bodies[culprit] = squeeze(4, Rec(0, b"key", b"x").encoded() * 2)
    buffer = b"".join(Batch(10 + i, codec=4, body=body).encoded() for i, body in enumerate(bodies))
    with pytest.raises(DamagedBatch, match=f"offset {10 + culprit} "):
        kernel.Packer(Codec.ZSTD, 100_000).add(buffer, 0, len(buffer), 0)


def test_a_stamped_header_needs_61_bytes(kernel):
    for size in (0, 60, 62):
        with pytest.raises((ValueError, struct.error)):
            kernel.stamp(bytes(size), 10, 1, 2, 3, False)


def test_the_smallest_record_is_seven_bytes():
    assert len(Rec(0, None, None).encoded()) == 7
    assert len(Batch(records=(), count=0, last_delta=0).encoded()) == model.HEADER_BYTES
