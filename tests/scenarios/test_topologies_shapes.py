"""Clusters joined in every way that is usual: both ways, mesh, fan-in, fan-out, chain, and several programs on a pair."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaException
from plain_client import LIMIT_S, Row, create_topic, read, simple_rows, topics, wait_for_rows, write

from heliograph.testbed import KafkaCluster

pytestmark = pytest.mark.brokers
IDENTITY = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"


@pytest.fixture(scope="module")
def third_kafka(shared_kafka: Callable[..., KafkaCluster]) -> KafkaCluster:
    """One more cluster beside the two that all tests share."""
    return shared_kafka("third")


@pytest.fixture
def trio(source_kafka, target_kafka, third_kafka):
    return source_kafka, target_kafka, third_kafka


def file(clusters, flows, **more):
    """Write the properties of a file: clusters by alias, the flows by name, and further keys."""
    settings = {
        "clusters": ", ".join(clusters),
        **{f"{alias}.bootstrap.servers": kafka.bootstrap() for alias, kafka in clusters.items()},
        **{f"{flow}.enabled": "true" for flow in flows},
        "replication.factor": 1,
        "refresh.topics.interval.seconds": 1,
        "offset.storage.replication.factor": 1,
        **{f"{topic}.topic.replication.factor": 1 for topic in ("heartbeats", "checkpoints", "offset-syncs")},
        "offset.storage.partitions": 5,
        **more,
    }
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


def own_rows(alias, count, first=0):
    """Records that tell on which cluster they were written."""
    return [Row(n % 2, alias.encode(), b"%s-%d" % (alias.encode(), n)) for n in range(first, first + count)]


def names(kafka, unique):
    return {name for name in topics(kafka) if unique in name}


def subscribed(kafka, pattern, group, count):
    """Read ``count`` records as a group that subscribes to all topics with such a name."""
    config = {"group.id": group, "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 200}
    reader = Consumer({**kafka.librdkafka_config(), **config, "log_level": 2})
    found = []
    try:
        reader.subscribe([pattern])
        deadline = time.monotonic() + LIMIT_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records came"
            message = reader.poll(0.2)
            if message is not None and message.error() is None:
                found.append(message.value())
            elif message is not None:
                raise KafkaException(message.error())
        return found
    finally:
        reader.close()


def test_both_ways_in_one_process(trio, heliograph, unique):
    """Each side keeps what was written there, gets the other's copy, and a consumer of both sees every record once."""
    east, west, _ = trio
    accounts = f"{unique}-accounts"
    sides = {"east": east, "west": west}
    for alias, kafka in sides.items():
        create_topic(kafka, accounts, 2)
        write(kafka, accounts, own_rows(alias, 30))
    running = heliograph(file(sides, ["east->west", "west->east"], topics=f".*{accounts}"))
    for kafka, other, far in ((east, "west", west), (west, "east", east)):
        assert wait_for_rows(kafka, f"{other}.{accounts}", 30) == read(far, accounts)
        write(far, accounts, own_rows(other, 10, first=30))
        assert wait_for_rows(kafka, f"{other}.{accounts}", 40) == read(far, accounts)
        assert names(kafka, unique) == {accounts, f"{other}.{accounts}"}
    for kafka in (east, west):
        wait_for_rows(kafka, f"{'west' if kafka is east else 'east'}.{accounts}", 40)
        seen = subscribed(kafka, f"^.*{accounts}", unique, 80)
        assert sorted(seen) == sorted(b"%s-%d" % (alias, n) for alias in (b"east", b"west") for n in range(40))
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_both_ways_in_two_processes(trio, heliograph, unique):
    """One file, one process for each direction: each serves the flows into the cluster that it is told."""
    east, west, _ = trio
    sides = {"near": east, "far": west}
    for alias, kafka in sides.items():
        create_topic(kafka, unique, 2)
        write(kafka, unique, own_rows(alias, 20))
    properties = file(sides, ["near->far", "far->near"], topics=f".*{unique}")
    into_far = heliograph(properties, "--clusters", "far")
    into_near = heliograph(properties, "--clusters", "near")
    assert wait_for_rows(west, f"near.{unique}", 20) == read(east, unique)
    assert wait_for_rows(east, f"far.{unique}", 20) == read(west, unique)
    assert into_near.stop() == 0
    write(east, unique, own_rows("near", 5, first=20))
    assert wait_for_rows(west, f"near.{unique}", 25) == read(east, unique)
    assert into_far.stop() == 0
    for kafka, other in ((east, "far"), (west, "near")):
        assert names(kafka, unique) == {unique, f"{other}.{unique}"}
    assert "far->near" not in into_far.log
    assert "near->far" not in into_near.log


