# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled kernel: the functions of ``_reference.py``, which explains them, without an object per batch or record.

Every position is checked before it is read: ``at`` never passes ``end``, and what a batch says of itself is compared with what
it has. All of Kafka's numbers are taken as signed 64-bit ones, in which the 32-bit fields cannot overflow.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory, PyMemoryView_FromObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

import os
import zlib

from heliograph.records.codecs import Malformed, compress, decompress, inflation_limit_bytes
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
    int INFLATE_NO_MEMORY
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
    MARK_BYTES = 16

cdef tuple KINDS = tuple(Kind)
cdef tuple CODECS = tuple(Codec)
cdef bytes MARK = os.urandom(MARK_BYTES)  # stands behind each of the zstd bodies that are unpacked in one go
cdef bytes MARK_FRAME = b"\x28\xb5\x2f\xfd\x20\x10\x81\x00\x00" + MARK  # one raw block of 16 bytes (RFC 8878)

crc32c_setup(1)


def allocate(Py_ssize_t size):
    """A bytearray of ``size`` bytes whose content is whatever was there: zeroing megabytes costs as much as sending them."""
    if size < 0:
        raise ValueError("a buffer has no negative size")
    return PyByteArray_FromStringAndSize(NULL, size)


def use_hardware(allowed: bool) -> bool:
    """Choose between the processor's CRC instruction and tables, for tests; says whether the instruction is used."""
    crc32c_setup(allowed)
    return bool(crc32c_uses_hardware)


@cython.final
@cython.freelist(8)
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
    """Return a changed header with a patched checksum."""
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
    """Return the 61-byte header with the producer's fields set and the checksum patched."""
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
    view = buffer if type(buffer) is memoryview else PyMemoryView_FromObject(buffer)
    cdef int64_t base = <int64_t>load64(at)
    cdef int count = <int>load32(at + COUNT_AT)
    return Parcel(
        stamped(at, end - start - HEADER_BYTES, -1, -1, -1, False),
        view[start + HEADER_BYTES : end],
        count,
        ((base, count),),
        base + <int>load32(at + LAST_DELTA_AT) + 1,
        <int64_t>load64(at + BASE_TIMESTAMP_AT),
        <int64_t>load64(at + MAX_TIMESTAMP_AT),
        run.codec,
    )


include "_records.pxi"
include "_scan.pxi"
include "_packer.pxi"
include "_canonical.pxi"
