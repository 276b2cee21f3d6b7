"""The proof finds every kind of difference, and nothing where there is none."""

import confluent_kafka
import pytest

from heliograph.demo.proof import Pair, Seen, Side, difference, prove
from heliograph.errors import ProofFailed

ONE = Seen(b"key", b"value", (("a", b"1"), ("a", None)), (1, 1_000))
PAIR = Pair("t", "source.t", 2)


class Fixed:
    """A side that holds the records it was given."""

    def __init__(self, *partitions: list[Seen]) -> None:
        self._partitions = partitions

    def records(self, topic, partition):
        assert topic.endswith("t")
        yield from self._partitions[partition]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": None}, "has the key b'key' on the source and None on the target"),
        ({"value": b""}, "has the value b'value' on the source and b'' on the target"),
        ({"value": b"x" * 1000}, "xxx..."),
        ({"headers": (("a", None), ("a", b"1"))}, "has the headers"),
        ({"headers": ()}, "has the headers"),
        ({"timestamp": (2, 1_000)}, "has the timestamp (1, 1000) on the source and (2, 1000) on the target"),
    ],
)
def test_each_field_counts(change, words) -> None:
    assert words in difference(ONE, ONE._replace(**change))


def test_a_record_may_be_missing_on_either_side() -> None:
    assert difference(ONE, None) == "is missing on the target"
    assert difference(None, ONE) == "is on the target only"
    assert difference(ONE, ONE) == ""


def test_equal_sides_have_equal_digests() -> None:
    rows = [ONE._replace(key=b"%d" % number) for number in range(12_000)]
    counted = []
    proved = prove(PAIR, Fixed(rows, rows[:5]), Fixed(rows, rows[:5]), counted.append)
    assert proved.records == 12_005
    assert sum(counted) == 12_005
    assert proved.size_bytes == sum(row.size_bytes for row in [*rows, *rows[:5]])
    assert proved.source_sha256 == proved.target_sha256
    # A record that moves to another partition is another record.
    moved = prove(PAIR, Fixed(rows[5:], rows[:5]), Fixed(rows[5:], rows[:5]), counted.append)
    assert moved.source_sha256 != proved.source_sha256


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([ONE._replace(key=b"1"), ONE._replace(key=b"0")], "Record 0 of t-1 has the key b'0'"),
        ([ONE._replace(key=b"0")], "Record 1 of t-1 is missing on the target"),
        ([ONE._replace(key=key) for key in (b"0", b"1", b"1")], "Record 2 of t-1 is on the target only"),
    ],
)
def test_the_first_difference_is_named(there, words) -> None:
    rows = [ONE._replace(key=b"0"), ONE._replace(key=b"1")]
    with pytest.raises(ProofFailed, match=words) as caught:
        prove(PAIR, Fixed(rows, rows), Fixed(rows, there), lambda _count: None)
    assert caught.value.exit_code == 5


@pytest.mark.brokers
def test_it_reads_real_clusters(source_kafka, target_kafka, unique) -> None:
    for cluster, last in ((source_kafka, b"same"), (target_kafka, b"other")):
        made = cluster.tool("kafka-topics", "--create", "--topic", unique, "--partitions", "1")
        assert made.exit_code == 0, made.stderr
        producer = confluent_kafka.Producer(cluster.librdkafka_config())
        for number in range(3):
            headers = [("h", b"1"), ("h", None)]
            value = last if number == 2 else None
            producer.produce(unique, value, b"k", timestamp=1_000_000_000_000 + number, headers=headers)
        assert producer.flush(60) == 0
    source, target = Side(source_kafka.librdkafka_config()), Side(target_kafka.librdkafka_config())
    try:
        seen = list(source.records(unique, 0))
        assert [row.value for row in seen] == [None, None, b"same"]
        assert seen[0].headers == (("h", b"1"), ("h", None))
        with pytest.raises(ProofFailed, match=r"Record 2 of .* has the value b'same' on the source and b'other'"):
            prove(Pair(unique, unique, 1), source, target, lambda _count: None)
    finally:
        source.close()
        target.close()