def test_a_mesh_of_three(trio, heliograph, unique):
    sides = dict(zip(("ma", "mb", "mc"), trio, strict=True))
    for alias, kafka in sides.items():
        create_topic(kafka, unique, 2)
        write(kafka, unique, own_rows(alias, 20))
    flows = [f"{one}->{other}" for one in sides for other in sides if one != other]
    running = heliograph(file(sides, flows, topics=unique))
    for alias, kafka in sides.items():
        for other in sides.keys() - {alias}:
            assert wait_for_rows(kafka, f"{other}.{unique}", 20) == read(sides[other], unique)
        assert names(kafka, unique) == {unique, *(f"{other}.{unique}" for other in sides.keys() - {alias})}
    assert running.log.count("  running  ") == 6
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_fan_out_and_fan_in(trio, heliograph, unique):
    """One cluster to two others, and those two back into one, in one file."""
    first, second, last = trio
    sides = {"fa": first, "fb": second, "fc": last}
    for alias, kafka in (("fa", first), ("fb", second)):
        create_topic(kafka, unique, 2)
        write(kafka, unique, own_rows(alias, 20))
    running = heliograph(file(sides, ["fa->fb", "fa->fc", "fb->fc"], topics=unique))
    assert wait_for_rows(second, f"fa.{unique}", 20) == read(first, unique)
    assert wait_for_rows(last, f"fa.{unique}", 20) == read(first, unique)
    assert wait_for_rows(last, f"fb.{unique}", 20) == read(second, unique)
    assert names(last, unique) == {f"fa.{unique}", f"fb.{unique}"}
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_fan_in_under_the_same_name(trio, heliograph, unique):
    """With the identity policy two clusters fill one topic: every record once, each source partition in order."""
    first, second, last = trio
    sides = {"ia": first, "ib": second, "ic": last}
    for alias, kafka in (("ia", first), ("ib", second)):
        create_topic(kafka, unique, 2)
        write(kafka, unique, own_rows(alias, 50))
    more = {"replication.policy.class": IDENTITY}
    running = heliograph(file(sides, ["ia->ic", "ib->ic"], topics=unique, **more))
    rows = wait_for_rows(last, unique, 100)
    for alias, kafka in (("ia", first), ("ib", second)):
        assert [row for row in rows if row.key == alias.encode()] == read(kafka, unique)
    running.wait_for("write to the same topics")
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_a_chain_with_heartbeats_through_two_hops(trio, heliograph, unique):
    """Names tell every hop, for records and for heartbeats, which go along whatever the lists say."""
    first, second, last = trio
    sides = {"ca": first, "cb": second, "cc": last}
    create_topic(first, unique, 2)
    write(first, unique, own_rows("ca", 20))
    if "heartbeats" not in topics(first):
        create_topic(first, "heartbeats")
    write(first, "heartbeats", [Row(0, unique.encode(), b"beat")])
    running = heliograph(file(sides, ["ca->cb", "cb->cc"], topics=f".*{unique}"))
    assert wait_for_rows(last, f"cb.ca.{unique}", 20) == read(first, unique)
    wait_for_rows(last, "cb.ca.heartbeats", 1)
    assert any(row.key == unique.encode() for row in read(last, "cb.ca.heartbeats"))
    assert names(last, unique) == {f"cb.ca.{unique}"}
    assert names(second, unique) == {f"ca.{unique}"}
    assert running.stop() == 0
    assert "ERROR" not in running.log


