"""The words of Kafka's access control: what an ACL says, with the numbers that stand for it in requests.

The numbers are those of ``ResourceType``, ``PatternType``, ``AclOperation`` and ``AclPermissionType`` in Kafka's
clients (KIP-11, KIP-290 for prefixes). A broker may send numbers of later versions; an ACL keeps them as they are.
"""

from dataclasses import dataclass
from enum import IntEnum


class ResourceType(IntEnum):
    """What an ACL is on."""

    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class PatternType(IntEnum):
    """How a resource's name is meant."""

    ANY = 1
    LITERAL = 3
    """This name; ``*`` alone means every name."""
    PREFIXED = 4
    """Every name that begins so."""


class Operation(IntEnum):
    """What is done."""

    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


class Permission(IntEnum):
    """Whether it may be done."""

    ANY = 1
    DENY = 2
    ALLOW = 3


WILDCARD = "*"
"""A LITERAL name that stands for every name."""


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One rule: who, from where, may or may not do what, on what."""

    resource_type: int
    """See :class:`ResourceType`; a number of a later version is kept."""
    name: str
    pattern: int
    """See :class:`PatternType`."""
    principal: str
    """``User:alice``, or ``User:*``."""
    host: str
    """An address, or ``*``."""
    operation: int
    """See :class:`Operation`."""
    permission: int
    """See :class:`Permission`."""

    def __str__(self) -> str:
        """Say the rule in words, as ``kafka-acls`` lists it."""
        what = f"{_word(ResourceType, self.resource_type)} {_word(PatternType, self.pattern)} {self.name}"
        rule = f"{_word(Permission, self.permission)} {_word(Operation, self.operation)}"
        return f"{what}: {self.principal} from {self.host}: {rule}"


def _word(kind: type[IntEnum], number: int) -> str:
    try:
        return kind(number).name
    except ValueError:
        return str(number)
