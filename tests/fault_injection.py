"""Every fault that an answer can have, for jobs and commands against :class:`fake_cluster.FakeCluster`.

An answer is changed to hold one error code at one place, is cut in the middle, or does not come at all.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kio.schema.errors import ErrorCode

from fake_cluster import Fault

CODES = tuple(code for code in ErrorCode if code is not ErrorCode.none)
_BACKOFF = ("retry.backoff.ms=1", "retry.backoff.max.ms=2", "reconnect.backoff.ms=1", "reconnect.backoff.max.ms=2")


def fast(source: str, target: str) -> str:
    """Return properties of a flow that hardly waits before it asks again, and makes its topics with one replica."""
    replicas = ("replication", "offset.storage.replication", "checkpoints.topic.replication")
    replicas += ("heartbeats.topic.replication", "offset-syncs.topic.replication")
    lines = [f"{source}->{target}.enabled=true", *(f"{name}.factor=1" for name in replicas)]
    lines += [f"{place}.{each}" for place in (f"{source}.consumer", target) for each in _BACKOFF]
    return "\n".join(lines) + "\n"


def error_places(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where an answer has error codes: at the top, and in the first and the last row of each list of rows."""
    if isinstance(values, dict):
        for name, value in values.items():
            if isinstance(value, ErrorCode):
                yield (*path, name)
            elif isinstance(value, list) and value:
                for number in sorted({0, len(value) - 1}):
                    yield from error_places(value[number], (*path, name, number))


def faults_of(number: int, values: dict[str, Any]) -> Iterator[tuple[str, Fault]]:
    """Yield every fault of the answer to request ``number``, which without one is ``values``, by name."""
    yield "closed", Fault(number)
    yield "cut", Fault(number, cut=True)
    for place in error_places(values):
        for code in CODES:
            yield f"{'.'.join(map(str, place))}={code.name}", Fault(number, with_code(place, code))


def some_faults_of(number: int, values: dict[str, Any], every: int) -> Iterator[tuple[str, Fault]]:
    """Yield the closed and the cut answer, and every so many of the codes; the next request gets the next ones."""
    for turn, each in enumerate(faults_of(number, values)):
        if turn <= 1 or (turn + number) % every == 0:
            yield each


def with_code(place: tuple[Any, ...], code: ErrorCode) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a change that puts ``code`` at a place; an answer without that place stays as it is."""

    def change(values: dict[str, Any]) -> dict[str, Any]:
        row: Any = values
        try:
            for step in place[:-1]:
                row = row[step]
        except (KeyError, IndexError):
            return values
        row[place[-1]] = code
        return values

    return change
