"""Clusters of three brokers on both sides, one process between them, records all the time: one fault after another.

After each fault the copy must catch up by itself, with memory as before; in the end both sides hold the same.
"""

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest
from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic
from cut_logs import line_with
from plain_client import LIMIT_S, admin, end_offsets, read, set_topic_config, simple_rows, wait_for_rows, write
from running_program import Running
from steady_load import PAUSE_S, RSS_LIMIT_BYTES, Load, assert_equal, memory_bytes

from heliograph.testbed import KafkaCluster
from heliograph.testbed.broker import Broker
from heliograph.testbed.proxy import HEALTHY, Faults
from heliograph.testbed.servers import wait_for

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(420)]
T = TypeVar("T")
TOPIC, PARTITIONS = "steady", 6
CATCH_UP_S = 90.0
FROZEN_S, CUT_S, SILENT_S = 8.0, 4.0, 12.0
FULL_BYTES = 1 << 16
"""The largest file that a broker may write from now on: to it that is a full disk."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that stays while the faults come and go."""

    source: KafkaCluster
    target: KafkaCluster
    load: Load
    running: Running

    @property
    def sides(self) -> tuple[KafkaCluster, KafkaCluster]:
        return self.source, self.target

    def copied(self) -> int:
        """Return the number of records that the copy holds; -1 while its cluster does not say."""
        try:
            return sum(end for _, end in end_offsets(self.target, f"one.{TOPIC}").values())
        except KafkaException:
            return -1

    def catch_up(self) -> None:
        """Wait until the copy holds all that was given to the source's producer by now, and look at the memory."""
        self.load.wait_for(500)
        goal, deadline = self.load.sent, time.monotonic() + CATCH_UP_S
        while (held := self.copied()) < goal:
            assert self.running.exit_code is None, self.running.log
            assert time.monotonic() < deadline, f"{held} of {goal} records after {CATCH_UP_S} s:\n{self.running.log}"
            time.sleep(PAUSE_S)
        assert memory_bytes(self.running) < RSS_LIMIT_BYTES


def make_topic(kafka: KafkaCluster, name: str, replicas: list[list[int]], **config: str) -> None:
    settings = {key.replace("_", "."): value for key, value in config.items()}
    new = NewTopic(name, len(replicas), replica_assignment=replicas, config=settings)
    client = admin(kafka)
    client.create_topics([new])[name].result(LIMIT_S)


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[KafkaCluster, KafkaCluster]]:
    pair = [KafkaCluster(brokers=3, proxied=True, properties={"min.insync.replicas": "2"}) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(each.start) for each in pair]
    try:
        for each in started:
            each.result()
        yield pair[0], pair[1]
    finally:
        for cluster in pair:
            cluster.close()


@pytest.fixture(scope="module")
def stage(clusters, lasting_heliograph, one_way) -> Iterator[Stage]:
    source, target = clusters
    turns = [[1 + (first + more) % 3 for more in range(3)] for first in range(PARTITIONS)]
    make_topic(source, TOPIC, turns)
    make_topic(target, f"one.{TOPIC}", turns)
    more = {"replication.factor": 3, "offset.storage.replication.factor": 3}
    with Load(source, TOPIC, partitions=PARTITIONS, rate_s=400) as load:
        running = lasting_heliograph(one_way(source, target, "one", TOPIC, more))
        running.wait_for("running", 60)
        yield Stage(source, target, load, running)


def each(things: Sequence[T], act: Callable[[T], None]) -> None:
    """Do the same to several at once."""
    with ThreadPoolExecutor(len(things)) as pool:
        list(pool.map(act, things))


def leader_of(kafka: KafkaCluster) -> Broker:
    """Return the broker that leads the first partition of the topic, or of its copy."""
    client = admin(kafka)
    topics = client.list_topics(timeout=LIMIT_S).topics
    name = TOPIC if TOPIC in topics else f"one.{TOPIC}"
    leader = topics[name].partitions[0].leader
    return next(broker for broker in kafka.brokers if broker.node_id == leader)


def for_a_while(seconds: float) -> None:
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, end + 10, "the end of the fault")


def test_leaders_move(stage):
    """All partitions get their replicas in another order, and then the first of each as their leader."""
    stage.catch_up()

    def move(kafka: KafkaCluster) -> None:
        name = TOPIC if kafka is stage.source else f"one.{TOPIC}"
        rows = [
            {"topic": name, "partition": number, "replicas": [1 + (number + more) % 3 for more in (1, 2, 3)]}
            for number in range(PARTITIONS)
        ]
        plan = kafka.brokers[0].folder / "plan.json"
        plan.write_text(json.dumps({"version": 1, "partitions": rows}), encoding="utf-8")
        outcome = kafka.tool("kafka-reassign-partitions", "--execute", "--reassignment-json-file", str(plan))
        assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
        places = [TopicPartition(name, number) for number in range(PARTITIONS)]
        client = admin(kafka)
        client.elect_leaders(ElectionType.PREFERRED, places).result(LIMIT_S)

    each(stage.sides, move)
    stage.catch_up()


def test_a_leader_is_killed_on_both_sides(stage):
    victims = [leader_of(kafka) for kafka in stage.sides]
    for broker in victims:
        broker.kill()
    stage.catch_up()
    each(victims, Broker.start)
    stage.catch_up()


