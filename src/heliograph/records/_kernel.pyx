# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled kernel: the functions of ``_reference.py``, which explains them, without an object per batch or record.

Every position is checked before it is read: ``at`` never passes ``end``, and what a batch says of itself is compared with what
it has. All of Kafka's numbers are taken as signed 64-bit ones, in which the 32-bit fields cannot overflow.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory, PyMemoryView_FromObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

import zlib

from heliograph.records.codecs import Malformed, Oversized, compress, decompress, inflation_limit_bytes
from heliograph.records.grouping import Aborts
from heliograph.records.model import Codec, Kind, Parcel, Run, Scan, damaged

cdef extern from "Python.h":
    const int PyBUF_READ

cdef extern from "crc32c.h" nogil:
    void crc32c_setup(int allow_hardware)
    uint32_t crc32c_extend(uint32_t crc, const uint8_t* at, size_t n)
    uint32_t crc32c_move(uint32_t crc, uint32_t n)
    int crc32c_uses_hardware

cdef extern from "inflate.h" nogil:
    int INFLATE_MALFORMED, INFLATE_OVERSIZED, INFLATE_NO_MEMORY
    ctypedef struct inflate_sink:
        uint8_t* bytes
        size_t used, room, limit
    int lz4_frame(const uint8_t* at, size_t n, inflate_sink* sink)
    int snappy_stream(const uint8_t* at, size_t n, inflate_sink* sink)

cdef extern from "layout.h" nogil:
    void prefetch_header(const uint8_t* batch, int64_t batch_bytes)
    uint32_t load32(const uint8_t* at)
    uint64_t load64(const uint8_t* at)
    void store32(uint8_t* at, uint32_t value)
    void store64(uint8_t* at, uint64_t value)
    const uint8_t* load_varint(const uint8_t* at, const uint8_t* end, int bytes_max, int64_t* value)
    uint8_t* store_varint(uint8_t* at, int64_t value)
    int varint_bytes(int64_t value)

NAME = "compiled"

cdef enum:
    HEADER_BYTES = 61
    LENGTH_END = 12  # where the length field ends, from which it counts
    MAGIC_AT = 16
    CRC_AT = 17
    CHECKED_AT = 21  # the CRC covers a batch from here on
    ATTRIBUTES_AT = 22  # the lower byte: the upper one is unused
    LAST_DELTA_AT = 23
    BASE_TIMESTAMP_AT = 27
    MAX_TIMESTAMP_AT = 35
    PRODUCER_AT = 43
    EPOCH_AT = 51
    SEQUENCE_AT = 53
    COUNT_AT = 57

    LEGACY_CRC_AT = 12
    LEGACY_CHECKED_AT = 16
    LEGACY_TIMESTAMP_AT = 18

    CODEC_BITS = 0x07
    LOG_APPEND_TIME_BIT = 0x08
    TRANSACTIONAL_BIT = 0x10
    CONTROL_BIT = 0x20
    DELETE_HORIZON_BIT = 0x40

    NO_CODEC = 0
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4

    FORWARD = 0
    MERGE = 1
    REWRITE = 2
    LEGACY = 3
    DROP = 4

    RECORD_BYTES_MIN = 7
    RECORD_FRONT_BYTES_MAX = 32  # length, attributes, timestamp delta, offset delta
    RECORD_GROWTH_BYTES = 4
    RAW_FACTOR = 16
    JOINED_BYTES_MAX = 256 << 10  # zstd batches unpacked in one go
    KEPT_BYTES_MAX = 4 << 20  # a scratch that once grew above this is given back

cdef tuple KINDS = tuple(Kind)
cdef tuple CODECS = tuple(Codec)

crc32c_setup(1)


def use_hardware(allowed: bool) -> bool:
    """Choose between the processor's CRC instruction and tables, for tests; says whether the instruction is used."""
    crc32c_setup(allowed)
    return bool(crc32c_uses_hardware)


cdef class Bytes:
    """Access to the bytes of any buffer, held as long as this object lives."""

    cdef Py_buffer view
    cdef const uint8_t* at
    cdef Py_ssize_t size

    def __cinit__(self, buffer):
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.at = <const uint8_t*>self.view.buf
        self.size = self.view.len

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


# --- CRC-32C ----------------------------------------------------------------------------------------------------------


def crc32c(buffer, Py_ssize_t start, Py_ssize_t end):
    """CRC-32C of a range of ``buffer``."""
    cdef Bytes held = Bytes(buffer)
    if not 0 <= start <= end <= held.size:
        raise ValueError(f"the range {start}..{end} does not lie in a buffer of {held.size} bytes")
    return crc32c_extend(0, held.at + start, end - start)


def shift_crc(uint32_t crc, uint32_t n_bytes):
    """Multiply ``crc`` by x^(8 * n_bytes)."""
    return crc32c_move(crc, n_bytes)


