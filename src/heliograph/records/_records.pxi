# Part of _kernel.pyx: records inside a plain body, read field by field.


cdef inline const uint8_t* load_record(
    const uint8_t* at, const uint8_t* end, int64_t* tail_bytes, int64_t* timestamp_delta, int64_t* offset_delta
) noexcept:
    """Read the fields before a record's key. Returns where the key begins, or NULL; the rest has ``tail_bytes``.

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
