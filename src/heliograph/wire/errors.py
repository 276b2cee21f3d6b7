"""Kafka's error codes: what each means for a replicator, and whether trying again can help.

The names and numbers are those of the Kafka protocol guide, *Error Codes*. ``after`` says what must happen before
the next try: nothing, or a look at fresh metadata, or a search for the coordinator.
"""

from dataclasses import dataclass
from enum import IntEnum

from heliograph.errors import BrokerError, NotAuthorized


class After(IntEnum):
    """What a retry needs first."""

    NOTHING = 0
    METADATA = 1
    COORDINATOR = 2


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table."""

    code: int
    name: str
    retriable: bool
    after: After
    prose: str
    """What a person should read: a phrase that completes "the broker says: ..."."""


UNKNOWN_SERVER_ERROR = -1
NONE = 0
OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
NOT_LEADER_OR_FOLLOWER = 6
REQUEST_TIMED_OUT = 7
MESSAGE_TOO_LARGE = 10
COORDINATOR_LOAD_IN_PROGRESS = 14
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
RECORD_LIST_TOO_LARGE = 18
NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
ILLEGAL_GENERATION = 22
INCONSISTENT_GROUP_PROTOCOL = 23
UNKNOWN_MEMBER_ID = 25
INVALID_SESSION_TIMEOUT = 26
REBALANCE_IN_PROGRESS = 27
TOPIC_AUTHORIZATION_FAILED = 29
GROUP_AUTHORIZATION_FAILED = 30
CLUSTER_AUTHORIZATION_FAILED = 31
UNSUPPORTED_VERSION = 35
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_REPLICATION_FACTOR = 38
INVALID_CONFIG = 40
NOT_CONTROLLER = 41
INVALID_REQUEST = 42
POLICY_VIOLATION = 44
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
DUPLICATE_SEQUENCE_NUMBER = 46
INVALID_PRODUCER_EPOCH = 47
INVALID_TXN_STATE = 48
INVALID_PRODUCER_ID_MAPPING = 49
CONCURRENT_TRANSACTIONS = 51
TRANSACTION_COORDINATOR_FENCED = 52
TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
OPERATION_NOT_ATTEMPTED = 55
SECURITY_DISABLED = 54
SASL_AUTHENTICATION_FAILED = 58
UNKNOWN_PRODUCER_ID = 59
GROUP_ID_NOT_FOUND = 69
FETCH_SESSION_ID_NOT_FOUND = 70
INVALID_FETCH_SESSION_EPOCH = 71
FENCED_LEADER_EPOCH = 74
UNKNOWN_LEADER_EPOCH = 75
UNSUPPORTED_COMPRESSION_TYPE = 76
MEMBER_ID_REQUIRED = 79
INVALID_RECORD = 87
FENCED_INSTANCE_ID = 82
PRODUCER_FENCED = 90
STALE_MEMBER_EPOCH = 113
TRANSACTION_ABORTABLE = 120

_N, _M, _C = After.NOTHING, After.METADATA, After.COORDINATOR

_ROWS: tuple[tuple[int, str, bool, After, str], ...] = (
    (-1, "UNKNOWN_SERVER_ERROR", True, _N, "it met an unexpected error of its own; its log says more"),
    (0, "NONE", False, _N, "no error"),
    (1, "OFFSET_OUT_OF_RANGE", False, _N, "the offset lies outside what the partition still holds"),
    (2, "CORRUPT_MESSAGE", True, _N, "a batch does not match its checksum"),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", True, _M, "it does not know this topic or partition"),
    (4, "INVALID_FETCH_SIZE", False, _N, "the fetch size is not valid"),
    (5, "LEADER_NOT_AVAILABLE", True, _M, "the partition has no leader at the moment"),
    (6, "NOT_LEADER_OR_FOLLOWER", True, _M, "it no longer leads this partition"),
    (7, "REQUEST_TIMED_OUT", True, _N, "its replicas did not answer in time"),
    (8, "BROKER_NOT_AVAILABLE", True, _M, "the broker is not available"),
    (9, "REPLICA_NOT_AVAILABLE", True, _M, "the replica is not available"),
    (10, "MESSAGE_TOO_LARGE", False, _N, "the batch exceeds the topic's max.message.bytes"),
    (12, "OFFSET_METADATA_TOO_LARGE", False, _N, "the text committed with the offset is too long there"),
    (13, "NETWORK_EXCEPTION", True, _M, "the connection broke"),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", True, _N, "the coordinator is still loading its state"),
    (15, "COORDINATOR_NOT_AVAILABLE", True, _C, "the coordinator is not available"),
    (16, "NOT_COORDINATOR", True, _C, "it is no longer the coordinator"),
    (17, "INVALID_TOPIC_EXCEPTION", False, _N, "the topic's name is not valid"),
    (18, "RECORD_LIST_TOO_LARGE", False, _N, "the batch exceeds the broker's segment size"),
    (19, "NOT_ENOUGH_REPLICAS", True, _N, "fewer replicas are in sync than min.insync.replicas asks"),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", True, _N, "too few replicas confirmed in time"),
    (22, "ILLEGAL_GENERATION", False, _N, "the group has moved on without this member"),
    (23, "INCONSISTENT_GROUP_PROTOCOL", False, _N, "the group's members speak another protocol"),
    (24, "INVALID_GROUP_ID", False, _N, "it does not take this name for a group"),
    (25, "UNKNOWN_MEMBER_ID", False, _N, "the group no longer knows this member"),
    (26, "INVALID_SESSION_TIMEOUT", False, _N, "the session time-out lies outside the broker's limits"),
    (27, "REBALANCE_IN_PROGRESS", True, _N, "the group is rebalancing"),
    (28, "INVALID_COMMIT_OFFSET_SIZE", False, _N, "the commit is too large"),
    (29, "TOPIC_AUTHORIZATION_FAILED", False, _N, "the principal has no permission on this topic"),
    (30, "GROUP_AUTHORIZATION_FAILED", False, _N, "the principal has no permission on this group"),
    (31, "CLUSTER_AUTHORIZATION_FAILED", False, _N, "the principal has no such permission on the cluster"),
    (32, "INVALID_TIMESTAMP", False, _N, "a record's timestamp lies outside what the topic accepts"),
    (33, "UNSUPPORTED_SASL_MECHANISM", False, _N, "it does not offer this SASL mechanism"),
    (34, "ILLEGAL_SASL_STATE", False, _N, "it expected another step of the SASL exchange"),
    (35, "UNSUPPORTED_VERSION", False, _N, "it does not speak this version of the request"),
    (36, "TOPIC_ALREADY_EXISTS", False, _N, "the topic exists already"),
    (37, "INVALID_PARTITIONS", False, _N, "the number of partitions is not valid"),
    (38, "INVALID_REPLICATION_FACTOR", False, _N, "it has fewer brokers than the replication factor asks"),
    (40, "INVALID_CONFIG", False, _N, "a topic config is not valid there"),
    (41, "NOT_CONTROLLER", True, _M, "it is no longer the controller"),
    (42, "INVALID_REQUEST", False, _N, "it finds the request malformed"),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", False, _N, "the topic's message format is too old for this"),
    (44, "POLICY_VIOLATION", False, _N, "a policy of the cluster forbids it"),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", False, _N, "a batch before this one is missing"),
    (46, "DUPLICATE_SEQUENCE_NUMBER", False, _N, "it holds this batch already"),
    (47, "INVALID_PRODUCER_EPOCH", False, _N, "a newer producer took over"),
    (48, "INVALID_TXN_STATE", False, _N, "the transaction is not in a state that allows this"),
    (49, "INVALID_PRODUCER_ID_MAPPING", False, _N, "the transactional id belongs to another producer"),
    (50, "INVALID_TRANSACTION_TIMEOUT", False, _N, "transactions may not last that long (transaction.max.timeout.ms)"),
    (51, "CONCURRENT_TRANSACTIONS", True, _N, "it has not finished this producer's last transaction yet"),
    (52, "TRANSACTION_COORDINATOR_FENCED", False, _N, "another broker coordinates this producer's transactions by now"),
    (
        53,
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        False,
        _N,
        "the principal has no permission on this transactional id",
    ),
    (54, "SECURITY_DISABLED", False, _N, "it has no authorizer, so there are no ACLs"),
    (55, "OPERATION_NOT_ATTEMPTED", False, _N, "it did not try, because another part of the request failed"),
    (56, "KAFKA_STORAGE_ERROR", True, _M, "its disk failed"),
    (58, "SASL_AUTHENTICATION_FAILED", False, _N, "the credentials are wrong"),
    (59, "UNKNOWN_PRODUCER_ID", False, _N, "it has forgotten this producer"),
    (60, "REASSIGNMENT_IN_PROGRESS", True, _N, "the partition is being moved"),
    (68, "NON_EMPTY_GROUP", False, _N, "the group has members"),
    (69, "GROUP_ID_NOT_FOUND", False, _N, "it has no such group"),
    (70, "FETCH_SESSION_ID_NOT_FOUND", True, _N, "it has dropped the fetch session"),
    (71, "INVALID_FETCH_SESSION_EPOCH", True, _N, "the fetch session is out of step"),
    (72, "LISTENER_NOT_FOUND", True, _M, "the leader lacks this listener"),
    (74, "FENCED_LEADER_EPOCH", True, _M, "a newer leader was elected"),
    (75, "UNKNOWN_LEADER_EPOCH", True, _M, "it does not know this leader epoch yet"),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", False, _N, "it does not know this compression (zstd needs Kafka 2.1)"),
    (77, "STALE_BROKER_EPOCH", True, _M, "the broker has restarted"),
    (78, "OFFSET_NOT_AVAILABLE", True, _N, "the new leader does not serve this offset yet"),
    (79, "MEMBER_ID_REQUIRED", True, _N, "join again with the member id given"),
    (81, "GROUP_MAX_SIZE_REACHED", False, _N, "the group is full"),
    (82, "FENCED_INSTANCE_ID", False, _N, "another member uses the same group.instance.id"),
    (87, "INVALID_RECORD", False, _N, "it finds a record invalid"),
    (88, "UNSTABLE_OFFSET_COMMIT", True, _N, "a transaction has yet to decide about the offset"),
    (89, "THROTTLING_QUOTA_EXCEEDED", True, _N, "a quota is used up for the moment"),
    (90, "PRODUCER_FENCED", False, _N, "a newer producer took over"),
    (91, "RESOURCE_NOT_FOUND", False, _N, "it has no such thing"),
    (100, "UNKNOWN_TOPIC_ID", True, _M, "it does not know this topic id"),
    (113, "STALE_MEMBER_EPOCH", False, _N, "the group has moved on without this member"),
    (120, "TRANSACTION_ABORTABLE", False, _N, "the transaction cannot be committed any more"),
)

TABLE: dict[int, Meaning] = {row[0]: Meaning(*row) for row in _ROWS}


def meaning(code: int) -> Meaning:
    """Look up ``code``; a code that is not in the table is not retriable and says its number."""
    return TABLE.get(code) or Meaning(code, f"ERROR_{code}", retriable=False, after=_N, prose=f"error code {code}")


NOT_AUTHORIZED = (
    TOPIC_AUTHORIZATION_FAILED,
    GROUP_AUTHORIZATION_FAILED,
    CLUSTER_AUTHORIZATION_FAILED,
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)


def error_of(
    code: int, what: str, resource: str = "", *, right: str = "", said: str | None = None
) -> BrokerError | NotAuthorized:
    """Return the error of the tree that ``code`` stands for: the one place where a code becomes an error.

    ``what`` completes "Cannot ...", and names the cluster; ``resource`` and ``right`` say what a missing permission was
    asked on; ``said`` are the broker's own words, where it has some.
    """
    found = meaning(code)
    words = f"Cannot {what}: {said or found.prose} ({found.name})"
    if code in NOT_AUTHORIZED:
        return NotAuthorized(words, right=right or "the permission", resource=resource or "it")
    return BrokerError(words, code=code)