cdef Py_ssize_t batch_end(const uint8_t* bytes, Py_ssize_t at, Py_ssize_t end, Py_ssize_t size) except -1:
    """Where the batch at ``at`` ends; it must lie whole before ``end``."""
    cdef int64_t length, minimum
    if at < 0 or end > size or at > end - LENGTH_END:
        raise damaged(-1, "its range does not lie in the buffer")
    length = <int>load32(bytes + at + 8)
    minimum = HEADER_BYTES if at + MAGIC_AT < end and bytes[at + MAGIC_AT] == 2 else LENGTH_END + 14
    if length + LENGTH_END < minimum or length + LENGTH_END > end - at:
        raise damaged(<int64_t>load64(bytes + at), f"its length field says {length}, which does not fit its range")
    return at + LENGTH_END + length


cdef inline bint is_sound(const uint8_t* batch, Py_ssize_t n):
    """True if a v2 batch matches its checksum."""
    return load32(batch + CRC_AT) == crc32c_extend(0, batch + CHECKED_AT, n - CHECKED_AT)


def first_damaged(buffer, Py_ssize_t start, Py_ssize_t end):
    """Offset of the first batch or legacy message in the range whose checksum is wrong; None: all are sound."""
    cdef Bytes held = Bytes(buffer)
    cdef Py_ssize_t at = start, following
    cdef bint sound
    while at < end:
        following = batch_end(held.at, at, end, held.size)
        if held.at[at + MAGIC_AT] == 2:
            sound = is_sound(held.at + at, following - at)
        else:
            checked = PyMemoryView_FromMemory(
                <char*>held.at + at + LEGACY_CHECKED_AT, following - at - LEGACY_CHECKED_AT, PyBUF_READ
            )
            sound = zlib.crc32(checked) == load32(held.at + at + LEGACY_CRC_AT)
        if not sound:
            return <int64_t>load64(held.at + at)
        at = following
    return None


# --- Headers ----------------------------------------------------------------------------------------------------------


cdef bytes stamped(
    const uint8_t* header, Py_ssize_t body_bytes, int64_t producer_id, int epoch, int sequence, bint transactional
):
    """Give a changed header with a patched checksum."""
    cdef bytes changed = PyBytes_FromStringAndSize(<const char*>header, HEADER_BYTES)
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(changed)
    cdef uint32_t difference
    store64(to, 0)
    store32(to + LENGTH_END, 0xFFFFFFFF)
    to[ATTRIBUTES_AT] = (to[ATTRIBUTES_AT] & ~TRANSACTIONAL_BIT) | (TRANSACTIONAL_BIT if transactional else 0)
    store64(to + PRODUCER_AT, <uint64_t>producer_id)
    to[EPOCH_AT] = <uint8_t>(epoch >> 8)
    to[EPOCH_AT + 1] = <uint8_t>epoch
    store32(to + SEQUENCE_AT, <uint32_t>sequence)
    difference = crc32c_extend(0, header + CHECKED_AT, COUNT_AT - CHECKED_AT) ^ crc32c_extend(
        0, to + CHECKED_AT, COUNT_AT - CHECKED_AT
    )
    store32(to + CRC_AT, load32(to + CRC_AT) ^ crc32c_move(difference, <uint32_t>(body_bytes + HEADER_BYTES - COUNT_AT)))
    return changed


def stamp(
    bytes header, Py_ssize_t body_bytes, int64_t producer_id, int producer_epoch, int base_sequence, bint transactional
):
    """Give the 61-byte header with the producer's fields set and the checksum patched."""
    if header is None or PyBytes_GET_SIZE(header) != HEADER_BYTES:
        raise ValueError("a header has 61 bytes")
    return stamped(
        <const uint8_t*>PyBytes_AS_STRING(header), body_bytes, producer_id, producer_epoch, base_sequence, transactional
    )


def forward(buffer, run):
    """Make a parcel of a run of one batch; the body is a view into ``buffer``."""
    cdef Bytes held = Bytes(buffer)
    cdef Py_ssize_t start = run.start, end = run.end
    cdef const uint8_t* at
    if batch_end(held.at, start, end, held.size) != end or held.at[start + MAGIC_AT] != 2:
        raise damaged(run.first_offset, "its run is not exactly one batch of format v2")
    at = held.at + start
    cdef int64_t base = <int64_t>load64(at)
    cdef int count = <int>load32(at + COUNT_AT)
    return Parcel(
        stamped(at, end - start - HEADER_BYTES, -1, -1, -1, False),
        PyMemoryView_FromObject(buffer)[start + HEADER_BYTES : end],
        count,
        ((base, count),),
        base + <int>load32(at + LAST_DELTA_AT) + 1,
        <int64_t>load64(at + BASE_TIMESTAMP_AT),
        <int64_t>load64(at + MAX_TIMESTAMP_AT),
        run.codec,
    )


