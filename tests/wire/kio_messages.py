"""Messages through kio's own readers and writers: a witness that does not know the code under test."""

import io

from kio.serial import entity_reader, entity_writer


def write(entity):
    buffer = io.BytesIO()
    entity_writer(type(entity))(buffer, entity)
    return buffer.getvalue()


def response_frame(entity, correlation_id=1):
    """An answer as it comes, with the oldest response header."""
    return correlation_id.to_bytes(4, "big") + write(entity)


def read_request(kind, raw):
    """Header and body of a request; all bytes must be used."""
    header, size = entity_reader(kind.__header_schema__)(raw, 0)
    body, rest = entity_reader(kind)(raw, size)
    assert size + rest == len(raw), "bytes are left over"
    return header, body
