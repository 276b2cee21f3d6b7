"""Ways in which bytes go wrong, or are made wrong on purpose; every one follows from a seed, so that it can be had again.

A mutant of a real frame gets further into a parser than noise does: most of its lengths still fit. So bits flip, ranges
are cut, doubled, blanked or moved, two frames are spliced, and numbers become what programmers forget: 0, -1, the
largest and the smallest of their width, in every encoding that Kafka's formats use.
"""

import os
from collections.abc import Callable, Iterator
from random import Random

from hypothesis import HealthCheck, settings

MULTIPLIER = max(1, int(os.environ.get("HELIOGRAPH_FUZZ", "1")))
"""How many times as long as in an ordinary run the fuzzing goes on."""

_EDGES = (0, 1, -1, 2, 127, 128, 255, 2**15 - 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63)
_VARINTS = tuple(
    bytes.fromhex(text)
    for text in (
        *("00", "01", "02", "7f", "80", "8001", "ff7f", "ffff03", "8080808000", "feffffff0f", "ffffffff0f"),
        *("ffffffff07", "ffffffffffffffffff01", "ffffffffffffffff7f", "ffffffffffffffffffff", "8080808080808080808000"),
    )
)

Change = Callable[[Random, bytearray, bytes], None]


def rounds(count: int) -> range:
    """Return the seeds of a loop that tries ``count`` mutants in an ordinary run."""
    return range(count * MULTIPLIER)


def relaxed(count: int) -> settings:
    """Tell hypothesis how many examples to try; on a busy machine none of them is to be judged by the clock."""
    return settings(max_examples=count * MULTIPLIER, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def truncations(frame: bytes) -> Iterator[bytes]:
    """Return the frame cut at every length."""
    return (frame[:size] for size in range(len(frame)))


def mutant(seed: object, frame: bytes, other: bytes = b"", *, keep: int = 0) -> bytes:
    """Return ``frame`` with one to four changes; its first ``keep`` bytes stay. ``other`` is what it is spliced with."""
    chance = Random(str(seed))
    body = bytearray(frame[keep:])
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        chance.choice(CHANGES)(chance, body, other)
    return frame[:keep] + bytes(body)


def _range(chance: Random, body: bytes | bytearray) -> tuple[int, int]:
    """Return a range, short as a rule."""
    start = chance.randrange(len(body) + 1)
    return start, min(len(body), start + chance.choice((1, 1, 2, 4, 8, 16, 61, len(body))))


def _flip(chance: Random, body: bytearray, _other: bytes) -> None:
    if body:
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)


def _set(chance: Random, body: bytearray, _other: bytes) -> None:
    if body:
        body[chance.randrange(len(body))] = chance.choice((0, 1, 127, 128, 254, 255, chance.randrange(256)))


def _cut(chance: Random, body: bytearray, _other: bytes) -> None:
    del body[chance.randrange(len(body) + 1) :]


def _delete(chance: Random, body: bytearray, _other: bytes) -> None:
    start, end = _range(chance, body)
    del body[start:end]


def _blank(chance: Random, body: bytearray, _other: bytes) -> None:
    start, end = _range(chance, body)
    body[start:end] = bytes((chance.choice((0, 0xFF)),)) * (end - start)


def _double(chance: Random, body: bytearray, _other: bytes) -> None:
    start, end = _range(chance, body)
    body[end:end] = body[start:end] * chance.choice((1, 1, 1, 7))


def _move(chance: Random, body: bytearray, _other: bytes) -> None:
    start, end = _range(chance, body)
    piece = body[start:end]
    at = chance.randrange(len(body) + 1)
    body[at : at + len(piece)] = piece


def _splice(chance: Random, body: bytearray, other: bytes) -> None:
    body[chance.randrange(len(body) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _edge(chance: Random, body: bytearray, _other: bytes) -> None:
    width = chance.choice((1, 2, 4, 4, 4, 8))
    number = chance.choice(_EDGES) & ((1 << (8 * width)) - 1)
    at = chance.randrange(len(body) + 1)
    body[at : at + width] = number.to_bytes(width, chance.choice(("big", "big", "big", "little")))


def _varint(chance: Random, body: bytearray, _other: bytes) -> None:
    at = chance.randrange(len(body) + 1)
    number = chance.choice(_VARINTS)
    body[at : at + chance.choice((1, len(number)))] = number


def _add(chance: Random, body: bytearray, _other: bytes) -> None:
    at = chance.randrange(len(body) + 1)
    body[at:at] = chance.randbytes(chance.choice((1, 2, 4, 9)))


CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _set,
    _cut,
    _delete,
    _blank,
    _double,
    _move,
    _splice,
    _edge,
    _edge,
    _varint,
    _add,
)
