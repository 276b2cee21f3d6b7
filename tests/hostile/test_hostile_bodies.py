"""Bodies that unpack to far more than they are, and those that only say so; and what was once found, a case each."""

import gzip
import json
import os
import struct
import subprocess
import sys
import time
import zlib

import cramjam
import pytest
from sealing import sealed
from test_hostile_batches import check, running_on
from trials import SLOWNESS, growing_less_than, tried

from heliograph.errors import DamagedBatch
from heliograph.records import Codec, Record, encode, parcels, reading
from heliograph.records.codecs import Malformed, Oversized, compress, decompress

MIB = 1 << 20
COMPRESSED = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]


def batch(codec, body, *, count=1, base=0, attributes=0):
    """A v2 batch with a true checksum around any body."""
    checked = struct.pack(">hiqqqhii", attributes | codec, count - 1, 0, 0, -1, -1, -1, count) + body
    return sealed(struct.pack(">qiibI", base, len(checked) + 9, -1, 2, 0) + checked)


def record(value, delta=0):
    return (
        encode([Record(0, 0, None, value)]).body
        if not delta
        else b"\x0c\x00\x00" + bytes((delta << 1,)) + b"\x01\x01\x00"
    )


def run_of(buffer):
    (run,) = parcels.scan(buffer, 0, len(buffer), 0).runs
    return run


# --- Bombs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", COMPRESSED)
def test_no_more_memory_than_the_limit_allows(codec):
    """The room grows by four at most, and the last one may stand beside it for a moment."""
    bomb = compress(codec, bytes(48 * MIB))
    for limit_bytes in (1, 100_000, 4 * MIB):
        with growing_less_than(2 * limit_bytes + 2 * MIB):
            assert isinstance(tried(decompress, codec, bomb, limit_bytes, allowed=(Malformed,)), Oversized)


PROGRAM = """
import json, resource, sys
sys.path[:0] = json.loads(sys.argv[1])
from test_hostile_bodies import batch, run_of, running_on
from heliograph.errors import DamagedBatch
from heliograph.records import Codec, _reference, parcels, reading
from heliograph.records.codecs import compress
try:
    from heliograph.records import _kernel
except ImportError:
    _kernel = _reference
bombs = [batch(codec, compress(codec, bytes(80 << 20))) for codec in Codec if codec is not Codec.NONE]
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
before = peak()
refused = 0
for kernel in (_reference, _kernel):
    with running_on(kernel):
        for bomb in bombs:
            for work in (
                lambda: parcels.rewrite([(bomb, run_of(bomb))], position=0, limit_bytes=1_000_000),
                lambda: list(reading.decode(bomb, 0, len(bomb))),
                lambda: reading.canonical(bomb, run_of(bomb), 0),
            ):
                try:
                    work()
                except DamagedBatch:
                    refused += 1
print(json.dumps([refused, peak() - before]))
"""


@pytest.mark.skipif(SLOWNESS > 1, reason="a sanitizer's own memory cannot be told apart")
def test_bombs_in_batches_are_refused_by_both_kernels_within_their_limit():
    """80 MiB in each, of which 64 MiB may be unpacked; in a process of its own, whose peak shows everything."""
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(sys.path)], capture_output=True, text=True, check=True, timeout=170
    )
    refused, grown_bytes = json.loads(shown.stdout)
    assert refused == 2 * 4 * 3
    assert grown_bytes < 64 * MIB * 2, "the unpacked bytes, and a quarter or half as many beside them"


MEMBER = gzip.compress(b"", mtime=0)
EMPTY_ZSTD = bytes(cramjam.zstd.compress(b""))
SKIPPED = b"\x50\x2a\x4d\x18" + b"\0\0\0\0"
XERIAL = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
LZ4_HEAD = b"\x04\x22\x4d\x18\x60\x40\x82"


