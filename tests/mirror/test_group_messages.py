"""What members tell each other, in both directions and across versions; and what a stranger may tell them."""

import base64
import json
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import ProtocolError
from heliograph.mirror.assignment import Load
from heliograph.mirror.group_messages import (
    LeaderSays,
    MemberSays,
    decode_leader,
    decode_member,
    encode_leader,
    encode_member,
)

LANES = st.frozensets(st.tuples(st.text(max_size=5), st.integers(0, 2**31 - 1)), max_size=30)


@given(LANES, st.integers(-1, 2**31), st.none() | st.integers(0, 99), st.text(max_size=5), st.integers(0, 2**60))
def test_a_member_is_understood(lanes, generation, slot, config, since_ms):
    says = MemberSays(
        lanes, {}, generation, slot, config, bool(generation % 2), frozenset({config}), not slot, since_ms, since_ms
    )
    assert decode_member(encode_member(says)) == says


@given(LANES, st.dictionaries(st.text(max_size=5), st.integers(0, 99)), st.frozensets(st.integers(0, 99)))
def test_a_leader_is_understood(lanes, folded, slots):
    says = LeaderSays(lanes, folded, 3, slots, "digest", 1 / (1 + len(slots)), 17)
    assert decode_leader(encode_leader(says, "me")) == says


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_loads_arrive_within_a_tenth(size, count):
    lane = ("t", 4)
    found = decode_member(encode_member(MemberSays(loads={lane: Load(size, count)}))).loads[lane]
    assert found.bytes_s == pytest.approx(size, rel=0.1, abs=0.1)
    assert found.records_s == pytest.approx(count, rel=0.1, abs=0.1)


def test_an_older_member_understands_who_is_not_itself():
    """Heliograph 0.1 reads these two fields of each, and nothing else."""
    metadata = json.loads(encode_member(MemberSays(frozenset({("t", 0)}), waiting_since_ms=17)))
    assert (metadata["owner"], metadata["waiting_since_ms"]) == (True, 17)
    assert json.loads(encode_leader(LeaderSays(), "somebody"))["owner"] == "somebody"


def test_an_older_member_is_understood():
    assert decode_member(b'{"owner":true,"waiting_since_ms":5}') == MemberSays(
        waiting_since_ms=5, old=True, has_all=True
    )
    assert decode_leader(b'{"owner":"x"}') == LeaderSays(owner="x")


def test_an_empty_assignment_gives_nothing():
    assert decode_leader(b"") == LeaderSays()


def test_ten_thousand_topics_fit_many_times_into_a_record_of_the_brokers():
    lanes = frozenset((f"some.department.with.a.long.name.topic-{number:05}", 0) for number in range(10_000))
    loads = {lane: Load(1e6, 1e3) for lane in lanes}
    assert len(encode_member(MemberSays(lanes, loads))) < 120_000
    assert len(encode_leader(LeaderSays(lanes), "me")) < 60_000


def packed(value) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


HOSTILE = [
    "no base64!",
    base64.b64encode(b"no zlib").decode(),
    base64.b64encode(zlib.compress(b"{}")[:-3]).decode(),
    packed([]),
    packed({"topics": {"t": [[0, 2**31]]}}),
    packed({"topics": {"t": [[-1, 0]]}}),
    packed({"topics": {"t": [[5, 4]]}}),
    packed({"topics": {"t": [[0, 2_000_000]]}}),
    packed({"topics": {"t": [["0", 1]]}}),
    packed({"generation": "x", "slots": "x"}),
    base64.b64encode(zlib.compress(b" " * (65 << 20))).decode(),
]


@pytest.mark.parametrize("part", HOSTILE)
def test_what_a_stranger_tells_gives_nothing_away(part):
    raw = msgspec.json.encode({"owner": True, "waiting_since_ms": 1, "claims": part})
    assert decode_member(raw) == MemberSays(waiting_since_ms=2**62, old=True)
    with pytest.raises(ProtocolError, match="cannot be read"):
        decode_leader(msgspec.json.encode({"owner": "x", "shares": part}))


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(raw):
    decode_member(raw)
    try:
        decode_leader(raw)
    except ProtocolError:
        return


def test_options_arrive():
    options = {"topics": ["orders"], "sync.groups": ["a", "b"], "tasks_max": None}
    assert decode_member(encode_member(MemberSays(options=options))).options == options


def test_options_are_not_said_where_they_would_fill_the_group():
    lists = {"topics": [f"{number:x}" * 7 for number in range(20_000)]}
    raw = encode_member(MemberSays(frozenset({("t", 0)}), options=lists))
    assert len(raw) < 1_000
    assert decode_member(raw) == MemberSays(frozenset({("t", 0)}))


@pytest.mark.parametrize("options", [5, "x", [1], {"a": "x" * (2 << 20)}])
def test_options_that_make_no_sense_take_nothing_from_a_member(options):
    part = packed({"generation": 4, "topics": {"t": [[0, 1]]}, "options": options})
    found = decode_member(msgspec.json.encode({"owner": True, "waiting_since_ms": 1, "claims": part}))
    assert found == MemberSays(frozenset({("t", 0), ("t", 1)}), {}, 4, waiting_since_ms=1)


def test_loads_that_do_not_fit_their_partitions_are_not_believed():
    part = packed({"topics": {"t": [[0, 1]]}, "loads": {"t": [[[0, 1]], [1], [1]]}})
    raw = msgspec.json.encode({"owner": True, "waiting_since_ms": 1, "claims": part})
    assert decode_member(raw) == MemberSays(waiting_since_ms=2**62, old=True)
    part = packed({"topics": {"t": [[0, 0]]}, "loads": {"t": [[[0, 0]], [10**9], [-5]]}})
    found = decode_member(msgspec.json.encode({"owner": True, "waiting_since_ms": 1, "claims": part}))
    assert found.loads["t", 0] == Load(pytest.approx(2**125 - 1), 0.0)
