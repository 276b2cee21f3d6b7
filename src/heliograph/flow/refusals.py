"""What a refusal of the target means for a lane: may it be sent again, was it written, is the producer still known.

A batch that is too large is divided; one that is damaged is told from one that was damaged on the way; and some codes
say that the producer, or the transaction, is not what we thought.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph import records
from heliograph.errors import DamagedBatch, HeliographError, TooLarge
from heliograph.records import Kind, Parcel, Run
from heliograph.wire import errors as codes
from heliograph.wire.errors import error_of

PRODUCER_UNKNOWN = (
    codes.OUT_OF_ORDER_SEQUENCE_NUMBER,
    codes.UNKNOWN_PRODUCER_ID,
    codes.INVALID_PRODUCER_EPOCH,
    codes.INVALID_PRODUCER_ID_MAPPING,
)
"""The broker does not know what this producer has sent before."""
TRANSACTION_LOST = (
    *PRODUCER_UNKNOWN,
    codes.INVALID_TXN_STATE,
    codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    codes.PRODUCER_FENCED,
    codes.TRANSACTION_ABORTABLE,
)
"""The transaction that the batch belongs to cannot be committed."""
PERHAPS_WRITTEN = (codes.REQUEST_TIMED_OUT, codes.NOT_ENOUGH_REPLICAS_AFTER_APPEND, codes.UNKNOWN_SERVER_ERROR)
"""The batch may be in the log although it was refused."""


RESEND_S_MIN = 0.1
RESEND_S_MAX = 1.0
GIVE_UP_FAILURES = 10
"""Refusals in a row after which a batch is no longer kept to be sent again: what it holds of the window others need."""
GIVEN_UP_RETRY_S = 2.0
TOO_LARGE_RETRY_S = 5.0
"""The limit is raised by a person; a large record is sent again and again until then."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a lane's errors call its partitions and their clusters."""

    source: str
    """Alias."""
    partition: str
    """Of the source: topic and number."""
    target: str
    """Alias."""
    target_topic: str
    target_partition: int

    def refused(self, code: int, said: str) -> HeliographError:
        """Put the refusal of a batch into words; ``said`` are the broker's own, if any."""
        what = f"write to {self.target_topic}-{self.target_partition} on {self.target}"
        return error_of(code, what, f"topic {self.target_topic} on {self.target}", right="Write", said=said or None)

    def too_large(self, parcel: Parcel) -> TooLarge:
        """Name the one record of ``parcel``, which is larger than the target takes."""
        return TooLarge(
            f"The record at offset {parcel.segments[0][0]} of {self.partition} on {self.source} takes {parcel.size}"
            f" bytes, more than topic {self.target_topic} on {self.target} takes",
            remedy=f"Raise max.message.bytes of topic {self.target_topic} on {self.target}",
        )

    def damaged(self, parcel: Parcel) -> DamagedBatch:
        """Name the batch that was damaged before it went to the target."""
        return DamagedBatch(
            f"The batch at offset {parcel.segments[0][0]} of {self.partition} on {self.source} is damaged: its checksum"
            f" does not match its bytes; {self.target} refused it",
            remedy="It is fetched again; if it stays so, check the source broker's log with kafka-dump-log",
        )


class Consequence(StrEnum):
    """What must follow a refusal."""

    NOTHING = "nothing"
    RETRY = "retry"
    RETRY_METADATA = "retry after a look at fresh metadata"
    RESUME = "resume"
    FAILED = "failed"
    ABORT = "abort the transaction"


def resend_pause_s(failures: int) -> float:
    """Return how long a batch waits to be sent again that was refused so often in a row."""
    return min(RESEND_S_MIN * 2.0 ** min(failures - 1, 16), RESEND_S_MAX)


def divided(parcel: Parcel, limit_bytes: int) -> list[Parcel]:
    """Part a batch that the target finds too large into batches of at most ``limit_bytes``; itself if that cannot be.

    Where one record alone exceeds the limit, into as small ones as can be: each record may still fit the target's.
    """
    if parcel.records < 2:
        return [parcel]
    try:
        return records.split(parcel, limit_bytes)
    except TooLarge:
        size = max(records.HEADER_BYTES + 1, parcel.size // parcel.records)
    while True:
        size = min(size, parcel.size - 1)
        try:
            return records.split(parcel, size)
        except TooLarge:
            if size == parcel.size - 1:
                return [parcel]
            size *= 2


def is_damaged(parcel: Parcel) -> bool:
    """Say whether the batch's bytes do not match its checksum here already, before they went to the target."""
    batch = b"".join((parcel.header, parcel.body))
    whole = Run(Kind.FORWARD, 0, len(batch), 1, parcel.records, 0, 1, parcel.codec, -1)
    try:
        records.verify(batch, whole)
    except DamagedBatch:
        return True
    return False