@pytest.mark.parametrize(
    ("codec", "head", "piece", "tail"),
    [
        (Codec.GZIP, b"", MEMBER, b""),
        (Codec.ZSTD, b"", EMPTY_ZSTD, b""),
        (Codec.ZSTD, b"", SKIPPED, b""),
        (Codec.SNAPPY, XERIAL, b"\0\0\0\1\0", b""),
        (Codec.SNAPPY, XERIAL, b"\0\0\0\0", b""),
        (Codec.LZ4, LZ4_HEAD, b"\1\0\0\0\0", bytes(4)),
        (Codec.LZ4, LZ4_HEAD, b"\0\0\0\x80", bytes(4)),
    ],
)
def test_a_body_of_many_empty_parts_takes_no_square_of_time(codec, head, piece, tail, compiled):
    def spent_s(size):
        body = head + piece * (size // len(piece)) + tail
        begun = time.process_time()
        tried(decompress, codec, body, 64 * MIB, allowed=(Malformed,))
        tried(
            lambda: compiled.Packer(codec, MIB).add(batch(codec, body), 0, len(body) + 61, 0), allowed=(DamagedBatch,)
        )
        return time.process_time() - begun

    assert spent_s(MIB) < 3.0 * SLOWNESS


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (
            Codec.ZSTD,
            b"\x28\xb5\x2f\xfd\xc0" + b"\xf8" + b"\xff" * 7 + b"\x3f" + b"\x01\x00\x00",
        ),  # 2^62 bytes, it says
        (Codec.ZSTD, b"\x28\xb5\x2f\xfd\x00\xf8" + b"\x01\x00\x00"),  # a window of 2^41 bytes
        (Codec.ZSTD, b"\x28\xb5\x2f\xfd\x00\x88" + b"\x03\xff\xff"),  # a window of 128 MiB, and a run of 2 MiB
        (Codec.ZSTD, b"\x50\x2a\x4d\x18\xff\xff\xff\xff"),
        (Codec.LZ4, b"\x04\x22\x4d\x18\x68\x70" + b"\xff" * 8 + b"\x00" + bytes(4)),
        (Codec.LZ4, b"\x04\x22\x4d\x18\x60\x70\x73" + b"\xff\xff\xff\x7f"),
        (Codec.LZ4, b"\x04\x22\x4d\x18\x60\x70\x73" + b"\x10\0\0\0" + b"\x1fa\x01\x00" + b"\xff" * 12 + bytes(4)),
        (Codec.SNAPPY, b"\xff\xff\xff\xff\x0f" + b"\xfe\x01\x00" * 9),
        (Codec.SNAPPY, b"\xff" * 10),
        (Codec.SNAPPY, XERIAL + b"\x7f\xff\xff\xff"),
        (Codec.SNAPPY, XERIAL + b"\xff\xff\xff\xff"),
        (Codec.GZIP, b"\x1f\x8b\x08\x1c" + bytes(6) + b"\xff\xff" + b"x" * 100),
    ],
)
def test_a_body_that_only_claims_takes_little_memory(codec, body, compiled):
    with growing_less_than(3 * MIB):
        tried(decompress, codec, body, 64 * MIB, allowed=(Malformed,))
    check(batch(codec, body), compiled)


# --- Found once ---------------------------------------------------------------------------------------------------------


def message(offset, attributes, value, magic=1):
    checked = struct.pack(">bbqii", magic, attributes, 5, -1, len(value)) + value
    return struct.pack(">qiI", offset, len(checked) + 4, zlib.crc32(checked)) + checked


@pytest.mark.parametrize("inner", [[2**63 - 1, -(2**63)], [5, -(2**63)], [9, 4], [-8, 0, 7, -1], [2**62, -(2**62), 3]])
def test_offsets_inside_a_wrapper_that_no_number_can_hold(inner, compiled):
    """They are relative to the last one; the compiled kernel could not hold their sum, and the wrong error came out."""
    value = gzip.compress(b"".join(message(offset, 0, b"v") for offset in inner))
    hostile = message(20, 1, value)
    for buffer in (hostile, message(2**63 - 2, 1, value)):
        steps = check(buffer, compiled)
        assert any(isinstance(step, tuple) and step[0] is DamagedBatch for step in steps)


