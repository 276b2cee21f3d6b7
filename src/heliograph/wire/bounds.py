"""A walk through an answer by its schema, before kio's reader makes anything of it.

kio's reader is native code. It reserves memory for as many items as an array claims to have, so that an absurd claim
ends the whole process, and it refuses tagged fields that it does not know, although a newer broker may send them
(KIP-482). So an answer is walked first: every length is held against the bytes that are there, and unknown tagged
fields are left out of what the reader sees. Nothing is made on the way, and what has a fixed size is stepped over at
once: ten thousand partitions of metadata take some 15 ms.
"""

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from heliograph.wire.primitives import INT16, INT32

Cut = tuple[int, int, bytes]
"""From, to, and what stands there instead."""
Walk = Callable[[bytes, int, list[Cut]], int]
"""Steps over one value; gives where it ends, which may lie behind the end of the bytes."""

_FIXED = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "error_code": 2,
    "int32": 4,
    "uint32": 4,
    "timedelta_i32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "timedelta_i64": 8,
    "datetime_i64": 8,
    "uuid": 16,
}


def checked(entity: Any, body: bytes, at: int) -> tuple[bytes, int]:
    """Walk the ``entity`` that begins at ``at``; gives the bytes to read it from, and where it begins in them.

    Raises ValueError, IndexError or struct.error when a length does not fit the bytes.
    """
    cuts: list[Cut] = []
    end = at
    for step in _steps(entity):
        end = end + step if isinstance(step, int) else step(body, end, cuts)
    _within(end, body)
    if not cuts:
        return body, at
    parts: list[bytes] = []
    for start, stop, instead in cuts:
        parts += (body[at:start], instead)
        at = stop
    return b"".join((*parts, body[at:])), 0


def unsigned_varint(body: bytes, at: int) -> tuple[int, int]:
    """Read an UNSIGNED_VARINT (Kafka protocol guide, *Protocol primitives*); gives it and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"number at {at} is too long")


def _within(at: int, body: bytes) -> None:
    if at > len(body):
        raise ValueError(f"a length leads to {at}, behind the end at {len(body)}")


@cache
def _steps(entity: Any) -> tuple[int | Walk, ...]:
    """List what an entity consists of: numbers of bytes, and walks over what has no fixed size."""
    flexible = entity.__flexible__
    hints = typing.get_type_hints(entity)
    steps: list[int | Walk] = []
    tagged: dict[int, int | Walk] = {}
    for each in fields(entity):
        step = _step(hints[each.name], each.metadata.get("kafka_type", ""), flexible=flexible)
        if "tag" in each.metadata:
            tagged[each.metadata["tag"]] = step
        elif steps and isinstance(step, int) and isinstance(steps[-1], int):
            steps[-1] += step
        else:
            steps.append(step)
    if flexible:
        steps.append(_tag_walk(tagged))
    return tuple(steps)


def _step(hint: Any, kafka_type: str, *, flexible: bool) -> int | Walk:
    nullable = isinstance(hint, types.UnionType)
    if nullable:
        hint = next(part for part in hint.__args__ if part is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return _array_walk(_step(typing.get_args(hint)[0], kafka_type, flexible=flexible), flexible=flexible)
    if isinstance(hint, type) and is_dataclass(hint):
        return _entity_step(hint, nullable=nullable)
    if kafka_type in _FIXED:
        return _FIXED[kafka_type]
    if flexible:
        return _compact_walk
    return _string_walk if kafka_type == "string" else _bytes_walk


def _entity_step(entity: Any, *, nullable: bool) -> int | Walk:
    steps = _steps(entity)
    if not nullable and len(steps) == 1 and isinstance(steps[0], int):
        return steps[0]

    def walk(body: bytes, at: int, cuts: list[Cut]) -> int:
        if nullable:
            present = body[at] != 0xFF  # -1 is null; kio takes anything else for "there"
            at += 1
            if not present:
                return at
        for step in steps:
            at = at + step if isinstance(step, int) else step(body, at, cuts)
        return at

    return walk


def _array_walk(item: int | Walk, *, flexible: bool) -> Walk:
    def walk(body: bytes, at: int, cuts: list[Cut]) -> int:
        if flexible:
            count, at = unsigned_varint(body, at)
            count -= 1
        else:
            (count,) = INT32.unpack_from(body, at)
            at += 4
        if count <= 0:
            return at
        if isinstance(item, int):
            at += count * item
            _within(at, body)
            return at
        for _ in range(count):
            at = item(body, at, cuts)
            _within(at, body)
        return at

    return walk


def _string_walk(body: bytes, at: int, cuts: list[Cut]) -> int:  # noqa: ARG001 - one shape for all walks
    (size,) = INT16.unpack_from(body, at)
    return at + 2 + max(0, int(size))


def _bytes_walk(body: bytes, at: int, cuts: list[Cut]) -> int:  # noqa: ARG001 - one shape for all walks
    (size,) = INT32.unpack_from(body, at)
    return at + 4 + max(0, int(size))


def _compact_walk(body: bytes, at: int, cuts: list[Cut]) -> int:  # noqa: ARG001 - one shape for all walks
    size, at = unsigned_varint(body, at)
    return at + max(0, size - 1)


def _tag_walk(known: dict[int, int | Walk]) -> Walk:
    """Walk the tagged fields at the end of an entity; unknown ones become cuts (KIP-482)."""

    def walk(body: bytes, at: int, cuts: list[Cut]) -> int:
        if body[at] == 0:
            return at + 1
        begin = at
        count, at = unsigned_varint(body, at)
        unknown: list[Cut] = []
        head = at
        for _ in range(count):
            entry = at
            tag, at = unsigned_varint(body, at)
            size, at = unsigned_varint(body, at)
            _within(at + size, body)
            step = known.get(tag)
            if step is None:
                unknown.append((entry, at + size, b""))
            elif (at + step if isinstance(step, int) else step(body, at, [])) != at + size:
                raise ValueError(f"tagged field {tag} at {entry} has another size than it says")
            at += size
        if unknown:
            cuts.append((begin, head, _varint(count - len(unknown))))
            cuts.extend(unknown)
        return at

    return walk


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
