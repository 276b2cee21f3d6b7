"""The words of the records room: what a scan finds in fetched bytes, and what is sent to the target.

A record batch of format v2 (magic 2, since Kafka 0.11) is a header of 61 bytes and a body of records that may be
compressed. Everything a replicator must decide stands in the header, so the body stays opaque wherever it can:

::

    Fetch answer ──scan──> Run, Run, Run ──forward──> Parcel ──stamp──> header + body ──> Produce
                                   └──────rewrite──────┘

A :class:`Run` says what must happen to a range of the fetched bytes; a :class:`Parcel` is one batch ready for the
target. Runs, scans and parcels are made hundreds of thousands of times a second: they are slotted and, for speed alone,
not frozen; only its creator may mutate it. Layout: https://kafka.apache.org/documentation/#recordbatch.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from heliograph.errors import DamagedBatch

Buffer = bytes | bytearray | memoryview
"""Contiguous bytes that may be read without copying them."""

HEADER_BYTES = 61
"""Size of the header of a v2 batch, from its base offset to its record count."""

SMALL_BYTES = 16_384
"""Below this size a batch is worth merging: Kafka's own default ``batch.size``."""

LIMIT_BYTES = 1_000_000
"""Largest batch made by merging unless the caller says otherwise: below the broker's ``max.message.bytes``."""


class Codec(IntEnum):
    """How a batch's body is compressed: the low three bits of its attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class Kind(IntEnum):
    """What must happen to the batches of a run."""

    FORWARD = 0
    """One batch that can go out whole: only header fields change."""
    MERGE = 1
    """Two or more small neighbours with the same codec, each of which could go out whole.

    Control and empty batches may lie between them: they stand in the byte range, not in the counts, and a rewrite
    leaves them out. A topic of short transactions would not merge at all otherwise.
    """
    REWRITE = 2
    """One batch that must be re-encoded: holes, a cropped front, log append time, or a delete horizon."""
    LEGACY = 3
    """Neighbouring messages of format v0 or v1 (magic 0 or 1) with the same codec."""
    DROP = 4
    """Neighbouring batches that must not be copied: control, aborted, empty, or wholly before the position."""


@dataclass(slots=True)
class Run:
    """A range of a buffer whose batches share one fate."""

    kind: Kind
    start: int
    """Byte position in the buffer of the first batch."""
    end: int
    """Byte position in the buffer after the last batch."""
    batches: int
    """Batches (legacy: outer messages) in the run."""
    records: int
    """Records as the headers count them; a compressed legacy message counts as one."""
    first_offset: int
    """Source offset of the first batch; for legacy messages a lower bound."""
    next_offset: int
    """Source position after the last batch."""
    codec: Codec
    max_timestamp: int
    """Largest timestamp of the headers, ms since the epoch; -1: none."""


@dataclass(slots=True)
class Scan:
    """What a range of fetched bytes holds."""

    runs: list[Run]
    """In source order, without gaps between them."""
    consumed: int
    """Byte position in the buffer after the last complete batch."""
    next_offset: int
    """Source position after the last complete batch; the given position if there is none."""
    needed: int
    """Size in bytes of the incomplete batch at the end (at least a header's if even that is cut), else 0."""


@dataclass(slots=True)
class Parcel:
    """One v2 batch ready for the target but for the producer's fields, which :func:`stamp` fills in."""

    header: bytes
    """61 bytes with base offset 0, leader epoch -1, producer id, epoch and sequence -1, and a valid CRC."""
    body: Buffer
    """The records, compressed with ``codec``; perhaps a view into the fetched bytes, which it keeps alive."""
    records: int
    segments: tuple[tuple[int, int], ...]
    """Runs of consecutive source offsets in record order: (first source offset, count)."""
    next_offset: int
    """Source position after this parcel."""
    base_timestamp: int
    """Timestamp to which the body's timestamp deltas relate, ms since the epoch."""
    max_timestamp: int
    """Largest record timestamp, ms since the epoch; -1: none."""
    codec: Codec

    @property
    def size(self) -> int:
        """Bytes of the whole batch on the wire."""
        return HEADER_BYTES + len(self.body)


@dataclass(frozen=True, slots=True)
class Record:
    """One record, decoded."""

    offset: int
    timestamp: int
    """ms since the epoch; -1: none."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    """Keys are UTF-8; bytes that are not survive as lone surrogates (``surrogateescape``)."""
    appended: bool = field(default=False, compare=False)
    """Whether ``timestamp`` is the time at which the broker took it (LogAppendTime), not its writer's."""
    transactional: bool = field(default=False, compare=False)
    """Whether it was written as part of a transaction."""


def damaged(offset: int, why: str) -> DamagedBatch:
    """Make the error for the batch at source ``offset``; ``why`` completes the sentence "is damaged: ...".

    Raised instead of being returned by whoever reads: a batch either is what its lengths and checksum say, or nothing
    of it is used.
    """
    return DamagedBatch(
        f"The batch at offset {offset} is damaged: {why}",
        remedy="Fetch it again; if it stays so, check the source broker's log with kafka-dump-log.sh",
    )