# --- Scan -------------------------------------------------------------------------------------------------------------


cdef struct run_fields:
    int kind
    int codec
    Py_ssize_t start
    Py_ssize_t end
    int64_t batches
    int64_t records
    int64_t first_offset
    int64_t next_offset
    int64_t max_timestamp


cdef inline void extend(run_fields* run, const run_fields* by) noexcept:
    """Make ``run`` reach to the end of ``by``."""
    run.end = by.end
    run.batches += by.batches
    run.records += by.records
    run.next_offset = by.next_offset
    if by.max_timestamp > run.max_timestamp:
        run.max_timestamp = by.max_timestamp


@cython.final
cdef class Grouping:
    """The rules of ``grouping.Grouping``, on plain structures; they are told there."""

    cdef list runs
    cdef int64_t small_bytes, limit_bytes, weight_bytes
    cdef run_fields held, gap
    cdef bint has_held, has_gap, gap_is_skippable

    def __cinit__(self, int64_t small_bytes, int64_t limit_bytes):
        self.runs = []
        self.small_bytes = small_bytes
        self.limit_bytes = limit_bytes

    cdef int add(self, const run_fields* run, bint skippable) except -1:
        """Add the next batch."""
        cdef int64_t weight = run.end - run.start, merged
        if run.kind == DROP:
            if not self.has_gap:
                self.gap = run[0]
                self.has_gap = True
                self.gap_is_skippable = skippable
            else:
                extend(&self.gap, run)
                self.gap_is_skippable = self.gap_is_skippable and skippable
            return 0
        if run.codec == NO_CODEC:
            merged = weight - HEADER_BYTES + RECORD_GROWTH_BYTES * run.records
            weight = merged if merged > weight else weight
        if self.joins(run, weight):
            extend(&self.held, run)
            if run.kind == FORWARD:
                self.held.kind = MERGE
            self.weight_bytes += weight
            self.has_gap = False
            return 0
        self.flush()
        self.held = run[0]
        self.has_held = True
        self.weight_bytes = weight
        return 0

    cdef bint joins(self, const run_fields* run, int64_t weight) noexcept:
        """Decide whether a batch belongs to the open run."""
        cdef const run_fields* held = &self.held
        if not self.has_held or held.codec != run.codec or self.weight_bytes + weight > self.limit_bytes:
            return False
        if run.kind == LEGACY:
            return held.kind == LEGACY and not self.has_gap
        if run.kind != FORWARD or (self.has_gap and not self.gap_is_skippable):
            return False
        if run.end - run.start >= self.small_bytes:
            return False
        return held.kind == MERGE or (held.kind == FORWARD and held.end - held.start < self.small_bytes)

    cdef int flush(self) except -1:
        """Close the open run and the gap after it."""
        if self.has_held:
            self.runs.append(as_run(&self.held))
            self.has_held = False
        if self.has_gap:
            self.runs.append(as_run(&self.gap))
            self.has_gap = False
        return 0


cdef as_run(const run_fields* run):
    """Make the object of a closed run."""
    return Run(
        KINDS[run.kind],
        run.start,
        run.end,
        run.batches,
        run.records,
        run.first_offset,
        run.next_offset,
        CODECS[run.codec],
        run.max_timestamp,
    )


def scan(
    buffer, Py_ssize_t start, Py_ssize_t end, int64_t position, aborted, int64_t small_bytes, int64_t limit_bytes
):
    """Walk the headers in the range."""
    cdef Bytes held = Bytes(buffer)
    if not 0 <= start <= end <= held.size:
        raise ValueError(f"the range {start}..{end} does not lie in a buffer of {held.size} bytes")
    cdef Grouping grouping = Grouping(small_bytes, limit_bytes)
    cdef object aborts = Aborts(aborted) if aborted else None
    cdef Py_ssize_t at = start
    cdef int64_t needed = 0, length, offset
    cdef int magic
    while at < end:
        needed = HEADER_BYTES
        if end - at <= MAGIC_AT:
            break
        offset = <int64_t>load64(held.at + at)
        length = <int>load32(held.at + at + 8)
        magic = held.at[at + MAGIC_AT]
        check_length(offset, length, magic)
        needed = LENGTH_END + length
        if needed > end - at:
            break
        prefetch_header(held.at + at, needed)
        if magic == 2:
            position = add_batch(grouping, held.at, at, at + needed, position, aborts)
        else:
            position = add_legacy(grouping, held.at, at, at + needed, position)
        at += needed
        needed = 0
    grouping.flush()
    return Scan(grouping.runs, at, position, needed)


