# Part of _kernel.pyx: records of many batches written into few.


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


cdef Py_ssize_t gather_zstd(list bodies, Bytes held, Py_ssize_t at, Py_ssize_t end) except -1:
    """Collect the bodies of neighbouring zstd batches; gives the position after them."""
    cdef Py_ssize_t following, joined_bytes = 0
    cdef const uint8_t* batch
    while at < end and joined_bytes < JOINED_BYTES_MAX:
        following = batch_end(held.at, at, end, held.size)
        batch = held.at + at
        if batch[MAGIC_AT] != 2 or batch[ATTRIBUTES_AT] & (CODEC_BITS | CONTROL_BIT) != ZSTD:
            break
        if load32(batch + COUNT_AT) != 0:
            bodies.append(
                PyMemoryView_FromMemory(<char*>batch + HEADER_BYTES, following - at - HEADER_BYTES, PyBUF_READ)
            )
            bodies.append(MARK_FRAME)
            joined_bytes += following - at
        at = following
    return at


cdef const uint8_t* skip_mark(const uint8_t* at, const uint8_t* end) noexcept:
    """Where the mark at ``at`` ends, or NULL if it does not stand there."""
    if at == NULL or end - at < MARK_BYTES or memcmp(at, PyBytes_AS_STRING(MARK), MARK_BYTES) != 0:
        return NULL
    return at + MARK_BYTES


cdef bint ends_match(
    const uint8_t* batch, const uint8_t* batches_end, const uint8_t* at, const uint8_t* end
) noexcept:
    """True if between ``at`` and ``end`` stand, for each batch, as many plain records as it counts, and the mark."""
    while batch < batches_end and at != NULL:
        if load32(batch + COUNT_AT) != 0:
            at = skip_mark(skip_records(at, end, <int>load32(batch + COUNT_AT)), end)
        batch += LENGTH_END + <int>load32(batch + 8)
    return at == end


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
        section 3.1), and the counts in the headers say where in the joint body one batch ends. A mark that nobody can
        foresee stands between them, so that a body which is cut, or holds another's records, is noticed. Where it does
        not work out, each batch is unpacked alone, which finds the culprit.
        """
        cdef list bodies = []
        cdef Py_ssize_t joined_end = gather_zstd(bodies, held, at, end)
        cdef Bytes plain = self.unpack_joined(bodies, held.at + at, held.at + joined_end)
        cdef const uint8_t* here = NULL
        cdef const uint8_t* until
        cdef const uint8_t* batch
        if plain is not None:
            here = plain.at
        while at < joined_end:
            batch = held.at + at
            at = batch_end(held.at, at, joined_end, held.size)
            if load32(batch + COUNT_AT) == 0:
                pass
            elif here == NULL:
                self.add_batch(batch, held.at + at - batch, position)
            else:
                until = skip_records(here, plain.at + plain.size, <int>load32(batch + COUNT_AT))
                self.add_plain(batch, held.at + at - batch, here, until, position)
                here = until + MARK_BYTES
            self.skip_to(next_offset_of(batch))
        return joined_end

    cdef Bytes unpack_joined(self, list bodies, const uint8_t* batches, const uint8_t* batches_end):
        """Return the plain records of all ``bodies``, or None where they do not match the counts of their batches."""
        cdef Bytes plain
        if len(bodies) < 4:  # two bodies, each with its mark
            return None
        try:
            plain = Bytes(decompress(CODECS[ZSTD], b"".join(bodies), self.inflated.limit))
        except Malformed:
            return None
        return plain if ends_match(batches, batches_end, plain.at, plain.at + plain.size) else None

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
            if (codec == LZ4 or codec == SNAPPY) and self.inflate(codec, at, end - at):
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

    cdef bint inflate(self, int codec, const uint8_t* at, Py_ssize_t n) except -1:
        """Unpack a body into ``self.inflated``; False where it is not plainly right, which the library then judges."""
        cdef int result
        if self.inflated.room > KEPT_BYTES_MAX:
            self.forget_inflated()
        self.inflated.used = 0
        result = lz4_frame(at, n, &self.inflated) if codec == LZ4 else snappy_stream(at, n, &self.inflated)
        if result == INFLATE_NO_MEMORY:
            raise MemoryError
        if result:
            self.forget_inflated()  # the library needs as much room again
        return result == 0

    cdef void forget_inflated(self) noexcept:
        """Free the scratch memory."""
        free(self.inflated.bytes)
        self.inflated.bytes = NULL
        self.inflated.room = 0

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
        """Return the header of the parcel in the making."""
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
        """Return all parcels, the last one closed, and start over."""
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
