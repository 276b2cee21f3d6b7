# Part of _kernel.pyx: what must happen to each range of fetched bytes, from the headers alone.


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
    if aborts is not None:
        aborts.advance(following - 1)
        if attributes & (CONTROL_BIT | TRANSACTIONAL_BIT):
            is_aborted = follow_aborts(aborts, batch, end - at)
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


cdef bint follow_aborts(aborts, const uint8_t* batch, Py_ssize_t n) except -1:
    """Tell the list of aborted transactions of a batch; True if the batch belongs to one."""
    cdef int64_t producer_id = <int64_t>load64(batch + PRODUCER_AT)
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