cdef inline int check_length(int64_t offset, int64_t length, int magic) except -1:
    """Refuse what no batch of its format can be."""
    cdef int minimum
    if magic > 2:
        raise damaged(offset, f"its magic byte is {magic}, and formats 0 to 2 exist")
    minimum = HEADER_BYTES - LENGTH_END if magic == 2 else 14 + 8 * magic
    if length < minimum:
        raise damaged(offset, f"its length field says {length}, less than the {minimum} of an empty one")
    if offset < 0:
        raise damaged(offset, "its offset is negative")
    return 0


cdef int64_t add_batch(
    Grouping grouping, const uint8_t* bytes, Py_ssize_t at, Py_ssize_t end, int64_t position, aborts
) except -1:
    """Judge one v2 batch and give the position after it."""
    cdef const uint8_t* batch = bytes + at
    cdef int attributes = batch[ATTRIBUTES_AT]
    cdef int64_t last_delta = <int>load32(batch + LAST_DELTA_AT), count = <int>load32(batch + COUNT_AT)
    cdef run_fields run
    cdef bint is_aborted = False, skippable
    run.first_offset = <int64_t>load64(batch)
    run.codec = attributes & CODEC_BITS
    if run.codec > ZSTD:
        raise damaged(run.first_offset, f"its attributes name codec {run.codec}, which does not exist")
    if count < 0 or last_delta < 0 or count > last_delta + 1:
        raise damaged(run.first_offset, f"it counts {count} records, but its last offset delta is {last_delta}")
    if run.codec == NO_CODEC and count * RECORD_BYTES_MIN > end - at - HEADER_BYTES:
        raise damaged(run.first_offset, f"it counts {count} records, more than its bytes can hold")
    if run.first_offset > 0x7FFFFFFFFFFFFFFF - last_delta - 1:
        raise damaged(run.first_offset, "its offsets run over")
    cdef int64_t following = run.first_offset + last_delta + 1
    if aborts is not None and attributes & (CONTROL_BIT | TRANSACTIONAL_BIT):
        is_aborted = follow_aborts(aborts, batch, end - at, following - 1)
    skippable = attributes & CONTROL_BIT or count == 0
    if skippable or is_aborted or following <= position:
        run.kind = DROP
    elif (
        count != last_delta + 1
        or run.first_offset < position
        or attributes & (LOG_APPEND_TIME_BIT | DELETE_HORIZON_BIT)
    ):
        run.kind = REWRITE
    else:
        run.kind = FORWARD
    run.start = at
    run.end = end
    run.batches = 1
    run.records = count
    run.next_offset = following if following > position else position
    run.max_timestamp = <int64_t>load64(batch + MAX_TIMESTAMP_AT)
    grouping.add(&run, skippable)
    return run.next_offset


cdef bint follow_aborts(aborts, const uint8_t* batch, Py_ssize_t n, int64_t last_offset) except -1:
    """Tell the list of aborted transactions of a batch; True if the batch belongs to one."""
    cdef int64_t producer_id = <int64_t>load64(batch + PRODUCER_AT)
    aborts.advance(last_offset)
    if not batch[ATTRIBUTES_AT] & CONTROL_BIT:
        return aborts.covers(producer_id)
    if is_abort_marker(batch + HEADER_BYTES, batch + n):
        aborts.end(producer_id)
    return False


cdef bint is_abort_marker(const uint8_t* at, const uint8_t* end) noexcept:
    """True if a control batch ends a transaction by abort: the first record's key is (version, type) with type 0."""
    cdef int64_t length, timestamp_delta, offset_delta, key_bytes
    at = load_record(at, end, &length, &timestamp_delta, &offset_delta)
    if at == NULL:
        return False
    end = at + length
    at = load_varint(at, end, 5, &key_bytes)
    return at != NULL and 4 <= key_bytes <= end - at and at[2] == 0 and at[3] == 0


cdef int64_t add_legacy(
    Grouping grouping, const uint8_t* bytes, Py_ssize_t at, Py_ssize_t end, int64_t position
) except -1:
    """Judge one legacy message and give the position after it."""
    cdef const uint8_t* message = bytes + at
    cdef int magic = message[MAGIC_AT]
    cdef int64_t offset = <int64_t>load64(message)
    cdef run_fields run
    run.codec = message[MAGIC_AT + 1] & CODEC_BITS
    if run.codec > LZ4:
        raise damaged(offset, f"its attributes name codec {run.codec}, which format v{magic} does not have")
    if offset == 0x7FFFFFFFFFFFFFFF:
        raise damaged(offset, "its offsets run over")
    run.kind = DROP if offset < position else LEGACY
    run.first_offset = offset if run.codec == NO_CODEC or offset < position else position
    run.start = at
    run.end = end
    run.batches = run.records = 1
    run.next_offset = position if position > offset else offset + 1
    run.max_timestamp = <int64_t>load64(message + LEGACY_TIMESTAMP_AT) if magic == 1 else -1
    grouping.add(&run, False)
    return run.next_offset


