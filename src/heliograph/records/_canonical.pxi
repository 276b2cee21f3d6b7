# Part of _kernel.pyx: records in the one form that does not depend on how they were batched.


cdef inline const uint8_t* load_field(const uint8_t* at, const uint8_t* end, int64_t* size) noexcept:
    """Read a field's length (below 0: null). Returns where its content begins, or NULL where it does not fit."""
    at = load_varint(at, end, 5, size)
    return NULL if at == NULL or size[0] > end - at else at


cdef inline uint8_t* store_field(uint8_t* to, const uint8_t* at, int64_t size) noexcept:
    """Write a field with its length in four bytes in front. Returns the byte after it."""
    store32(to, <uint32_t>size if size >= 0 else 0xFFFFFFFF)
    if size > 0:
        memcpy(to + 4, at, size)
        return to + 4 + size
    return to + 4


cdef int64_t write_canonical(
    const uint8_t* at, const uint8_t* end, int64_t count, uint64_t base_timestamp, bint timestamps, uint8_t* to
) noexcept:
    """Write ``count`` plain records to ``to``, or only measure them where it is NULL. Returns the size; -1: malformed."""
    cdef const uint8_t* record_end
    cdef int64_t tail_bytes, timestamp_delta = 0, offset_delta = 0, fields, size = 0, used = 0, n
    for n in range(count):
        at = load_record(at, end, &tail_bytes, &timestamp_delta, &offset_delta)
        if at == NULL:
            return -1
        record_end = at + tail_bytes
        if timestamps:
            if to != NULL:
                store64(to + used, base_timestamp + <uint64_t>timestamp_delta)
            used += 8
        fields = 2
        while fields > 0:
            at = load_field(at, record_end, &size)
            if at == NULL:
                return -1
            if to != NULL:
                store_field(to + used, at, size)
            used += 4 + (size if size > 0 else 0)
            at += size if size > 0 else 0
            fields -= 1
        at = load_varint(at, record_end, 5, &fields)
        if at == NULL or fields < 0 or fields > (record_end - at) // 2:
            return -1
        if to != NULL:
            store32(to + used, <uint32_t>fields)
        used += 4
        fields *= 2
        while fields > 0:
            at = load_field(at, record_end, &size)
            if at == NULL or (size < 0 and not fields & 1):
                return -1
            if to != NULL:
                store_field(to + used, at, size)
            used += 4 + (size if size > 0 else 0)
            at += size if size > 0 else 0
            fields -= 1
        if at != record_end:
            return -1
    return used if at == end else -1


def canonical(body, int64_t count, int64_t base_timestamp, bint timestamps):
    """Return a plain body of exactly ``count`` records in canonical form; raises Malformed."""
    cdef Bytes held = Bytes(body)
    cdef const uint8_t* at = held.at
    cdef const uint8_t* end = at + held.size
    cdef int64_t size
    cdef bytes out
    if count * RECORD_BYTES_MIN > held.size:
        raise Malformed(f"it counts {count} records, more than its bytes can hold")
    size = write_canonical(at, end, count, <uint64_t>base_timestamp, timestamps, NULL)
    if size < 0:
        raise Malformed("the fields of its records do not fit their lengths")
    out = PyBytes_FromStringAndSize(NULL, size)
    write_canonical(at, end, count, <uint64_t>base_timestamp, timestamps, <uint8_t*>PyBytes_AS_STRING(out))
    return out