def test_a_zstd_frame_that_ends_in_the_next_batch(compiled):
    """Neighbours are unpacked together; a frame cut in two, each half with a true checksum, once passed as whole."""
    plain = [record(b"first value"), record(b"second value")]
    frame = bytes(cramjam.zstd.compress(bytes(plain[0]) + bytes(plain[1])))
    for cut in range(len(frame) + 1):
        buffer = (
            batch(Codec.ZSTD, frame[:cut]) + batch(Codec.ZSTD, frame[cut:], base=1) + batch(Codec.ZSTD, frame, base=2)
        )
        steps = check(buffer, compiled, limit_bytes=100_000)
        assert any(isinstance(step, tuple) and step[0] is DamagedBatch for step in steps), cut


def test_records_in_the_frame_of_the_batch_before(compiled):
    both = bytes(cramjam.zstd.compress(bytes(record(b"one")) + bytes(record(b"two"))))
    check(batch(Codec.ZSTD, both) + batch(Codec.ZSTD, EMPTY_ZSTD, base=1), compiled, limit_bytes=100_000)
    buffer = batch(Codec.ZSTD, both) + batch(Codec.ZSTD, EMPTY_ZSTD, base=1)
    with running_on(compiled), pytest.raises(DamagedBatch, match="offset 0 "):
        parcels.rewrite([(buffer, run_of(buffer))], position=0, limit_bytes=100_000)


@pytest.mark.parametrize(
    "body",
    [
        b"\x04\x22\x4d\x18\x64\x40\xa7\x08\0\0\x80\x0c\0\0\0\x01\x01\0\0" + bytes(4) + b"\1\2\3\4",  # wrong checksum
        b"\x04\x22\x4d\x18\x62\x40\x82" + b"\x07\0\0\x80\x0c\0\0\0\x01\x01\0" + bytes(4),  # a reserved bit
        LZ4_HEAD + b"\x07\0\0\x80\x0c\0\0\0\x01\x01\0" + bytes(4) + b"behind",
        LZ4_HEAD + b"\x09\0\0\0\x40\x0c\0\0\0\x01\0\x10\x01" + bytes(4),  # too few literals at the end
        LZ4_HEAD + b"\x05\0\0\0\x10a\0\0\0" + bytes(4),  # distance 0
    ],
)
def test_lz4_frames_that_are_not_quite_right(body, compiled):
    """The compiled kernel once took what the library refuses, and the other way round."""
    check(batch(Codec.LZ4, body), compiled)


def test_an_abort_marker_before_the_transaction_that_it_ends(compiled):
    """Offsets that fall: once the two kernels disagreed about which transactions are open."""
    plain = record(b"v")
    marker = b"\x18\x00\x00\x00\x08\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00"[:13] + b"\x00"
    for first in range(0, 120, 20):
        buffer = (
            batch(0, plain, base=100)
            + batch(0, marker, base=5, attributes=0x30)
            + batch(0, plain, base=101, attributes=0x10)
            + batch(0, plain, base=60, attributes=0x10)
        )
        check(buffer, compiled, aborted=[(-1, first)])


def test_records_that_leave_their_batch_are_no_records(kernel):
    """Decoding looks at offsets as rewriting does."""
    for deltas, last in (([1, 0], 1), ([0, 0], 1), ([0, 5], 1), ([3], 0)):
        body = b"".join(bytes(record(b"", delta)) if delta else b"\x0c\x00\x00\x00\x01\x01\x00" for delta in deltas)
        buffer = batch(0, body, count=len(deltas))
        assert last == len(deltas) - 1
        with running_on(kernel), pytest.raises(DamagedBatch, match="offset delta"):
            list(reading.decode(buffer, 0, len(buffer)))
    for base in (-1, -(2**63), 2**63 - 1):
        buffer = batch(0, record(b"v"), base=base)
        with running_on(kernel), pytest.raises(DamagedBatch):
            list(reading.decode(buffer, 0, len(buffer)))


def test_noise_of_every_kind_for_the_codecs():
    chance = os.urandom
    for codec in COMPRESSED:
        for size in (0, 1, 7, 16, 61, 500):
            tried(decompress, codec, chance(size), MIB, allowed=(Malformed,))
