import io
import os
import random
import struct
from datetime import UTC, datetime, timedelta

import google_crc32c
import pytest
from kio.records.readers import read_batch
from kio.records.schema import NewRecordBatch, RecordHeader
from kio.records.schema import Record as KioRecord
from kio.records.writers import write_new_batch
from record_batches import (
    BASE_TIMESTAMP,
    DELETE_HORIZON,
    GZIP,
    LOG_APPEND_TIME,
    LZ4,
    NONE,
    SNAPPY,
    TRANSACTIONAL,
    ZSTD,
    Batch,
    Rec,
    abort_marker,
    lz4_linked,
    message,
    run_of,
    snappy_raw,
    stream,
    wrapper,
)

from heliograph.errors import DamagedBatch, TooLarge
from heliograph.records import Codec, Kind, Record, decode, encode, forward, part, rewrite, scan, split, stamp, verify

CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]
LIMIT = 1_000_000


def wire(parcel, producer=(1, 2, 3), **options):
    """The bytes for the target, after a look at what no broker would forgive."""
    whole = stamp(parcel, *producer, **options) + bytes(parcel.body)
    assert len(whole) == parcel.size
    assert int.from_bytes(whole[17:21], "big") == google_crc32c.value(whole[21:])
    base, length, epoch, magic = struct.unpack_from(">qiib", whole)
    assert (base, length, epoch, magic) == (0, len(whole) - 12, -1, 2)
    last_delta, count = struct.unpack_from(">i", whole, 23)[0], struct.unpack_from(">i", whole, 57)[0]
    assert count == last_delta + 1 == parcel.records == sum(n for _, n in parcel.segments)
    assert whole[22] & ~TRANSACTIONAL == parcel.codec
    return whole


def contents(buffer):
    return [(r.timestamp, r.key, r.value, r.headers) for r in decode(buffer, 0, len(buffer))]


def sent(parcels):
    return [record for parcel in parcels for record in contents(wire(parcel))]


def offsets(parcels):
    return [first + i for parcel in parcels for first, count in parcel.segments for i in range(count)]


def pieces_of(buffer, position=0, **options):
    return [(buffer, run) for run in scan(buffer, 0, len(buffer), position, **options).runs]


# --- Forward -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_forwarding_changes_nothing_but_the_header(kernel, codec):
    batch = run_of(5, 40, codec, producer=(99, 4, 17), attributes=TRANSACTIONAL)
    buffer = bytearray(b"..." + batch.encoded() + b"...")
    (run,) = scan(buffer, 3, len(buffer) - 3, 40).runs
    parcel = forward(buffer, run)
    assert (parcel.segments, parcel.next_offset, parcel.codec) == (((40, 5),), 45, codec)
    assert (parcel.base_timestamp, parcel.max_timestamp) == (BASE_TIMESTAMP, BASE_TIMESTAMP + 4)
    assert bytes(parcel.body) == batch.encoded()[61:]
    assert google_crc32c.value(parcel.header[21:] + bytes(parcel.body)) == int.from_bytes(parcel.header[17:21], "big")
    assert struct.unpack_from(">qhi", parcel.header, 43) == (-1, -1, -1)
    assert not parcel.header[22] & TRANSACTIONAL
    assert contents(wire(parcel)) == contents(batch.encoded())


def test_a_forwarded_body_is_not_copied(kernel):
    buffer = bytearray(run_of(1, value=b"before").encoded())
    (run,) = scan(buffer, 0, len(buffer), 0).runs
    body = forward(buffer, run).body
    buffer[-2:] = b"XX"
    assert bytes(body[-2:]) == b"XX"


@pytest.mark.parametrize("size", [0, 1, 70, 1000, 70_000])
def test_stamping_patches_the_checksum(kernel, size):
    parcel = encode([Record(0, 1, None, os.urandom(size))])
    for producer in ((0, 0, 0), (2**63 - 1, 2**15 - 1, 2**31 - 1), (-1, -1, -1), (12345, 1, 99)):
        for transactional in (False, True):
            whole = wire(parcel, producer, transactional=transactional)
            assert struct.unpack_from(">qhi", whole, 43) == producer
            assert bool(whole[22] & TRANSACTIONAL) == transactional


