"""What differs between versions of Apache Kafka, in one place.

| from version | what changed | source |
| --- | --- | --- |
| 2.2 | rules turn a certificate's name into a principal | KIP-371 |
| 2.4 | the authorizer's class has another name; MirrorMaker 2 exists | KIP-504, KIP-382 |
| 2.7 | key stores may be PEM | KIP-651 |
| 3.3 | KRaft is ready for production; before it, the testbed runs ZooKeeper | KIP-833 |
| 3.5 | SCRAM users are written when the storage is formatted | KIP-900 |
| 3.9 | SASL does without Java's security manager | KIP-1006; tried with 3.9.1 |
"""

import re
from dataclasses import dataclass
from typing import Self

from heliograph.errors import HeliographError

DEFAULT_VERSION = "4.3.1"
"""The Kafka version that Heliograph is developed against."""

SLF4J = "org.slf4j:slf4j-simple:1.7.36"
"""The logging back end: one jar, no configuration file, and the same for all versions."""


OTHER_BACK_ENDS = ("slf4j-log4j12-", "slf4j-reload4j-", "log4j-slf4j-impl-")
"""How the jars of other logging back ends begin: versions before 4.0 bring one, and there may be only one."""


@dataclass(frozen=True, slots=True, order=True)
class KafkaVersion:
    """A released version of Apache Kafka."""

    major: int
    """4 in 4.3.1."""
    minor: int
    """3 in 4.3.1."""
    patch: int
    """1 in 4.3.1."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"4.3.1"``. Raises HeliographError for anything but three numbers."""
        match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", text)
        if not match:
            raise HeliographError(
                f"{text!r} is not a version of Apache Kafka", remedy="Write three numbers, such as 4.3.1"
            )
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def at_least(self, major: int, minor: int) -> bool:
        """Whether this version is ``major.minor`` or newer."""
        return (self.major, self.minor) >= (major, minor)

    @property
    def uses_kraft(self) -> bool:
        """Whether the testbed runs this version without ZooKeeper."""
        return self.at_least(3, 3)

    @property
    def scram_at_format(self) -> bool:
        """Whether ``kafka-storage format`` takes SCRAM users."""
        return self.at_least(3, 5)

    @property
    def knows_pem(self) -> bool:
        """Whether Java clients read PEM key stores."""
        return self.at_least(2, 7)

    @property
    def maps_principals(self) -> bool:
        """Whether ``ssl.principal.mapping.rules`` exists."""
        return self.at_least(2, 2)

    @property
    def needs_security_manager(self) -> bool:
        """Whether a SASL client of this version calls a method that Java 24 took away."""
        return not self.at_least(3, 9)

    @property
    def authorizer(self) -> str:
        """The class that checks ACLs."""
        if self.uses_kraft:
            return "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        if self.at_least(2, 4):
            return "kafka.security.authorizer.AclAuthorizer"
        return "kafka.security.auth.SimpleAclAuthorizer"

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The Maven coordinates of the broker, the tools and, where it exists, MirrorMaker 2."""
        scala = "2.13" if self.at_least(2, 5) else "2.12" if self.at_least(2, 0) else "2.11"
        parts = [f"org.apache.kafka:kafka_{scala}:{self}", f"org.apache.kafka:kafka-tools:{self}"]
        if self.at_least(2, 4):
            parts.append(f"org.apache.kafka:connect-mirror:{self}")
        return (*parts, SLF4J)
