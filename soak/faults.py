"""What is broken during a soak: each fault does its harm, waits, and mends it.

A fault never takes away more than the clusters can bear: of three brokers one at a time, so that with acks from all
and two replicas in sync nothing that was acknowledged is lost by the clusters themselves.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import ElectionType
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from heliograph.testbed import KafkaCluster
from heliograph.testbed.broker import Broker
from heliograph.testbed.proxy import HEALTHY, Faults
from team import Team

READY_S = 120.0
ADMIN_S = 30.0


@dataclass(frozen=True, slots=True)
class World:
    """What can be broken."""

    source: KafkaCluster
    target: KafkaCluster
    team: Team
    random: random.Random
    stop: threading.Event
    """Set when the time is over: faults then mend what they broke and return."""

    def wait(self, least_s: float, most_s: float) -> None:
        """Let it be broken for a while."""
        self.stop.wait(self.random.uniform(least_s, most_s))

    def side(self) -> tuple[str, KafkaCluster]:
        """Choose a cluster."""
        return self.random.choice([("source", self.source), ("target", self.target)])

    def sides(self) -> tuple[str, list[KafkaCluster]]:
        """Choose one cluster or both."""
        return self.random.choice(
            [("source", [self.source]), ("target", [self.target]), ("both sides", [self.source, self.target])]
        )


@contextmanager
def _network(clusters: list[KafkaCluster], faults: Faults) -> Iterator[None]:
    proxies = [broker.proxy() for cluster in clusters for broker in cluster.brokers]
    try:
        for proxy in proxies:
            proxy.faults = faults
        yield
    finally:
        for proxy in proxies:
            proxy.faults = HEALTHY


def kill_owner(world: World) -> str:
    """End the process that copies as a crash would; it is started again."""
    world.team.owner().kill()
    world.wait(1, 6)
    world.team.mend()
    return "kill -9 of the process that copies"


def kill_often(world: World) -> str:
    """End it again and again, before it has stored much."""
    times = world.random.randint(3, 6)
    for _ in range(times):
        world.team.owner().kill()
        world.team.mend()
        world.wait(0.2, 3)
    return f"kill -9 of the process that copies, {times} times"


def restart_owner(world: World) -> str:
    """Stop it in order and start it again."""
    world.team.owner().stop()
    world.wait(0.5, 3)
    world.team.mend()
    return "orderly restart of the process that copies"


def freeze_owner(world: World) -> str:
    """Let it stand still for longer than its session, so that the other takes over, and then go on."""
    owner = world.team.owner()
    owner.freeze()
    world.wait(5, 20)
    owner.thaw()
    return "SIGSTOP and SIGCONT of the process that copies"


@contextmanager
def _some_broker(world: World, mend: Callable[[Broker], None]) -> Iterator[tuple[str, Broker]]:
    """Yield a broker to do harm to, and its side; it is mended in the end, and its cluster waited for."""
    name, cluster = world.side()
    broker = world.random.choice(cluster.brokers)
    try:
        yield name, broker
    finally:
        mend(broker)
        cluster.wait_ready(READY_S)


def kill_broker(world: World) -> str:
    """End a broker as a crash would."""
    with _some_broker(world, Broker.launch) as (name, broker):
        broker.kill()
        world.wait(2, 15)
    return f"kill -9 of a broker of the {name}"


def freeze_broker(world: World) -> str:
    """Let a broker stand still."""
    with _some_broker(world, Broker.thaw) as (name, broker):
        broker.freeze()
        world.wait(3, 20)
    return f"SIGSTOP and SIGCONT of a broker of the {name}"


def rolling_restart(world: World) -> str:
    """Restart the brokers of a cluster one after another, in order."""
    name, cluster = world.side()
    for broker in cluster.brokers:
        broker.stop()
        broker.launch()
        cluster.wait_ready(READY_S)
    return f"rolling restart of the {name}"


def cut(world: World) -> str:
    """Cut the line."""
    name, clusters = world.sides()
    with _network(clusters, Faults(cut=True)):
        world.wait(1, 20)
    return f"line to the {name} cut"


def stall(world: World) -> str:
    """Let the line fall silent with open connections."""
    name, clusters = world.sides()
    with _network(clusters, Faults(stalled=True)):
        world.wait(1, 25)
    return f"line to the {name} silent"


def slow(world: World) -> str:
    """Let the line be long and narrow."""
    name, clusters = world.sides()
    delay_ms = world.random.choice([20, 50, 150])
    rate = world.random.choice([None, 300_000, 2_000_000])
    with _network(clusters, Faults(delay_ms=delay_ms, rate_bytes_s=rate)):
        world.wait(3, 15)
    return f"line to the {name} slow ({delay_ms} ms, {rate or 'any'} bytes/s)"


def reset(world: World) -> str:
    """Reset the connections several times."""
    name, clusters = world.sides()
    times = world.random.randint(2, 8)
    for _ in range(times):
        for cluster in clusters:
            for broker in cluster.brokers:
                broker.proxy().reset()
        world.wait(0.05, 2)
    return f"connections to the {name} reset {times} times"


def move_leaders(world: World) -> str:
    """Have leaders elected again, after one broker was away for a moment."""
    name, cluster = world.side()
    broker = world.random.choice(cluster.brokers)
    broker.stop()
    broker.launch()
    cluster.wait_ready(READY_S)
    client = AdminClient(cluster.librdkafka_config())
    client.elect_leaders(ElectionType.PREFERRED, None).result(ADMIN_S)
    return f"leaders of the {name} moved"


def new_topic(world: World) -> str:
    """Make another topic that is to be copied."""
    name = f"soak-extra-{world.random.randrange(10**6)}"
    client = AdminClient(world.source.librdkafka_config())
    client.create_topics([NewTopic(name, 2, 3)])[name].result(ADMIN_S)
    return f"new topic {name}"


def grow_topic(world: World) -> str:
    """Add a partition to a topic."""
    client = AdminClient(world.source.librdkafka_config())
    found = client.list_topics(timeout=ADMIN_S).topics["soak-tiny"]
    total = len(found.partitions) + 1
    if total > 12:
        return "nothing (soak-tiny has partitions enough)"
    client.create_partitions([NewPartitions("soak-tiny", total)])["soak-tiny"].result(ADMIN_S)
    return f"soak-tiny grown to {total} partitions"


FAULTS: tuple[Callable[[World], str], ...] = (
    kill_owner,
    kill_owner,
    kill_often,
    restart_owner,
    freeze_owner,
    kill_broker,
    kill_broker,
    freeze_broker,
    rolling_restart,
    cut,
    cut,
    stall,
    stall,
    slow,
    reset,
    move_leaders,
    new_topic,
    grow_topic,
)
"""Those that stand here twice come twice as often."""