# --- Records ----------------------------------------------------------------------------------------------------------


cdef inline const uint8_t* load_record(
    const uint8_t* at, const uint8_t* end, int64_t* tail_bytes, int64_t* timestamp_delta, int64_t* offset_delta
) noexcept:
    """Read the fields before a record's key. Gives where the key begins, or NULL; the rest has ``tail_bytes``.

    The attributes are unused by Kafka; they stand one byte behind the length, and merging keeps them.
    """
    cdef int64_t length
    at = load_varint(at, end, 5, &length)
    if at == NULL or length < RECORD_BYTES_MIN - 1 or length > end - at:
        return NULL
    end = at + length
    at = load_varint(at + 1, end, 10, timestamp_delta)
    if at != NULL:
        at = load_varint(at, end, 5, offset_delta)
    if at != NULL:
        tail_bytes[0] = end - at
    return at


cdef object field(const uint8_t** at, const uint8_t* end):
    """Read bytes with their length in front; -1 is null."""
    cdef int64_t size
    cdef const uint8_t* here = load_varint(at[0], end, 5, &size)
    if here == NULL:
        raise Malformed("a variable-length number in a record is cut off or too long")
    at[0] = here
    if size < 0:
        return None
    if size > end - here:
        raise Malformed(f"a field in a record says it has {size} bytes, more than the record")
    at[0] = here + size
    return PyBytes_FromStringAndSize(<const char*>here, size)


cdef tuple headers_of(const uint8_t** at, const uint8_t* end):
    """Read a record's headers."""
    cdef int64_t count
    at[0] = load_varint(at[0], end, 5, &count)
    if at[0] == NULL:
        raise Malformed("a variable-length number in a record is cut off or too long")
    if count == 0:
        return ()
    if count < 0 or count > (end - at[0]) // 2:
        raise Malformed(f"a record says it has {count} headers, more than fit in it")
    cdef list headers = []
    for _ in range(count):
        name = field(at, end)
        if name is None:
            raise Malformed("a record header's key is null")
        headers.append((name, field(at, end)))
    return tuple(headers)


def read_records(body, int64_t count):
    """Read a plain body of exactly ``count`` records; raises Malformed."""
    cdef Bytes held = Bytes(body)
    cdef const uint8_t* at = held.at
    cdef const uint8_t* end = at + held.size
    cdef const uint8_t* record_end
    cdef int64_t tail_bytes, timestamp_delta, offset_delta
    cdef list records = []
    if count * RECORD_BYTES_MIN > held.size:
        raise Malformed(f"it counts {count} records, more than its bytes can hold")
    for _ in range(count):
        at = load_record(at, end, &tail_bytes, &timestamp_delta, &offset_delta)
        if at == NULL:
            raise Malformed("a record's length or deltas do not fit its batch")
        record_end = at + tail_bytes
        key = field(&at, record_end)
        value = field(&at, record_end)
        records.append((offset_delta, timestamp_delta, key, value, headers_of(&at, record_end)))
        if at != record_end:
            raise Malformed("a record has bytes behind its last header")
    if at != end:
        raise Malformed(f"{end - at} bytes follow its last record")
    return records


cdef inline int64_t next_offset_of(const uint8_t* batch) noexcept:
    """Position after a v2 batch."""
    return <int64_t>(load64(batch) + <uint64_t>load32(batch + LAST_DELTA_AT) + 1)


cdef const uint8_t* skip_records(const uint8_t* at, const uint8_t* end, int64_t count) noexcept:
    """Where ``count`` plain records end, or NULL."""
    cdef int64_t length
    while at != NULL and count > 0:
        at = load_varint(at, end, 5, &length)
        if at == NULL or length < 0 or length > end - at:
            return NULL
        at += length
        count -= 1
    return at


cdef bint ends_match(
    const uint8_t* batch, const uint8_t* batches_end, const uint8_t* at, const uint8_t* end
) noexcept:
    """True if the plain records between ``at`` and ``end`` are as many as the batches count."""
    while batch < batches_end and at != NULL:
        at = skip_records(at, end, <int>load32(batch + COUNT_AT))
        batch += LENGTH_END + <int>load32(batch + 8)
    return at == end


# --- Packer -----------------------------------------------------------------------------------------------------------


cdef struct segment:
    int64_t first
    int64_t count


