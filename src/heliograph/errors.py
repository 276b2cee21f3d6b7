"""The one tree of errors that a person may meet.

::

    HeliographError                 exit 1   carries what happened and what may be done next
    ├── ConfigError                 exit 2   the file, an option or the command line is wrong
    │   └── ConfigErrors                     several mistakes of one file, found in one reading
    ├── ClusterError                exit 3   a cluster cannot be used
    │   ├── Unreachable                      no broker answers (refused, DNS, time-out)
    │   ├── NotKafka                         something answers, but it does not speak Kafka's protocol
    │   ├── TlsError                         the handshake failed (trust, host name, expiry, protocol)
    │   ├── AuthenticationFailed             the broker refused the credentials or the mechanism
    │   ├── NotAuthorized                    the principal lacks an ACL; ``right`` and ``resource`` say which
    │   ├── ProtocolError                    the peer sent bytes that break Kafka's protocol or our limits
    │   └── BrokerError                      the broker answered with an error code; ``code`` says which
    │       └── CopiedByOther                whoever copies the flow cannot be told what it was to be told
    ├── DataError                   exit 4   records that cannot be copied as they are
    │   ├── DamagedBatch                     a batch does not match its checksum or its own lengths
    │   ├── TooLarge                         a record that the target will not take
    │   └── RecordsLost                      records were lost, and the flow is told to stop there
    ├── NotFound                    exit 1   something was asked for by a name that nothing has
    ├── ProofFailed                 exit 5   source and target do not hold the same records
    └── ProofIncomplete             exit 6   nothing differs, but not all that was asked could be proven

Each is shown as one line: ``message``, then ``remedy``. Neither may hold a secret. ConfigErrors is one line for each.
"""

from collections.abc import Sequence
from typing import ClassVar


class HeliographError(Exception):
    """Anything that is reported to the person at the terminal as one line, without a stack trace."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """``message`` says what was asked, of whom and what went wrong; ``remedy`` what may be done next."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """One line: the cause, then the remedy."""
        text = f"{self.message}. {self.remedy}" if self.remedy else self.message
        return " ".join(text.split())


class ConfigError(HeliographError):
    """The configuration file, one of its options, or the command line is wrong."""

    exit_code = 2


class ConfigErrors(ConfigError):
    """Several mistakes of one file."""

    def __init__(self, errors: Sequence[ConfigError], *, notes: Sequence[str] = ()) -> None:
        """Hold the errors; ``notes`` say what else the author should know: keys without effect, and what was meant."""
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.notes = tuple(notes)

    def __str__(self) -> str:
        """One line for each error: the cause, then the remedy."""
        return "\n".join(map(str, self.errors))


class ClusterError(HeliographError):
    """A cluster cannot be used."""

    exit_code = 3


class Unreachable(ClusterError):
    """No answer: connection refused or reset, name not resolved, or time-out."""


class NotKafka(ClusterError):
    """The peer answers, but not in Kafka's protocol."""


class TlsError(ClusterError):
    """The TLS handshake failed."""


class AuthenticationFailed(ClusterError):
    """The broker refused the credentials or the SASL mechanism."""


class NotAuthorized(ClusterError):
    """The principal lacks a permission (ACL)."""

    def __init__(self, message: str, *, right: str, resource: str, remedy: str = "") -> None:
        """``right`` is Kafka's operation (``Read``), ``resource`` e.g. ``topic orders``."""
        super().__init__(message, remedy=remedy or f"Grant {right} on {resource}")
        self.right = right
        self.resource = resource


class ProtocolError(ClusterError):
    """The peer sent bytes that break Kafka's protocol or one of our limits."""


class BrokerError(ClusterError):
    """The broker answered with an error code (see ``heliograph.wire.errors``)."""

    def __init__(self, message: str, *, code: int, remedy: str = "") -> None:
        """``code`` is Kafka's numeric error code."""
        super().__init__(message, remedy=remedy)
        self.code = code


class CopiedByOther(BrokerError):
    """Whoever copies the flow cannot be told this: MirrorMaker 2, another program, or an older version."""


class DataError(HeliographError):
    """Records that cannot be copied as they are."""

    exit_code = 4


class DamagedBatch(DataError):
    """A batch does not match its checksum, or its inner lengths do not add up."""


class TooLarge(DataError):
    """A record (or a batch that cannot be split further) exceeds what the target takes."""


class RecordsLost(DataError):
    """Records were lost, and ``heliograph.stop.on.loss`` says that a person must decide."""


class NotFound(HeliographError):
    """Something was asked for by a name (of a flow, of a job) that nothing has."""


class ProofFailed(HeliographError):
    """Source and target do not hold the same records."""

    exit_code = 5


class ProofIncomplete(HeliographError):
    """Nothing differs, but not all that was asked could be proven."""

    exit_code = 6
