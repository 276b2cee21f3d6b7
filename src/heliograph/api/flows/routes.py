"""A route as it is declared: what it takes and gives. Application and OpenAPI document are made of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

ROOT = "/heliograph/v1"
"""Below it lies everything; another number stands for shapes that do not go together with these."""

ACCEPTED = 202
"""The status of an answer that names a job, whose address is in its head."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart."""

    flow: str = ""
    """From the path; empty: the route has none."""
    id: str = ""
    query: Any = None
    """Of the type that the route names."""
    body: Any = None


class Rules(Protocol):
    """What the user whose request is being answered may see and do."""

    def sees(self, flow: str) -> bool:
        """Say whether he may see a flow."""
        ...

    def check(self, flow: str, *, changes: bool, moves: bool) -> None:
        """Raise NotFound where he may not see a flow, Forbidden where he may not do what he asks.

        ``changes``: something is told to it; ``moves``: its positions are.
        """
        ...

    def tell(self, what: str, flow: str, before: str, order: object) -> None:
        """Tell somebody's change: how it was, in words, and what was told."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked or told."""

    method: str
    path: str
    """Below :data:`ROOT`."""
    name: str
    """Of the operation, as generated clients call it."""
    about: str
    """In a sentence."""
    work: Callable[[Any, Call], Awaitable[object]]
    """Does it: a function of the API's class."""
    answer: type
    query: type | None = None
    body: type | None = None
    status: int = 200
    asks_clusters: bool = False
    """Whether it needs the clusters to answer."""

    media: str = "application/json"
    """Type of the answer's content."""
    may_be_busy: bool = False
    """Whether there may be too much of it."""
    moves: bool = False
    """Whether positions are moved, or it is said what that would do."""

    @property
    def errors(self) -> tuple[int, ...]:
        """The statuses of the errors that it may answer with."""
        return tuple(
            status
            for status, can_be in (
                (400, self.query is not None or self.body is not None),
                (403, self.method != "GET"),
                (404, "{" in self.path or self.query is not None),
                (409, self.asks_clusters),
                (500, True),
                (502, self.asks_clusters),
                (503, self.may_be_busy),
            )
            if can_be
        )
