"""Keys and values of the topics that tell positions: Connect's JSON, MM2's own records, what a group's members say."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutant, relaxed, rounds, truncations
from trials import tried

from configs import flow_config
from heliograph.errors import DataError, ProtocolError
from heliograph.mirror import formats, offsets
from heliograph.worker import ownership

KEY = offsets.offset_key("MirrorSourceConnector", "source", "orders.\N{GRINNING FACE}", 3)
VALUES = (b'{"offset":12345}', b'{"offset":9223372036854775807,"target":-1}', b'{"offset":null}', b"null", b'"text"')
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
    metadata = msgspec.json.encode(ownership.Metadata(owner=False, waiting_since_ms=5))
    stranger = ownership._read_metadata(b"?")
    flow = flow_config("a", "b", group_id="g")
    for raw in NOT_JSON:
        owner = tried(ownership._read_owner, raw, flow, allowed=(ProtocolError,))
        assert owner == "" if not raw else isinstance(owner, ProtocolError)
        assert tried(ownership._read_metadata, raw, allowed=()) == stranger
    for seed in rounds(1_000):
        told = tried(ownership._read_metadata, mutant(("member", seed), metadata, KEY), allowed=(), of=seed)
        assert isinstance(told.owner, bool)
        assert isinstance(told.waiting_since_ms, int)