def test_damage_survives_the_patch_and_is_noticed_by_the_target(kernel):
    buffer = bytearray(run_of(3, value=b"value").encoded())
    buffer[-3] ^= 1
    (run,) = scan(buffer, 0, len(buffer), 0).runs
    parcel = forward(buffer, run)
    whole = stamp(parcel, 1, 2, 3) + bytes(parcel.body)
    assert int.from_bytes(whole[17:21], "big") != google_crc32c.value(whole[21:])


def test_forward_refuses_a_run_of_several_batches(kernel):
    ((buffer, run),) = pieces_of(stream(run_of(1), run_of(1, 1)))
    with pytest.raises(DamagedBatch, match="exactly one batch"):
        forward(buffer, run)


def test_verify_names_the_offset(kernel):
    batches = [run_of(2, 2 * i) for i in range(4)]
    ((buffer, run),) = pieces_of(stream(*batches))
    verify(buffer, run)
    bad = bytearray(buffer)
    bad[run.end - 1] ^= 0x80
    with pytest.raises(DamagedBatch, match=r"offset 6 .*checksum"):
        verify(bad, run)
    old = message(3, b"a") + message(4, b"b")
    ((_, run),) = pieces_of(old)
    verify(old, run)
    with pytest.raises(DamagedBatch, match="offset 4 "):
        verify(old[:-1] + b"c", run)


# --- Rewrite -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_merging_keeps_every_byte_of_every_record(kernel, codec):
    batches, base = [], 7
    for n in (1, 3, 1, 10, 200, 1):
        records = tuple(
            Rec(
                i,
                None if i % 3 else b"key",
                None if i % 5 == 4 else os.urandom(i % 40),
                3 * i - 5,
                (("h", None), ("h", b"x"))[: i % 3],
            )
            for i in range(n)
        )
        batches.append(Batch(base, records, codec, base_timestamp=BASE_TIMESTAMP + 1000 * base))
        base += n
    buffer = stream(*batches)
    ((_, run),) = pieces = pieces_of(buffer, 7)
    assert run.kind is Kind.MERGE
    (parcel,) = rewrite(pieces, position=7, limit_bytes=LIMIT)
    assert (parcel.codec, parcel.segments, parcel.next_offset) == (codec, ((7, base - 7),), base)
    assert sent([parcel]) == contents(buffer)
    assert parcel.max_timestamp == max(r[0] for r in contents(buffer)) == run.max_timestamp


def test_what_is_merged_can_be_read_by_others(kernel):
    """kio reads and writes batches on its own: its batches go in, and it reads what comes out."""
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    written = []
    source = io.BytesIO()
    for i in range(20):
        records = tuple(
            KioRecord(
                attributes=0, timestamp=moment + timedelta(seconds=3 * i + j), offset=j, key=b"k%d" % i, value=b"v" * j,
                headers=(RecordHeader(key=b"name", value=b"content"),),
            )
            for j in range(3)
        )  # fmt: skip
        write_new_batch(
            source, NewRecordBatch(producer_id=5, producer_epoch=1, base_sequence=3 * i, records=records, attributes=0)
        )
        written += records
    buffer = bytearray(source.getvalue())
    at = 0
    for i in range(20):
        struct.pack_into(">q", buffer, at, 3 * i)
        at += 12 + struct.unpack_from(">i", buffer, at + 8)[0]
    (parcel,) = rewrite(pieces_of(buffer), position=0, limit_bytes=LIMIT)
    batch, size = read_batch(memoryview(wire(parcel)), 0)
    assert size == parcel.size
    assert [(r.timestamp, r.key, r.value, r.headers) for r in batch.records] == [
        (r.timestamp, r.key, r.value, r.headers) for r in written
    ]
    assert [r.offset for r in batch.records] == list(range(60))


@pytest.mark.parametrize("codec", CODECS)
def test_holes_are_closed_and_remembered(kernel, codec):
    batch = Batch(100, tuple(Rec(i, b"%d" % i) for i in (1, 2, 5, 9)), codec, last_delta=12)
    (parcel,) = rewrite(pieces_of(batch.encoded()), position=0, limit_bytes=LIMIT)
    assert parcel.segments == ((101, 2), (105, 1), (109, 1))
    assert parcel.next_offset == 113
    assert sent([parcel]) == contents(batch.encoded())


def test_records_before_the_position_are_left_out(kernel):
    batch = run_of(10, 100)
    (parcel,) = rewrite(pieces_of(batch.encoded(), 104), position=104, limit_bytes=LIMIT)
    assert parcel.segments == ((104, 6),)
    assert sent([parcel]) == contents(batch.encoded())[4:]


