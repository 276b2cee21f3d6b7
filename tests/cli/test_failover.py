"""What ``heliograph failover`` must be told; what it does is shown by the scenarios."""

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from heliograph.cli.failover import failover
from heliograph.cli.moves import columns
from heliograph.errors import ConfigError, Unreachable
from heliograph.mirror.formats import OffsetSync, encode_offset_sync
from heliograph.records import Record, encode, stamp


def test_it_wants_groups(write):
    file = write("127.0.0.1:1", "127.0.0.1:1")
    with pytest.raises(ConfigError, match="which groups"):
        failover(file)
    with pytest.raises(ConfigError, match="which groups"):
        failover(file, groups=["g"], everything=True)


def test_it_wants_one_flow(write):
    file = write("127.0.0.1:1", "127.0.0.1:1", "target->source.enabled=true")
    with pytest.raises(ConfigError, match="several flows: source->target, target->source"):
        failover(file, everything=True)
    with pytest.raises(ConfigError, match="has no flow 'a->b'"):
        failover(file, everything=True, flow="a->b")
    one_way = write("127.0.0.1:1", "127.0.0.1:1")
    with pytest.raises(ConfigError, match="enables no flow 'target->source'"):
        failover(one_way, everything=True, flow="target->source")


def test_a_dead_target(write):
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        failover(write("127.0.0.1:1", "127.0.0.1:1"), everything=True)


def test_columns_are_as_wide_as_they_must_be():
    rows = [("A", "B", ""), ("long", "1", "x"), ("s", "1000", "a longer text")]
    assert columns(rows, frozenset({1})) == ["A        B", "long     1  x", "s     1000  a longer text"]


def test_a_group_that_cannot_be_read_is_named_and_the_others_are_moved(write, capsys, monkeypatch):
    monkeypatch.setattr("heliograph.cluster.groups.ATTEMPTS_S", 0.05)

    def refused(values):
        rows = [row for topic in values["topics"] for row in topic["partitions"]]
        if any(row["metadata"] == "bad" for row in rows):
            return {**values, "topics": [], "error_code": ErrorCode.coordinator_not_available}
        return values

    with FakeCluster("source") as here, FakeCluster("target") as there:
        for fake, name in ((here, "orders"), (there, "source.orders")):
            fake.create(name)
            fake.write(name, [b"value"] * 4)
        there.create("mm2-offset-syncs.source.internal", cleanup_policy="compact")
        key, value = encode_offset_sync(OffsetSync("orders", 0, 3, 3))
        parcel = encode([Record(0, 1, key, value)])
        there.topics["mm2-offset-syncs.source.internal"].append(
            0, bytes(stamp(parcel, -1, -1, -1)) + bytes(parcel.body)
        )
        here.groups["bad"] = {("orders", 0): (1, "bad")}
        here.groups["good"] = {("orders", 0): (4, "")}
        here.always["offset_fetch"] = Fault(0, refused)
        file = write(here.bootstrap, there.bootstrap)
        assert failover(file, everything=True, execute=True) == 1
        told = capsys.readouterr().out
        assert there.groups == {"good": {("source.orders", 0): (4, "")}}
    (bad,) = [line for line in told.splitlines() if line.split()[:1] == ["bad"]]
    assert "refused" in bad
    assert "Executed: 1 moved, 1 refused" in told
