"""Positions and bits of Kafka's formats that more than one module of this room looks at.

See https://kafka.apache.org/documentation/#recordbatch for batches (v2) and #messageset for what was before (v0, v1).
"""

LENGTH_FIELD_END = 12
"""A batch's (or legacy message's) length field counts from here on."""
MAGIC_AT = 16
"""Position of the format's number: the same in all formats."""

CODEC_BITS = 0x07
LOG_APPEND_TIME_BIT = 0x08
TRANSACTIONAL_BIT = 0x10
CONTROL_BIT = 0x20
DELETE_HORIZON_BIT = 0x40

ABORT_MARKER = b"\x00\x00"
"""Type in the key of a control record that ends a transaction by abort (1: commit)."""

OFFSET_MAX = 2**63 - 1
"""Largest number that an offset's field can hold; no record may stand there, for the position after it has none."""

RECORD_BYTES_MIN = 7
"""A record with null key, null value and no headers: seven fields of one byte."""


def signed_64(value: int) -> int:
    """Wrap as Java's long does: a timestamp delta may overflow, and must give the same timestamp on the way back."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
