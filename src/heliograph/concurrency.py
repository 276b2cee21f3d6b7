"""Concurrent work whose errors come out one at a time.

A task group raises an exception group, even for one error, and ``except HeliographError`` does not catch a group. So
nobody above this module meets one: :func:`all_of` and :func:`each_of` hold no groups up, and :func:`single_cause` takes
apart the groups of tasks that run for long. A defect is no such error: it comes out with its trace, whatever ended
beside it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from heliograph.errors import HeliographError

K = TypeVar("K")
T = TypeVar("T")


def first_cause(errors: BaseExceptionGroup[BaseException]) -> HeliographError | None:
    """Return the first error for a person among what ended a group of tasks; None where a defect is among it."""
    _, defects = errors.split(HeliographError)
    if defects is not None:
        return None
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, HeliographError)
    return first


@contextlib.contextmanager
def single_cause() -> Iterator[None]:
    """Raise the first cause of an exception group in its place; a group with a defect stays whole, with all traces."""
    cause: HeliographError | None = None
    try:
        yield
    except BaseExceptionGroup as errors:
        cause = first_cause(errors)
        if cause is None:
            raise
    if cause is not None:
        raise cause


async def cancel_all(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for their end. Raises what a defect among them raised; their errors for a person are known.

    So a defect keeps its trace, although another task's error is what ended the work.
    """
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, BaseExceptionGroup):
            if first_cause(ended) is None:
                raise ended
        elif isinstance(ended, BaseException) and not isinstance(ended, HeliographError | asyncio.CancelledError):
            raise ended


async def all_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all at the same time and return the results in order; the first error ends the others and is raised alone."""
    with single_cause():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    return [task.result() for task in tasks]


async def each_of(keys: Iterable[K], ask: Callable[[K], Awaitable[T]], at_once: int) -> dict[K, T | HeliographError]:
    """Ask about each key, ``at_once`` at a time, and return its answer or its error, in the order of ``keys``."""
    room = asyncio.Semaphore(at_once)

    async def one(key: K) -> tuple[K, T | HeliographError]:
        async with room:
            try:
                with single_cause():
                    return key, await ask(key)
            except HeliographError as error:
                return key, error

    return dict(await all_of(one(key) for key in dict.fromkeys(keys)))