@cython.final
cdef class Packer:
    """Writes records into as few v2 batches as possible, each at most ``limit_bytes`` and ``records_max`` records."""

    cdef readonly object codec
    cdef int codec_number
    cdef int64_t limit_bytes, records_max, raw_bytes_max, weight_bytes, count, next_offset
    cdef int64_t base_timestamp, max_timestamp
    cdef list parcels
    cdef uint8_t* out  # the parcel in the making: room for its header, then the records
    cdef int64_t used, room
    cdef segment* segments
    cdef int64_t n_segments, segments_room
    cdef inflate_sink inflated

    def __cinit__(self, codec, int64_t limit_bytes, int64_t records_max=0x7FFFFFFF):
        self.codec = codec
        self.codec_number = codec
        self.limit_bytes = limit_bytes
        self.records_max = records_max
        self.raw_bytes_max = limit_bytes if self.codec_number == NO_CODEC else RAW_FACTOR * limit_bytes + HEADER_BYTES
        self.inflated.limit = inflation_limit_bytes(limit_bytes)
        self.parcels = []
        self.open()

    def __dealloc__(self):
        free(self.out)
        free(self.segments)
        free(self.inflated.bytes)

    cdef void open(self) noexcept:
        """Start the next parcel."""
        self.used = HEADER_BYTES
        self.count = self.weight_bytes = self.n_segments = self.base_timestamp = 0
        self.max_timestamp = -1

    cpdef weigh(self, int64_t n_bytes):
        """Say that records which took ``n_bytes`` on the source follow; closes the parcel if they would not fit."""
        if self.codec_number != NO_CODEC and self.count and self.weight_bytes + n_bytes > self.limit_bytes:
            self.close()
        self.weight_bytes += n_bytes

    cpdef skip_to(self, int64_t next_offset):
        """Say that nothing below ``next_offset`` will follow."""
        if next_offset > self.next_offset:
            self.next_offset = next_offset

    def add(self, buffer, Py_ssize_t start, Py_ssize_t end, int64_t position):
        """Add the records at or after ``position`` of all v2 batches in the range, but not those of control batches."""
        cdef Bytes held = Bytes(buffer)
        cdef Py_ssize_t at = start, following
        cdef const uint8_t* batch
        while at < end:
            following = batch_end(held.at, at, end, held.size)
            batch = held.at + at
            if batch[MAGIC_AT] != 2:
                raise damaged(-1, "it is not of format v2")
            if batch[ATTRIBUTES_AT] & (CODEC_BITS | CONTROL_BIT) == ZSTD and following < end:
                at = self.add_joined(held, at, end, position)
                continue
            if not batch[ATTRIBUTES_AT] & CONTROL_BIT and load32(batch + COUNT_AT) != 0:
                self.add_batch(batch, following - at, position)
            self.skip_to(next_offset_of(batch))
            at = following

    cdef Py_ssize_t add_joined(self, Bytes held, Py_ssize_t at, Py_ssize_t end, int64_t position) except -1:
        """Add neighbouring zstd batches, unpacked in one go; gives the position after them.

        To set zstd up costs 10 us, a tiny batch's work is 0.2 us. Frames may follow each other in one stream (RFC 8878,
        section 3.1), and the counts in the headers say where in the joint body one batch ends. Where that does not work out,
        each batch is unpacked alone, which finds the culprit.
        """
        cdef Py_ssize_t first = at, following, joined_bytes = 0
        cdef list bodies = []
        cdef Bytes plain = None
        cdef const uint8_t* here = NULL
        cdef const uint8_t* until
        cdef const uint8_t* batch
        while at < end and joined_bytes < JOINED_BYTES_MAX:
            following = batch_end(held.at, at, end, held.size)
            batch = held.at + at
            if batch[MAGIC_AT] != 2 or batch[ATTRIBUTES_AT] & (CODEC_BITS | CONTROL_BIT) != ZSTD:
                break
            if load32(batch + COUNT_AT) != 0:
                bodies.append(PyMemoryView_FromMemory(<char*>batch + HEADER_BYTES, following - at - HEADER_BYTES, PyBUF_READ))
                joined_bytes += following - at
            at = following
        if len(bodies) > 1:
            try:
                plain = Bytes(decompress(CODECS[ZSTD], b"".join(bodies), self.inflated.limit))
                here = plain.at
            except Malformed:
                pass
        if plain is not None and not ends_match(held.at + first, held.at + at, plain.at, plain.at + plain.size):
            here = NULL
        while first < at:
            batch = held.at + first
            first = batch_end(held.at, first, at, held.size)
            if load32(batch + COUNT_AT) == 0:
                pass
            elif here == NULL:
                self.add_batch(batch, held.at + first - batch, position)
            else:
                until = skip_records(here, plain.at + plain.size, <int>load32(batch + COUNT_AT))
                self.add_plain(batch, held.at + first - batch, here, until, position)
                here = until
            self.skip_to(next_offset_of(batch))
        return at

    cdef int add_plain(
        self, const uint8_t* batch, Py_ssize_t n, const uint8_t* at, const uint8_t* end, int64_t position
    ) except -1:
        """Add one batch whose plain records lie between ``at`` and ``end``."""
        if not is_sound(batch, n):
            raise damaged(<int64_t>load64(batch), "its checksum does not match its bytes")
        self.weigh(n)
        try:
            return self.copy_records(batch, at, end, position)
        except Malformed as why:
            raise damaged(<int64_t>load64(batch), str(why)) from why

    cdef int add_batch(self, const uint8_t* batch, Py_ssize_t n, int64_t position) except -1:
        """Add one batch."""
        cdef const uint8_t* at = batch + HEADER_BYTES
        cdef const uint8_t* end = batch + n
        cdef object base = None, body
        cdef Bytes held
        cdef int codec = batch[ATTRIBUTES_AT] & CODEC_BITS
        if not is_sound(batch, n):
            raise damaged(<int64_t>load64(batch), "its checksum does not match its bytes")
        self.weigh(n)
        try:
            if codec == LZ4 or codec == SNAPPY:
                self.inflate(codec, at, end - at)
                at = self.inflated.bytes
                end = at + self.inflated.used
            elif codec != NO_CODEC:
                if codec > ZSTD:
                    raise Malformed(f"its attributes name codec {codec}, which does not exist")
                body = PyMemoryView_FromMemory(<char*>at, end - at, PyBUF_READ)
                held = Bytes(decompress(CODECS[codec], body, self.inflated.limit))
                at = held.at
                end = at + held.size
            return self.copy_records(batch, at, end, position)
        except Malformed as why:
            raise damaged(<int64_t>load64(batch), str(why)) from why

    cdef int inflate(self, int codec, const uint8_t* at, Py_ssize_t n) except -1:
        """Unpack a body into ``self.inflated``."""
        cdef int result
        if self.inflated.room > KEPT_BYTES_MAX:
            free(self.inflated.bytes)
            self.inflated.bytes = NULL
            self.inflated.room = 0
        self.inflated.used = 0
        result = lz4_frame(at, n, &self.inflated) if codec == LZ4 else snappy_stream(at, n, &self.inflated)
        if result == INFLATE_NO_MEMORY:
            raise MemoryError
        if result == INFLATE_OVERSIZED:
            raise Oversized(f"its body unpacks to more than {self.inflated.limit} bytes")
        if result:
            raise Malformed(f"its {CODECS[codec].name.lower()} body does not unpack")
        return 0

    cdef int copy_records(self, const uint8_t* batch, const uint8_t* at, const uint8_t* end, int64_t position) except -1:
        """Copy the plain records between ``at`` and ``end`` that belong to the header ``batch``."""
        cdef int64_t base = <int64_t>load64(batch), last_delta = <int>load32(batch + LAST_DELTA_AT)
        cdef int64_t count = <int>load32(batch + COUNT_AT), i, tail_bytes, timestamp_delta = 0, offset_delta = 0
        cdef uint64_t base_timestamp = load64(batch + BASE_TIMESTAMP_AT)
        cdef int64_t append_time = <int64_t>load64(batch + MAX_TIMESTAMP_AT), previous = -1
        cdef bint use_append_time = batch[ATTRIBUTES_AT] & LOG_APPEND_TIME_BIT
        cdef const uint8_t* length_at
        for i in range(count):
            length_at = at
            at = load_record(at, end, &tail_bytes, &timestamp_delta, &offset_delta)
            if at == NULL:
                raise Malformed("a record's length or deltas do not fit its batch")
            if offset_delta <= previous or offset_delta > last_delta:
                raise Malformed(f"offset delta {offset_delta} follows {previous}, the last is {last_delta}")
            previous = offset_delta
            if base + offset_delta >= position:
                while length_at[0] > 127:
                    length_at += 1
                self.write(
                    base + offset_delta,
                    append_time if use_append_time else <int64_t>(base_timestamp + <uint64_t>timestamp_delta),
                    length_at[1],
                    at,
                    tail_bytes,
                )
            at += tail_bytes
        if at != end:
            raise Malformed(f"{end - at} bytes follow its last record")
        return 0

    def append(self, int64_t offset, int64_t timestamp, key, value, headers=()):
        """Add one record given field by field."""
        tail = bytearray()
        put_field(tail, key)
        put_field(tail, value)
        put_number(tail, len(headers))
        for name, content in headers:
            put_field(tail, name)
            put_field(tail, content)
        cdef Bytes held = Bytes(tail)
        self.write(offset, timestamp, 0, held.at, held.size)
        self.skip_to(offset + 1)

    cdef int write(
        self, int64_t offset, int64_t timestamp, uint8_t attributes, const uint8_t* tail, int64_t tail_bytes
    ) except -1:
        """Write one record, into the next parcel if it no longer fits into this one."""
        cdef int64_t delta, length, last
        cdef uint8_t* to
        if self.count == self.records_max:
            self.close()
        delta = <int64_t>(<uint64_t>timestamp - <uint64_t>self.base_timestamp) if self.count else 0
        length = 1 + varint_bytes(delta) + varint_bytes(self.count) + tail_bytes
        if self.count and self.used + varint_bytes(length) + length > self.raw_bytes_max:
            self.close()
            delta = 0
            length = 3 + tail_bytes
        if self.count == 0:
            self.base_timestamp = timestamp
        self.reserve(RECORD_FRONT_BYTES_MAX + tail_bytes)
        to = store_varint(self.out + self.used, length)
        to[0] = attributes
        to = store_varint(store_varint(to + 1, delta), self.count)
        memcpy(to, tail, tail_bytes)
        self.used = to + tail_bytes - self.out
        self.count += 1
        if timestamp > self.max_timestamp:
            self.max_timestamp = timestamp
        self.next_offset = offset + 1
        last = self.n_segments - 1
        if last >= 0 and self.segments[last].first + self.segments[last].count == offset:
            self.segments[last].count += 1
        else:
            self.start_segment(offset)
        return 0

    cdef inline int reserve(self, int64_t n) except -1:
        """Make room for ``n`` more bytes of the parcel."""
        cdef int64_t room
        cdef uint8_t* out
        if self.used + n > self.room:
            room = (self.used + n) * 2
            if self.used + n <= self.limit_bytes < room:
                room = self.limit_bytes + RECORD_FRONT_BYTES_MAX
            out = <uint8_t*>realloc(self.out, room)
            if out == NULL:
                raise MemoryError
            self.out = out
            self.room = room
        return 0

    cdef int start_segment(self, int64_t offset) except -1:
        """Begin a run of consecutive source offsets."""
        cdef segment* segments
        if self.n_segments == self.segments_room:
            segments = <segment*>realloc(self.segments, (self.segments_room * 2 + 4) * sizeof(segment))
            if segments == NULL:
                raise MemoryError
            self.segments = segments
            self.segments_room = self.segments_room * 2 + 4
        self.segments[self.n_segments].first = offset
        self.segments[self.n_segments].count = 1
        self.n_segments += 1
        return 0

    cdef int close(self) except -1:
        """Make a parcel of what is written."""
        cdef bytes body, header
        cdef int64_t i
        if self.codec_number == NO_CODEC:
            body = PyBytes_FromStringAndSize(<const char*>self.out + HEADER_BYTES, self.used - HEADER_BYTES)
        else:
            plain = PyMemoryView_FromMemory(<char*>self.out + HEADER_BYTES, self.used - HEADER_BYTES, PyBUF_READ)
            body = compress(self.codec, plain)
        header = self.header(<const uint8_t*>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        segments = tuple([(self.segments[i].first, self.segments[i].count) for i in range(self.n_segments)])
        self.parcels.append(
            Parcel(
                header,
                body,
                self.count,
                segments,
                self.next_offset,
                self.base_timestamp,
                self.max_timestamp,
                self.codec,
            )
        )
        self.open()
        return 0

    cdef bytes header(self, const uint8_t* body, Py_ssize_t body_bytes):
        """Give the header of the parcel in the making."""
        cdef bytes header = PyBytes_FromStringAndSize(NULL, HEADER_BYTES)
        cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(header)
        memset(to, 0xFF, HEADER_BYTES)
        store64(to, 0)
        store32(to + 8, <uint32_t>(HEADER_BYTES - LENGTH_END + body_bytes))
        to[MAGIC_AT] = 2
        to[CHECKED_AT] = 0
        to[ATTRIBUTES_AT] = <uint8_t>self.codec_number
        store32(to + LAST_DELTA_AT, <uint32_t>(self.count - 1))
        store64(to + BASE_TIMESTAMP_AT, <uint64_t>self.base_timestamp)
        store64(to + MAX_TIMESTAMP_AT, <uint64_t>self.max_timestamp)
        store32(to + COUNT_AT, <uint32_t>self.count)
        store32(to + CRC_AT, crc32c_extend(crc32c_extend(0, to + CHECKED_AT, HEADER_BYTES - CHECKED_AT), body, body_bytes))
        return header

    def finish(self):
        """Give all parcels, the last one closed, and start anew."""
        if self.count:
            self.close()
        parcels, self.parcels = self.parcels, []
        return parcels


cdef put_number(bytearray tail, int64_t value):
    """Add a zig-zag varint."""
    cdef uint8_t[10] room
    tail += PyBytes_FromStringAndSize(<const char*>room, store_varint(room, value) - room)


cdef put_field(bytearray tail, content):
    """Add bytes with their length in front; None is null."""
    if content is None:
        put_number(tail, -1)
    else:
        put_number(tail, len(content))
        tail += content
