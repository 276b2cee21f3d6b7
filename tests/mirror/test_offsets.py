import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import DataError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import (
    OffsetKey,
    murmur2,
    offset_key,
    offset_value,
    parse_key,
    parse_value,
    partition_for,
)

SOURCE_KEY = b'["MirrorSourceConnector",{"cluster":"A","partition":0,"topic":"t"}]'


def test_key_bytes():
    assert offset_key("MirrorSourceConnector", "A", "t", 0) == SOURCE_KEY


@pytest.mark.parametrize(
    ("alias", "written"),
    [
        ("a/b", b"a/b"),
        ('q"\\', b'q\\"\\\\'),
        ("\b\t\n\f\r", b"\\b\\t\\n\\f\\r"),
        ("\x00\x0b\x0e\x1a\x1f", b"\\u0000\\u000B\\u000E\\u001A\\u001F"),
        ("\x7f\x80\xa0", "\x7f\x80\xa0".encode()),
        ("\u00e9\u2028\uffff", "\u00e9\u2028\uffff".encode()),
        ("\U0001f600", b"\\uD83D\\uDE00"),
        ("<>&'", b"<>&'"),
    ],
)
def test_key_escapes_as_jackson_does(alias, written):
    assert offset_key("c", alias, "t", 3) == b'["c",{"cluster":"' + written + b'","partition":3,"topic":"t"}]'


# Computed by Kafka 4.3.1's own Utils.murmur2; the second number is the partition of 25.
MURMUR2 = [
    (SOURCE_KEY, -2079807616, 7),
    (b'["MirrorSourceConnector",{"cluster":"A","partition":1,"topic":"t"}]', -1881024472, 1),
    (b'["MirrorCheckpointConnector",{"partition":0,"topic":"A.t","group":"g1"}]', 1662361366, 16),
    (b'["MirrorHeartbeatConnector",{"sourceClusterAlias":"A","targetClusterAlias":"B"}]', 1162868500, 0),
    (b'["A->B.MirrorSourceConnector",{"cluster":"A","partition":0,"topic":"t"}]', 1320381468, 18),
    (b"21", -973932308, 15),
    (b"foobar", -790332482, 16),
    (b"", 275646681, 6),
    (b"a", -1563381124, 24),
    (b"ab", 316155434, 9),
    (b"abc", 479470107, 7),
    (b"abcd", -1323649548, 0),
    (b"abcde", 461995741, 16),
]


@pytest.mark.parametrize(("key", "hashed", "partition"), MURMUR2)
def test_partitions_as_java_does(key, hashed, partition):
    assert murmur2(key) == hashed
    assert partition_for(key, 25) == partition


@given(
    connector=st.text(max_size=20),
    alias=st.text(max_size=20),
    topic=st.text(max_size=20),
    partition=st.integers(0, 2**31 - 1),
)
def test_keys_come_back(connector, alias, topic, partition):
    key = offset_key(connector, alias, topic, partition)
    assert parse_key(key) == OffsetKey(connector, alias, topic, partition)
    assert msgspec.json.decode(key) == [connector, {"cluster": alias, "partition": partition, "topic": topic}]


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"",
        b"\xff",
        b"[",
        b"null",
        b"{}",
        b"[]",
        b'["c"]',
        b'["c",{}]',
        b'["c",{"cluster":"A","topic":"t"}]',
        b'["c",{"cluster":"A","partition":true,"topic":"t"}]',
        b'["c",{"cluster":"A","partition":-1,"topic":"t"}]',
        b'["c",{"cluster":"A","partition":2147483648,"topic":"t"}]',
        b'["c",{"cluster":"A","partition":"0","topic":"t"}]',
        b'["c",{"cluster":null,"partition":0,"topic":"t"}]',
        b'["c",{"cluster":"A","partition":0,"topic":"t"},0]',
        MURMUR2[2][0],
        MURMUR2[3][0],
    ],
)
def test_keys_of_others_are_none(key):
    assert parse_key(key) is None


def test_values():
    assert offset_value(Anchor(123, None)) == b'{"offset":123}'
    assert offset_value(Anchor(123, 456)) == b'{"offset":123,"target":456}'
    assert offset_value(Anchor(-1, -1)) == b'{"offset":-1,"target":-1}'
    assert offset_value(Anchor(9, None, target_partition=2)) == b'{"offset":9,"partition":2}'
    assert parse_value(b'{"offset":9,"partition":2}') == Anchor(9, None, target_partition=2)
    assert parse_value(b'{"offset":9,"partition":-7}') == Anchor(9, None)
    assert offset_value(Anchor(5, 4, "Zm9v", 3)) == b'{"offset":5,"target":4,"topic":"Zm9v","epoch":3}'


@given(
    anchor=st.builds(
        Anchor,
        st.integers(-1, 2**63 - 1),
        st.none() | st.integers(-1, 2**63 - 1),
        st.text(st.characters(codec="utf-8")),
        st.integers(-1, 2**31 - 1),
    )
)
def test_values_come_back(anchor):
    assert parse_value(offset_value(anchor)) == anchor


@pytest.mark.parametrize("value", [None, b"null", b"{}", b'{"offset":null}', b'{"target":4}'])
def test_forgotten(value):
    assert parse_value(value) is None


@pytest.mark.parametrize("target", [b'"x"', b"-2", b"true", b"null", b"1.5", b"9223372036854775808"])
def test_a_target_that_is_no_offset_counts_as_absent(target):
    assert parse_value(b'{"offset":7,"target":' + target + b"}") == Anchor(7, None)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"7",
        b'{"offset":"7"}',
        b'{"offset":true}',
        b'{"offset":-2}',
        b'{"offset":9223372036854775808}',
    ],
)
def test_other_values_are_refused(value):
    with pytest.raises(DataError, match="stored source offset"):
        parse_value(value)