def test_a_leader_is_frozen_on_both_sides(stage):
    victims = [leader_of(kafka) for kafka in stage.sides]
    for broker in victims:
        broker.freeze()
    try:
        for_a_while(FROZEN_S)
    finally:
        for broker in victims:
            broker.thaw()
    stage.catch_up()


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_broker_runs_out_of_disk(stage, side):
    """It cannot append any more, takes its log directory out of service and ends, as Kafka does with a full disk."""
    broker = leader_of({"source": stage.source, "target": stage.target}[side])
    _, hard = resource.prlimit(broker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, hard))
    wait_for(lambda: not broker.running, time.monotonic() + 60, "the end of a broker without disk")
    stage.catch_up()
    broker.start()
    stage.catch_up()


def test_too_few_replicas_are_in_sync(stage):
    """The target takes nothing until the third replica is back."""
    set_topic_config(stage.target, f"one.{TOPIC}", "min.insync.replicas", "3")
    broker = leader_of(stage.target)
    broker.stop()
    stage.load.wait_for(1_000)
    broker.start()
    set_topic_config(stage.target, f"one.{TOPIC}", "min.insync.replicas", "2")
    stage.catch_up()


@pytest.mark.parametrize(
    ("faults", "seconds"), [(Faults(cut=True), CUT_S), (Faults(stalled=True), SILENT_S)], ids=["cut", "half open"]
)
def test_both_links_break(stage, faults, seconds):
    proxies = [broker.proxy() for kafka in stage.sides for broker in kafka.brokers]
    try:
        for proxy in proxies:
            proxy.faults = faults
        for_a_while(seconds)
    finally:
        for proxy in proxies:
            proxy.faults = HEALTHY
    stage.catch_up()


def test_all_brokers_are_restarted_one_after_another(stage):
    """On both sides at once; each is a controller too, so the controller changes as well."""

    def roll(kafka: KafkaCluster) -> None:
        for broker in kafka.brokers:
            broker.stop()
            broker.start()
            kafka.wait_ready(90)

    each(stage.sides, roll)
    stage.catch_up()


def test_in_the_end_both_sides_hold_the_same(stage):
    total = stage.load.finish()
    assert_equal(stage.source, stage.target, TOPIC, f"one.{TOPIC}", total, stage.running)
    assert "exact place is not known" not in stage.running.log
    assert stage.running.stop() == 0
    assert "Traceback" not in stage.running.log


# ---- an unclean leader election: a replica that lagged becomes leader, and what it lacks is gone ----------------------

FIVE = {"batch_num_messages": 5}
LOSSY = {"unclean_leader_election_enable": "true", "min_insync_replicas": "1"}
THREE = {"replication.factor": 3, "offset.storage.replication.factor": 3}


def is_led_by(kafka: KafkaCluster, name: str, node: int) -> bool:
    client = admin(kafka)
    try:
        return client.list_topics(timeout=LIMIT_S).topics[name].partitions[0].leader == node
    except (KafkaException, KeyError):
        return False


def elect_the_one_that_lagged(kafka: KafkaCluster, name: str) -> None:
    """The follower is down already; now the leader dies, and the follower comes back alone."""
    leader, follower = kafka.brokers[:2]
    leader.kill()
    follower.start()
    wait_for(lambda: is_led_by(kafka, name, follower.node_id), time.monotonic() + 60, "the unclean election")


def test_an_unclean_election_on_the_source(clusters, heliograph, one_way, unique):
    source, target = clusters
    make_topic(source, unique, [[1, 2]], **LOSSY)
    write(source, unique, simple_rows(30), **FIVE)
    running = heliograph(one_way(source, target, "unclean", unique, THREE))
    wait_for_rows(target, f"unclean.{unique}", 30)
    source.brokers[1].stop()
    write(source, unique, simple_rows(20, first=30), **FIVE)
    before = wait_for_rows(target, f"unclean.{unique}", 50)
    elect_the_one_that_lagged(source, unique)
    write(source, unique, simple_rows(40, first=1000), **FIVE)
    line = line_with(running, "the source has lost records that had been read")
    assert "offsets=30..49" in line
    assert "goes_on_at=30" in line
    rows = wait_for_rows(target, f"unclean.{unique}", 90)
    assert rows == before + read(source, unique)[30:]
    source.brokers[0].start()
    assert running.stop() == 0


def test_an_unclean_election_on_the_target(clusters, heliograph, one_way, unique):
    source, target = clusters
    copy = f"unclean.{unique}"
    make_topic(source, unique, [[1, 2, 3]])
    make_topic(target, copy, [[1, 2]], **LOSSY)
    write(source, unique, simple_rows(30), **FIVE)
    running = heliograph(one_way(source, target, "unclean", unique, THREE))
    wait_for_rows(target, copy, 30)
    wait_for(lambda: is_led_by(target, copy, 1), time.monotonic() + 60, "the preferred leader")
    target.brokers[1].stop()
    write(source, unique, simple_rows(20, first=30), **FIVE)
    wait_for_rows(target, copy, 50)
    elect_the_one_that_lagged(target, copy)
    write(source, unique, simple_rows(10, first=50), **FIVE)
    line = line_with(running, "the target has lost records that it had acknowledged")
    assert "offsets=30..49" in line
    assert wait_for_rows(target, copy, 60) == read(source, unique)
    target.brokers[0].start()
    assert running.stop() == 0
