"""What a refusal of the target means for a lane: may it be sent again, was it written, is the producer still known.

A batch that is too large is divided; one that is damaged is told from one that was damaged on the way; and some codes
say that the producer, or the transaction, is not what we thought.
"""

from enum import StrEnum

from heliograph import records
from heliograph.errors import BrokerError, DamagedBatch, HeliographError, NotAuthorized, TooLarge
from heliograph.records import Kind, Parcel, Run
from heliograph.wire import errors as codes
from heliograph.wire.errors import meaning

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


class Consequence(StrEnum):
    """What must follow a refusal."""

    NOTHING = "nothing"
    RETRY = "retry"
    RETRY_METADATA = "retry after a look at fresh metadata"
    RESUME = "resume"
    FAILED = "failed"
    ABORT = "abort the transaction"


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


def error_of(code: int, said: str, topic: str, partition: int) -> HeliographError:
    """Put the refusal of a batch for a target partition into words; ``said`` are the broker's own, if any."""
    found = meaning(code)
    words = f"The target refuses records for {topic}-{partition}: {said or found.prose} ({found.name})"
    if code == codes.TOPIC_AUTHORIZATION_FAILED:
        return NotAuthorized(words, right="Write", resource=f"topic {topic} on the target")
    return BrokerError(words, code=code)
