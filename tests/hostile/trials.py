"""How a hostile input is tried: nothing but the errors that were promised may come out, and soon, and in little memory."""

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SLOWNESS = 20 if os.environ.get("HELIOGRAPH_SANITIZED") else 1
"""By so much a sanitizer build may be slower."""
CALL_S_MAX = 3.0
"""Processor time that one small input may take at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a real broker, without the length in front."""

    name: str
    api: str
    version: int
    frame: bytes


def tried(work: Callable[..., Any], *arguments: Any, allowed: tuple[type[Exception], ...], of: object = "") -> Any:
    """Return what ``work`` gives, or the error if it is one of ``allowed``; every other error fails with a note."""
    begun = time.process_time()
    try:
        result = work(*arguments)
    except allowed as error:
        result = error
    except BaseException as error:
        error.add_note(f"input {of}: {str([a for a in arguments if isinstance(a, (bytes, str))])[:2000]}")
        raise
    spent_s = time.process_time() - begun
    assert spent_s < CALL_S_MAX * SLOWNESS, f"input {of} took {spent_s:.1f} s: {str(arguments)[:2000]}"
    return result


@contextmanager
def growing_less_than(limit_bytes: int) -> Iterator[None]:
    """Fail when Python's memory, which the codecs' output is part of, grows by more than ``limit_bytes`` meanwhile."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < limit_bytes, f"memory grew by {peak - before} bytes, {limit_bytes} are allowed"
