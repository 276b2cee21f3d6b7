"""Who has sent a request, for whatever answers it."""

from contextvars import ContextVar
from dataclasses import dataclass

from heliograph.config.access import ANONYMOUS


@dataclass(frozen=True, slots=True)
class User:
    """Somebody by all his names."""

    name: str
    """As the log tells it."""
    groups: tuple[str, ...] = ()
    """Further names by which something may be allowed to him."""
    address: str = ""
    """Of his client."""

    @property
    def principals(self) -> tuple[str, ...]:
        """All names by which something may be allowed."""
        return (self.name, *self.groups)


NOBODY = User(ANONYMOUS)
CURRENT: ContextVar[User] = ContextVar("user")
"""Whose request is being answered; set for each request before anything else sees it."""