def test_log_append_time_becomes_the_records_own(kernel):
    batch = run_of(3, attributes=LOG_APPEND_TIME, max_timestamp=BASE_TIMESTAMP + 99_000)
    (parcel,) = rewrite(pieces_of(batch.encoded()), position=0, limit_bytes=LIMIT)
    assert [timestamp for timestamp, *_ in sent([parcel])] == [BASE_TIMESTAMP + 99_000] * 3
    assert parcel.max_timestamp == BASE_TIMESTAMP + 99_000


def test_a_delete_horizon_is_taken_away_and_timestamps_stay(kernel):
    """With a delete horizon the base timestamp is the horizon; the deltas still relate to it (KIP-534)."""
    batch = Batch(
        0, (Rec(0, b"k", None, -86_400_000),), attributes=DELETE_HORIZON, base_timestamp=BASE_TIMESTAMP + 86_400_000
    )
    (parcel,) = rewrite(pieces_of(batch.encoded()), position=0, limit_bytes=LIMIT)
    assert parcel.base_timestamp == BASE_TIMESTAMP
    assert sent([parcel]) == [(BASE_TIMESTAMP, b"k", None, ())]


def test_timestamps_at_the_ends_of_their_type(kernel):
    batches = [
        Batch(i, (Rec(0, None, b"v"),), base_timestamp=moment, max_timestamp=moment)
        for i, moment in enumerate((-1, 2**63 - 1, -(2**63), 0, 5))
    ]
    (parcel,) = rewrite(pieces_of(stream(*batches)), position=0, limit_bytes=LIMIT)
    wire_bytes = wire(parcel)
    assert [r.timestamp for r in decode(wire_bytes, 0, len(wire_bytes))] == [-1, 2**63 - 1, -(2**63), 0, 5]
    assert parcel.max_timestamp == 2**63 - 1


def test_transactions_merge_without_their_markers(kernel):
    batches = [
        b
        for i in range(9)
        for b in (run_of(2, 3 * i, attributes=TRANSACTIONAL, producer=(7, 0, 0)), abort_marker(3 * i + 2, 7, 1))
    ]
    buffer = stream(*batches)
    (parcel,) = rewrite(pieces_of(buffer), position=0, limit_bytes=LIMIT)
    assert offsets([parcel]) == [i for i in range(27) if i % 3 != 2]
    assert parcel.next_offset == 27
    assert sent([parcel]) == contents(buffer)


def test_a_drop_at_the_end_moves_the_position(kernel):
    buffer = stream(run_of(2), abort_marker(2, 7), Batch(3, (), last_delta=4))
    pieces = pieces_of(buffer)
    assert [run.kind for _, run in pieces] == [Kind.FORWARD, Kind.DROP]
    (parcel,) = rewrite(pieces, position=0, limit_bytes=LIMIT)
    assert parcel.next_offset == 8
    assert rewrite(pieces[1:], position=0, limit_bytes=LIMIT) == []
    assert rewrite([], position=0, limit_bytes=LIMIT) == []


def test_pieces_of_several_fetches_become_one_batch(kernel):
    fetches = [
        run_of(2, 0).encoded(),
        bytearray(run_of(2, 2).encoded()),
        memoryview(stream(run_of(1, 4), run_of(1, 5))),
    ]
    pieces = [piece for fetch in fetches for piece in pieces_of(fetch)]
    (parcel,) = rewrite(pieces, position=0, limit_bytes=LIMIT)
    assert (parcel.segments, parcel.next_offset) == (((0, 6),), 6)


def test_codecs_are_never_mixed(kernel):
    buffer = stream(run_of(2, 0, LZ4), run_of(2, 2, ZSTD), run_of(2, 4, ZSTD), run_of(2, 6))
    parcels = rewrite(pieces_of(buffer), position=0, limit_bytes=LIMIT)
    assert [(p.codec, p.segments) for p in parcels] == [
        (Codec.LZ4, ((0, 2),)), (Codec.ZSTD, ((2, 4),)), (Codec.NONE, ((6, 2),)),
    ]  # fmt: skip
    assert sent(parcels) == contents(buffer)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("limit", [700, 5_000, 30_000])
