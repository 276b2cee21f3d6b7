"""Keys and values of the topics that tell positions: Connect's JSON, MM2's own records, what a group's members say."""

import base64
import zlib
from functools import partial

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutant, relaxed, rounds, truncations
from trials import tried

from heliograph.errors import DataError, ProtocolError
from heliograph.mirror import assignment, formats, group_messages, offsets, steering

KEY = offsets.offset_key("MirrorSourceConnector", "source", "orders.\N{GRINNING FACE}", 3)
VALUES = (b'{"offset":12345}', b'{"offset":9223372036854775807,"target":-1}', b'{"offset":null}', b"null", b'"text"')
PLAIN = b'{"generation":3,"slot":1,"topics":{"orders":[[0,1],[5,5]]},"loads":{"orders":[[[0,1]],[80,90],[8,9]]}}'
NOT_JSON = (
    b"",
    b"\xff",
    b'"\xff"',
    b'{"\xff":1}',
    b"[" * 100_000,
    b'{"offset":' * 5_000,
    b"1e999",
    b"-",
    b"\x00",
    b"NaN",
)

HEARTBEAT = formats.encode_heartbeat(formats.Heartbeat("source", "target", 1_700_000_000_000))
CHECKPOINT = formats.encode_checkpoint(formats.Checkpoint("group", "source.orders", 3, 4, 5, "words"))
SYNC = formats.encode_offset_sync(formats.OffsetSync("orders", 3, 4, 5))
READERS = (
    (formats.decode_heartbeat, HEARTBEAT),
    (formats.decode_checkpoint, CHECKPOINT),
    (formats.decode_offset_sync, SYNC),
)


def test_mutants_of_stored_positions():
    for seed in rounds(3_000):
        value = VALUES[seed % len(VALUES)]
        key = mutant(("key", seed), KEY, value)
        tried(offsets.parse_key, key, allowed=(), of=seed)
        tried(offsets.parse_value, mutant(("value", seed), value, KEY), allowed=(DataError,), of=seed)


def test_what_is_no_json_is_no_key_and_a_typed_error_as_a_value():
    for raw in NOT_JSON:
        assert tried(offsets.parse_key, raw, allowed=()) is None
        assert isinstance(tried(offsets.parse_value, raw, allowed=(DataError,)), DataError), raw[:20]


TOLD = (
    steering.state_row(steering.Part.SOURCE, steering.TargetState.STOPPED),
    steering.paused_row("orders", frozenset({0, 5})),
    steering.paused_row("orders", None),
    steering.rewind_row(("orders", 3), 41),
    steering.restart_row(steering.Restart("orders", frozenset({1}))),
    steering.restart_row(steering.Restart()),
)


def test_mutants_of_what_people_tell_a_flow():
    for seed in rounds(3_000):
        key, value = TOLD[seed % len(TOLD)]
        if seed % 3:
            key = mutant(("told", seed), key, value)
        value = mutant(("words", seed), value, key)
        for read in (partial(steering.steered, steering.Steering(), key), partial(steering.restart_of, key)):
            tried(read, value, allowed=(DataError,), of=seed)


def test_what_is_no_json_tells_a_flow_nothing():
    for raw in NOT_JSON:
        for key, _ in TOLD[:3]:
            told = tried(partial(steering.steered, steering.Steering(), key), raw, allowed=(DataError,))
            assert isinstance(told, DataError), raw[:20]


@relaxed(200)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=4)
       | st.dictionaries(st.sampled_from(["offset", "target", "cluster", "topic", "partition", "epoch"]), inner)))  # fmt: skip
def test_json_of_any_shape(content):
    raw = msgspec.json.encode(content)
    tried(offsets.parse_key, raw, allowed=(), of=content)
    found = tried(offsets.parse_value, raw, allowed=(DataError,), of=content)
    if found is not None and not isinstance(found, DataError):
        assert -1 <= content["offset"] <= offsets.OFFSET_MAX


def test_mutants_and_cuts_of_mm2s_records():
    for reader, (key, value) in READERS:
        for cut in truncations(key):
            assert isinstance(tried(reader, cut, value, allowed=(DataError,)), DataError)
        for cut in truncations(value):
            assert isinstance(tried(reader, key, cut, allowed=(DataError,)), DataError)
        for seed in rounds(1_500):
            hostile = mutant((reader.__name__, "key", seed), key, value), mutant((reader.__name__, seed), value, key)
            tried(reader, *(hostile if seed % 2 else (hostile[0], value)), allowed=(DataError,), of=seed)


def test_what_members_of_the_group_say():
    lanes = frozenset(("orders", partition) for partition in (0, 1, 5))
    loads = dict.fromkeys(lanes, assignment.Load(1e6, 1e3))
    metadata = group_messages.encode_member(group_messages.MemberSays(lanes, loads, 3, 1, "digest"))
    given = group_messages.encode_leader(group_messages.LeaderSays(lanes, {"a.orders": 2}, 1, frozenset({0, 1})), "me")
    stranger = group_messages.decode_member(b"?")
    for raw in NOT_JSON:
        told = tried(group_messages.decode_leader, raw, allowed=(ProtocolError,))
        assert told == group_messages.LeaderSays() if not raw else isinstance(told, ProtocolError)
        assert tried(group_messages.decode_member, raw, allowed=()) == stranger
    for seed in rounds(1_000):
        said = tried(group_messages.decode_member, mutant(("member", seed), metadata, KEY), allowed=(), of=seed)
        assert isinstance(said.waiting_since_ms, int)
        assert all(isinstance(topic, str) and partition >= 0 for topic, partition in said.lanes)
        mutated = mutant(("leader", seed), given, KEY)
        told = tried(group_messages.decode_leader, mutated, allowed=(ProtocolError,), of=seed)
        if isinstance(told, group_messages.LeaderSays):
            assert all(isinstance(topic, str) and partition >= 0 for topic, partition in told.lanes)
    for seed in rounds(1_000):  # behind the compression
        part = mutant(("shares", seed), PLAIN, KEY)
        packed = base64.b64encode(zlib.compress(part)).decode("ascii")
        for name in ("claims", "shares"):
            raw = msgspec.json.encode({"owner": "x" if name == "shares" else True, "waiting_since_ms": 1, name: packed})
            if name == "claims":
                tried(group_messages.decode_member, raw, allowed=(), of=seed)
            else:
                tried(group_messages.decode_leader, raw, allowed=(ProtocolError,), of=seed)
