import os
import zlib

import cramjam
import pytest
from record_batches import lz4_broken_header, lz4_independent, lz4_linked, snappy_raw, squeeze, xerial

from heliograph.records import Codec
from heliograph.records.codecs import (
    INFLATED_BYTES_MAX,
    LZ4_HEADER,
    Malformed,
    Oversized,
    compress,
    decompress,
    inflation_limit_bytes,
)

TEXT = b"".join(b'{"order": %d, "state": "sent"}' % i for i in range(9000))
NOISE = os.urandom(150_000)
PLAINS = [b"", b"a", TEXT[:300], TEXT, NOISE, TEXT + NOISE + TEXT]
COMPRESSED = [codec for codec in Codec if codec is not Codec.NONE]


@pytest.mark.parametrize("codec", Codec)
def test_what_is_compressed_comes_back(codec):
    for plain in PLAINS:
        assert bytes(decompress(codec, compress(codec, plain), 1 << 20)) == plain


@pytest.mark.parametrize("codec", Codec)
def test_what_others_compress_is_read(codec):
    for plain in PLAINS:
        assert bytes(decompress(codec, squeeze(codec, plain), 1 << 20)) == plain


@pytest.mark.parametrize("codec", COMPRESSED)
def test_text_shrinks(codec):
    assert len(compress(codec, TEXT)) < len(TEXT) / 2


@pytest.mark.parametrize("codec", COMPRESSED)
def test_no_more_than_the_limit_is_unpacked(codec):
    packed = compress(codec, bytes(5_000_000))
    with pytest.raises(Oversized):
        decompress(codec, packed, 4_999_999)
    assert len(decompress(codec, packed, 5_000_000)) == 5_000_000


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_cut_body_is_malformed(codec):
    packed = compress(codec, TEXT)
    for size in (0, 1, 5, 9, len(packed) // 2, len(packed) - 1):
        if codec is Codec.SNAPPY and size == 0:
            continue
        with pytest.raises(Malformed):
            decompress(codec, packed[:size], 1 << 20)


@pytest.mark.parametrize("codec", COMPRESSED)
def test_noise_is_malformed(codec):
    with pytest.raises(Malformed):
        decompress(codec, b"\xff" * 100, 1 << 20)


@pytest.mark.parametrize("pack", [lz4_independent, lz4_linked, lz4_broken_header])
def test_every_kind_of_lz4_frame_is_read(pack):
    for plain in PLAINS:
        assert bytes(decompress(Codec.LZ4, pack(plain), 1 << 20)) == plain


def test_lz4_frames_have_independent_blocks_and_a_true_header_checksum():
    frame = compress(Codec.LZ4, TEXT)
    assert frame.startswith(LZ4_HEADER)
    assert frame[4] & 0x20
    assert bytes(cramjam.lz4.decompress(frame)) == TEXT


@pytest.mark.parametrize("pack", [xerial, snappy_raw])
def test_snappy_is_read_with_and_without_the_java_framing(pack):
    for plain in PLAINS:
        assert bytes(decompress(Codec.SNAPPY, pack(plain), 1 << 20)) == plain


def test_a_snappy_block_that_claims_gigabytes_takes_no_memory():
    with pytest.raises(Malformed):
        decompress(Codec.SNAPPY, b"\xff\xff\xff\x7f\x00a", 1 << 40)


def test_gzip_of_several_members_is_one_body():
    packed = b"".join(zlib.compress(part, wbits=31) for part in (b"one ", b"", b"two"))
    assert decompress(Codec.GZIP, packed, 7) == b"one two"
    with pytest.raises(Oversized):
        decompress(Codec.GZIP, packed, 6)


def test_the_inflation_limit_follows_the_batch_limit_within_bounds():
    assert inflation_limit_bytes(1000) == 64 << 20
    assert inflation_limit_bytes(2_000_000) == 128_000_000
    assert inflation_limit_bytes(1 << 40) == INFLATED_BYTES_MAX