def test_no_parcel_is_larger_than_the_limit_and_none_is_wasted(kernel, codec, limit):
    chance = random.Random(limit)
    buffer = stream(
        *(Batch(3 * i, tuple(Rec(j, None, chance.randbytes(100)) for j in range(3)), codec) for i in range(100))
    )
    pieces = pieces_of(buffer, limit_bytes=LIMIT)
    parcels = rewrite(pieces, position=0, limit_bytes=limit)
    assert all(parcel.size <= limit for parcel in parcels)
    assert len(parcels) < 2.5 * sum(parcel.size for parcel in parcels) / limit + 2
    assert sent(parcels) == contents(buffer)
    assert offsets(parcels) == list(range(300))
    assert [parcel.next_offset for parcel in parcels] == [sum(parcel.segments[-1]) for parcel in parcels]


def test_uncompressed_parcels_are_filled_to_the_last_record_that_fits(kernel):
    buffer = stream(*(run_of(1, i, value=b"x" * 50) for i in range(200)))
    parcels = rewrite(pieces_of(buffer), position=0, limit_bytes=2_000)
    assert all(2_000 - 80 < parcel.size <= 2_000 for parcel in parcels[:-1])


def test_a_record_above_the_limit_is_a_parcel_of_its_own(kernel):
    buffer = stream(run_of(1), run_of(1, 1, value=b"x" * 5000), run_of(1, 2))
    parcels = rewrite(pieces_of(buffer), position=0, limit_bytes=1_000)
    assert [parcel.records for parcel in parcels] == [1, 1, 1]
    assert parcels[1].size > 5_000


def test_what_unpacks_to_very_much_is_spread(kernel):
    """A consumer must unpack a batch in memory: a parcel holds no more than 16 times its limit."""
    batch = Batch(0, tuple(Rec(i, None, bytes(10_000)) for i in range(100)), ZSTD, last_delta=100)
    parcels = rewrite(pieces_of(batch.encoded()), position=0, limit_bytes=10_000)
    assert sum(parcel.records for parcel in parcels) == 100
    assert all(parcel.records <= 16 for parcel in parcels)


@pytest.mark.parametrize("codec", CODECS[1:])
def test_a_bomb_is_refused(kernel, codec, monkeypatch):
    batch = Batch(77, (Rec(0, None, bytes(65 << 20)),), codec, last_delta=1)
    with pytest.raises(DamagedBatch, match="offset 77 "):
        rewrite(pieces_of(batch.encoded()), position=0, limit_bytes=1000)


@pytest.mark.parametrize("codec", CODECS)
def test_no_batch_is_used_whose_checksum_is_wrong(kernel, codec):
    batches = [run_of(2, 2 * i, codec).encoded() for i in range(5)]
    for culprit in range(5):
        bad = [bytearray(batch) for batch in batches]
        bad[culprit][-2] ^= 4
        with pytest.raises(DamagedBatch, match=f"offset {2 * culprit} "):
            rewrite(pieces_of(b"".join(bad)), position=0, limit_bytes=LIMIT)


@pytest.mark.parametrize(("codec", "pack"), [(SNAPPY, snappy_raw), (LZ4, lz4_linked)])
def test_other_framings_are_read(kernel, codec, pack):
    batches = []
    for i in range(6):
        records = tuple(Rec(j, b"k", b"some text that repeats, repeats " * 40 * i) for j in range(30))
        batches.append(Batch(30 * i, records, codec, body=pack(b"".join(r.encoded() for r in records))))
    buffer = stream(*batches)
    parcels = rewrite(pieces_of(buffer), position=0, limit_bytes=LIMIT)
    assert sent(parcels) == contents(buffer)


def test_legacy_messages_become_batches(kernel):
    buffer = message(4, b"a", b"k", magic=0) + message(5, None) + wrapper(9, GZIP, [message(0, b"c"), message(2, b"d")])
    parcels = rewrite(pieces_of(buffer, 5), position=5, limit_bytes=LIMIT)
    assert offsets(parcels) == [5, 7, 9]
    assert [parcel.codec for parcel in parcels] == [Codec.NONE, Codec.GZIP]
    assert [value for _, _, value, _ in sent(parcels)] == [None, b"c", b"d"]


# --- Encode and split --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", Codec)
def test_encode_and_decode(kernel, codec):
    records = [
        Record(10, 5, b"k", b"v", (("name", b"x"), ("name", None), ("\udcff", b""))),
        Record(11, 4, None, None),
        Record(14, 9, b"", b"", ()),
    ]
    parcel = encode(records, codec=codec)
    assert (parcel.codec, parcel.segments, parcel.next_offset, parcel.max_timestamp) == (
        codec,
        ((10, 2), (14, 1)),
        15,
        9,
    )
    assert sent([parcel]) == [(r.timestamp, r.key, r.value, r.headers) for r in records]


