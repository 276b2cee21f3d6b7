"""Where a flow has got to, in Kafka Connect's own record format.

Connect's offset topic maps ``[connector, partition]`` to an offset object, both as JSON, and finds an entry by the
*bytes* of its key. So keys are made here exactly as Connect's JSON writer (Jackson) makes them: members in the order of
Java's hash map, no spaces, control characters and everything beyond the basic plane as upper-case escapes. The record
must also land in the partition where Java's partitioner would put it, or two live records would carry one key and the
older could win after a restart.

The value holds the source offset of the last acknowledged record, and beside it, as members that MirrorMaker 2 never
looks at, the offset which that record got on the target, the id of the source topic, the epoch of its leader, and the
target partition where that is not the source partition's own. That is the *anchor* from which a restart finds the exact
place (see :mod:`heliograph.mirror.resume`).
"""

import json
from dataclasses import dataclass

import msgspec

from heliograph.errors import DataError
from heliograph.mirror.anchor import Anchor

OFFSET_MAX = 2**63 - 1
_PARTITION_MAX = 2**31 - 1
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES = str.maketrans({chr(code): f"\\u{code:04X}" for code in range(0x20)} | _SHORT_ESCAPES)


@dataclass(frozen=True, slots=True)
class OffsetKey:
    """Whose position a record holds."""

    connector: str
    """Connect's name of the connector; ``MirrorSourceConnector`` in MM2's dedicated mode."""
    source_alias: str
    topic: str
    """Name on the source."""
    partition: int


def offset_key(connector: str, source_alias: str, topic: str, partition: int) -> bytes:
    """Return the key of a source partition's record, byte for byte as MirrorMaker 2 4.3.1 writes it."""
    return (
        f'[{_json_text(connector)},{{"cluster":{_json_text(source_alias)},'
        f'"partition":{partition},"topic":{_json_text(topic)}}}]'
    ).encode()


def parse_key(key: bytes | None) -> OffsetKey | None:
    """Read a key; None for whatever is no source connector's key (other connectors keep records here too)."""
    try:
        decoded = None if key is None else msgspec.json.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    match decoded:
        case [str(connector), {"cluster": str(alias), "topic": str(topic), "partition": int(partition)}] if (
            type(partition) is int and 0 <= partition <= _PARTITION_MAX
        ):
            return OffsetKey(connector, alias, topic, partition)
        case _:
            return None


def offset_value(anchor: Anchor) -> bytes:
    """Return the value for a position, with what else is known of its anchor."""
    members = [f'"offset":{anchor.source_offset}']
    if anchor.target_offset is not None:
        members.append(f'"target":{anchor.target_offset}')
    if anchor.topic_id:
        members.append(f'"topic":{_json_text(anchor.topic_id)}')
    if anchor.leader_epoch >= 0:
        members.append(f'"epoch":{anchor.leader_epoch}')
    if anchor.target_partition >= 0:
        members.append(f'"partition":{anchor.target_partition}')
    if anchor.target_id:
        members.append(f'"targetTopic":{_json_text(anchor.target_id)}')
    if anchor.placed:
        members.append('"placed":true')
    return f"{{{','.join(members)}}}".encode()


def parse_value(value: bytes | None) -> Anchor | None:
    """Read a value; None where the position was forgotten (no value, JSON null, or no offset in it).

    Raises DataError for anything that is not such a value. A member beside ``offset`` that makes no sense counts as
    absent: it is a hint of ours, and nothing forbids others to use the name.
    """
    if value is None:
        return None
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(
            f"A stored source offset is not JSON ({error})",
            remedy="Look at the offsets topic of the flow; a tombstone for its key makes the partition start over",
        ) from error
    match decoded:
        case None | {"offset": None}:
            return None
        case {"offset": int(offset)} if _is_offset(offset):
            target, topic_id, epoch = decoded.get("target"), decoded.get("topic"), decoded.get("epoch")
            target_id = decoded.get("targetTopic")
            return Anchor(
                offset,
                target if _is_offset(target) else None,
                topic_id if isinstance(topic_id, str) else "",
                _number(epoch),
                _number(decoded.get("partition")),
                target_id if isinstance(target_id, str) else "",
                placed=decoded.get("placed") is True,
            )
        case dict() if "offset" not in decoded:
            return None
        case _:
            raise DataError(
                "A stored source offset has another form than Kafka Connect's",
                remedy="Look at the offsets topic of the flow; a tombstone for its key makes the partition start over",
            )


def murmur2(content: bytes) -> int:
    """Hash ``content`` as Kafka's default partitioner does: 32 bits, signed."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(content)
    tail = length & ~3
    state = 0x9747B28C ^ length
    for start in range(0, tail, 4):
        word = int.from_bytes(content[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        state = state * multiplier & mask ^ word
    if tail < length:
        state = (state ^ int.from_bytes(content[tail:], "little")) * multiplier & mask
    state = (state ^ state >> 13) * multiplier & mask
    state ^= state >> 15
    return state - (1 << 32) if state & 0x80000000 else state


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition, of ``partitions``, in which Java's partitioner puts a record with ``key``."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _is_offset(value: object) -> bool:
    return type(value) is int and -1 <= value <= OFFSET_MAX


def _number(value: object) -> int:
    """Return a number of 31 bits; -1 for anything else."""
    return value if type(value) is int and 0 <= value <= _PARTITION_MAX else -1


def _json_text(text: str) -> str:
    """Write a JSON string as Jackson does with its defaults (seen with 2.21)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escape_wide(character) for character in text.translate(_ESCAPES)) + '"'


def _escape_wide(character: str) -> str:
    """Escape what needs two UTF-16 units, each unit in upper-case hexadecimal digits."""
    if ord(character) <= 0xFFFF:
        return character
    escaped = json.dumps(character)[1:-1]
    return escaped.upper().replace("U", "u")
