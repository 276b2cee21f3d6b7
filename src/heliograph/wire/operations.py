"""What brokers say of a principal's permissions, and of their own age; pure.

Brokers answer with a bit for each operation that is allowed (KIP-430), so permissions can be judged without a trial.
Kafka has no request for its version; what is known is which requests a broker answers in which versions, and each
release raised some of them (``Released`` in the message schemas; checked with brokers of 1.1.1, 2.8.2, 3.9.1, 4.3.1).
"""

from collections.abc import Iterable
from enum import IntEnum

from heliograph.wire.versions import Versions

NOT_TOLD = -(1 << 31)
"""The answer of a broker that was not asked for permissions, or is too old to know."""


class Operation(IntEnum):
    """Kafka's operations by their number, which is the number of the bit."""

    READ = 3
    WRITE = 4
    CREATE = 5
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12

    @property
    def right(self) -> str:
        """The name that Kafka's tools use, such as ``DescribeConfigs``."""
        return "".join(part.capitalize() for part in self.name.split("_"))


def missing(allowed: int, needed: Iterable[Operation]) -> tuple[Operation, ...]:
    """Return those of ``needed`` that the bits ``allowed`` lack; none when the broker did not tell."""
    if allowed == NOT_TOLD:
        return ()
    return tuple(each for each in needed if not allowed & (1 << each))


_MILESTONES: tuple[tuple[str, str, int], ...] = (
    ("4.1", "produce", 13),
    ("4.0", "produce", 12),
    ("3.9", "fetch", 17),
    ("3.8", "produce", 11),
    ("3.7", "fetch", 16),
    ("3.5", "fetch", 15),
    ("3.1", "fetch", 13),
    ("3.0", "list_offsets", 7),
    ("2.8", "describe_cluster", 0),
    ("2.7", "fetch", 12),
    ("2.5", "offset_fetch", 7),
    ("2.4", "produce", 8),
    ("2.3", "fetch", 11),
    ("2.1", "fetch", 10),
    ("2.0", "fetch", 8),
    ("1.1", "fetch", 7),
    ("1.0", "produce", 5),
)


def kafka_release(versions: Versions) -> str:
    """Guess a broker's release from what it answers: ``Kafka 3.9``, ``Kafka 3.1 to 3.4``, ``Kafka 4.1 or newer``."""
    releases = [release for release, _, _ in _MILESTONES]
    for index, (release, api, version) in enumerate(_MILESTONES):
        if versions.knows(api, version):
            if index == 0:
                return f"Kafka {release} or newer"
            last = _before(releases[index - 1])
            return f"Kafka {release}" if last in (release, "") else f"Kafka {release} to {last}"
    return "Kafka before 1.0"


def _before(release: str) -> str:
    """Return the release before ``release``; empty before the first one of a major version."""
    major, minor = release.split(".")
    return f"{major}.{int(minor) - 1}" if int(minor) else ""