def test_a_batch_of_nothing_is_refused(kernel):
    with pytest.raises(ValueError, match="at least one"):
        encode([])


@pytest.mark.parametrize("codec", Codec)
def test_splitting(kernel, codec):
    records = [Record(i + (i > 20) * 5, 100 + i, b"k", os.urandom(100)) for i in range(50)]
    parcel = encode(records, codec=codec)
    parcel.next_offset = 99
    parts = split(parcel, 1_500)
    assert all(part.size <= 1_500 for part in parts)
    assert 4 <= len(parts) <= 9
    assert sent(parts) == sent([parcel])
    assert offsets(parts) == [record.offset for record in records]
    assert [part.next_offset for part in parts[:-1]] == [sum(part.segments[-1]) for part in parts[:-1]]
    assert parts[-1].next_offset == 99


def test_splitting_what_fits_gives_it_back(kernel):
    parcel = encode([Record(0, 0, None, b"v")])
    assert split(parcel, parcel.size) == [parcel]


def test_a_single_record_too_large_is_named(kernel):
    parcel = encode([Record(7, 0, None, b"small"), Record(8, 0, None, b"x" * 900), Record(9, 0, None, b"small")])
    with pytest.raises(TooLarge, match=r"offset 8 takes 9\d\d bytes, and the target takes at most 500"):
        split(parcel, 500)


def test_a_forwarded_parcel_can_be_split(kernel):
    buffer = run_of(40, 1000, ZSTD, value=os.urandom(60), attributes=TRANSACTIONAL, producer=(5, 1, 6)).encoded()
    (run,) = scan(buffer, 0, len(buffer), 1000).runs
    parcel = forward(buffer, run)
    parts = split(parcel, 400)
    assert offsets(parts) == list(range(1000, 1040))
    assert sent(parts) == contents(buffer)


def test_splitting_a_damaged_parcel_names_its_offset(kernel):
    buffer = bytearray(run_of(40, 1000, value=b"x" * 60).encoded())
    (run,) = scan(buffer, 0, len(buffer), 1000).runs
    parcel = forward(buffer, run)
    buffer[-9] ^= 1
    with pytest.raises(DamagedBatch, match="offset 1000 "):
        split(parcel, 400)


# ---- parting a run of small batches ---------------------------------------------------------------------------------


@pytest.fixture
def small(kernel):
    """Four batches of one size and the run that they make."""
    buffer = stream(*(run_of(3, base) for base in (10, 13, 16, 19)))
    (run,) = scan(buffer, 0, len(buffer), 10).runs
    return buffer, run


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        (1, [(Kind.FORWARD, 10, 13), (Kind.MERGE, 13, 22)]),
        (2, [(Kind.MERGE, 10, 16), (Kind.MERGE, 16, 22)]),
        (3, [(Kind.MERGE, 10, 19), (Kind.FORWARD, 19, 22)]),
        (4, [(Kind.MERGE, 10, 22)]),
    ],
)
def test_a_run_is_parted_between_batches(small, batches, told):
    buffer, run = small
    size = len(buffer) // 4
    parts = part(buffer, run, 10, batches * size)
    assert [(each.kind, each.first_offset, each.next_offset) for each in parts] == told
    assert [each.start for each in parts] == [0, *(each.end for each in parts[:-1])]
    assert part(buffer, run, 10, batches * size + size - 1) == parts
    assert sum(each.records for each in parts) == run.records


def test_a_run_of_which_no_batch_fits_stays_whole(small):
    buffer, run = small
    assert part(buffer, run, 10, len(buffer) // 4 - 1) == [run]


def test_what_is_not_copied_falls_out_where_a_run_is_parted(kernel):
    buffer = stream(run_of(3, 10), abort_marker(13, 7), run_of(3, 14), run_of(3, 17))
    (run,) = scan(buffer, 0, len(buffer), 10).runs
    size = len(run_of(3, 10).encoded())
    parts = part(buffer, run, 10, size)
    assert [(each.kind, each.first_offset, each.next_offset) for each in parts] == [
        (Kind.FORWARD, 10, 13),
        (Kind.MERGE, 14, 20),
    ]