def test_names_kept_both_ways(trio, heliograph, unique):
    """Refused where a topic might go round, fine where none can."""
    east, west, _ = trio
    sides = {"ke": east, "kw": west}
    orders, audit = f"{unique}-orders", f"{unique}-audit"
    both = ["ke->kw", "kw->ke"]
    refused = heliograph(file(sides, both, topics=f"{unique}.*", **{"replication.policy.class": IDENTITY}))
    assert refused.wait() == 2
    assert "ke->kw, kw->ke keep topic names" in refused.log

    create_topic(east, orders, 2)
    create_topic(west, audit, 2)
    write(east, orders, own_rows("ke", 20))
    write(west, audit, own_rows("kw", 20))
    more = {"ke->kw.topics": orders, "kw->ke.topics": audit, "replication.policy.class": IDENTITY}
    running = heliograph(file(sides, both, **more))
    assert wait_for_rows(west, orders, 20) == read(east, orders)
    assert wait_for_rows(east, audit, 20) == read(west, audit)
    assert running.stop() == 0
    assert read(east, orders) == read(west, orders)
    assert "ERROR" not in running.log


def test_names_without_a_separator(source_kafka, target_kafka, heliograph, unique):
    """The alias stands right before the name; with an empty one names are kept. A restart goes on exactly."""
    sides = {"ua": source_kafka, "ub": target_kafka}
    create_topic(source_kafka, unique, 2)
    count = 0
    for alias, copy in ((None, f"ua{unique}"), ("", unique)):
        settings = {"topics": unique, "replication.policy.separator": "", "heartbeats.replication.enabled": "false"}
        settings |= {} if alias is None else {"source.cluster.alias": alias, "ub.group.id": f"{unique}-2"}
        for _ in range(2):
            write(source_kafka, unique, own_rows("ua", 20, first=count))
            count += 20
            running = heliograph(file(sides, ["ua->ub"], **settings))
            assert wait_for_rows(target_kafka, copy, count) == read(source_kafka, unique)
            running.wait_for("replication.policy.separator is empty")
            assert running.stop() == 0
            assert "ERROR" not in running.log
    assert names(target_kafka, unique) == {f"ua{unique}", unique}


def test_three_programs_share_a_pair_of_clusters(trio, heliograph, unique):
    """Each has a family of topics and a group id of its own, and is started and stopped without the others."""
    source, target, _ = trio
    families = ("A", "B", "C")
    for family in families:
        create_topic(source, f"{unique}-{family}", 2)
        write(source, f"{unique}-{family}", own_rows(family, 20))
    sides = {"shared": source, "pair": target}

    def start(family):
        more = {"pair.group.id": f"{unique}-{family}", "pair.session.timeout.ms": 6000}
        if family != "A":  # one of them is enough, and two would both copy them
            more["heartbeats.replication.enabled"] = "false"
        return heliograph(file(sides, ["shared->pair"], topics=f"{unique}-{family}.*", **more))

    programs = {family: start(family) for family in families}
    for family in families:
        remote = f"shared.{unique}-{family}"
        assert wait_for_rows(target, remote, 20) == read(source, f"{unique}-{family}")
    assert programs["B"].stop() == 0
    for family in families:
        write(source, f"{unique}-{family}", own_rows(family, 10, first=20))
    for family in ("A", "C"):
        assert wait_for_rows(target, f"shared.{unique}-{family}", 30) == read(source, f"{unique}-{family}")
    assert len(read(target, f"shared.{unique}-B")) == 20
    programs["B"] = start("B")
    assert wait_for_rows(target, f"shared.{unique}-B", 30) == read(source, f"{unique}-B")
    create_topic(source, f"{unique}-C2")
    write(source, f"{unique}-C2", simple_rows(5))
    assert wait_for_rows(target, f"shared.{unique}-C2", 5) == read(source, f"{unique}-C2")
    for family, program in programs.items():
        assert program.stop() == 0
        others = {f"{unique}-{other}" for other in families if other != family}
        assert not [other for other in others if f"shared.{other}" in program.log or f"={other} " in program.log]
        for words in ("ERROR", "somebody else", "standing by", "exact place is not known"):
            assert words not in program.log
