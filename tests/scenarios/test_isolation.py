"""Several flows in one process, of which one is broken: the others go on as if they were alone (A36)."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from arrivals import Arrivals
from plain_client import create_topic, wait_for_rows
from steady_load import Load, assert_equal

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

RATE_S = 2_000
PARTITIONS = 3
SPARE_S = 4.0
"""By so much the healthy flow may be silent for longer than alone: other tests run beside. What couples flows would
show as request time-outs and back-offs of many seconds."""
ANSWER_S = 2.0
USER = "mirror"


@pytest.fixture(scope="module")
def cold() -> Iterator[KafkaCluster]:
    """A cluster to be frozen."""
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def strict() -> Iterator[KafkaCluster]:
    """A cluster where the user may do nothing."""
    with KafkaCluster(listeners=("SASL_PLAINTEXT",), users={USER: "secret"}, authorizer=True) as cluster:
        yield cluster


@contextmanager
def frozen(cluster: KafkaCluster) -> Iterator[None]:
    cluster.brokers[0].freeze()
    try:
        yield
    finally:
        cluster.brokers[0].thaw()


class Measure:
    """Runs a healthy flow, alone and beside others, and says for how long its partitions were silent."""

    def __init__(
        self, source: KafkaCluster, target: KafkaCluster, heliograph: Callable, alias: str, topic: str, port: int
    ) -> None:
        self.source, self.target, self.alias, self.topic = source, target, alias, topic
        self.copy = f"{alias}.{topic}"
        self.port = port
        self._start = heliograph

    def file(self, *lines: str) -> str:
        """Return a file with the healthy flow, and ``lines``."""
        return "\n".join(
            [
                f"clusters = {self.alias}, target, other",
                f"{self.alias}.bootstrap.servers = {self.source.bootstrap()}",
                f"target.bootstrap.servers = {self.target.bootstrap()}",
                f"{self.alias}->target.enabled = true",
                f"{self.alias}->target.topics = {self.topic}",
                f"heliograph.http.listener = 127.0.0.1:{self.port}",
                "replication.factor = 1",
                "offset.storage.replication.factor = 1",
                "offset.storage.partitions = 5",
                "checkpoints.topic.replication.factor = 1",
                "offset-syncs.topic.replication.factor = 1",
                "emit.heartbeats.enabled = false",
                "heartbeats.replication.enabled = false",
                "refresh.topics.interval.seconds = 1",
                *lines,
                "",
            ]
        )

    def silence_s(self, load: Load, until: Callable[[], bool], more: int) -> float:
        """Return the longest silence of a partition from now until something is so and ``more`` records are written."""
        with Arrivals(self.target, self.copy, PARTITIONS) as arrivals:
            begun = time.monotonic()
            load.wait_for(more)
            deadline = time.monotonic() + 60
            while not until():
                assert time.monotonic() < deadline, "what is broken is not told"
                time.sleep(0.1)
            load.wait_for(more)
            return arrivals.silence_s(begun)

    def causes(self, flow: str) -> list[str]:
        """Return the kinds of causes for which a flow is degraded, by ``/status``, which answers soon."""
        begun = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            view = json.load(answer)
        assert time.monotonic() - begun < ANSWER_S
        return [cause["kind"] for each in view["flows"] if each["name"] == flow for cause in each["degraded"]]

    def goes_on(self, properties: str, flow: str, cause: str, trouble: AbstractContextManager[None]) -> None:
        """Assert that the healthy flow does as well as alone while ``flow`` is in ``trouble``, for this ``cause``."""
        create_topic(self.source, self.topic, PARTITIONS)
        with Load(self.source, self.topic, partitions=PARTITIONS, rate_s=RATE_S) as load:
            process = self._start(self.file())
            process.wait_for(f"{self.alias}->target  running")
            wait_for_rows(self.target, self.copy, 100)
            alone = self.silence_s(load, lambda: True, 4 * RATE_S)
            assert process.stop() == 0
            process = self._start(properties)
            process.wait_for(f"{self.alias}->target  running")
            load.wait_for(2 * RATE_S)
            with trouble:
                beside = self.silence_s(load, lambda: self.causes(flow) == [cause], 4 * RATE_S)
            assert beside < alone + SPARE_S, process.log
            assert self.causes(f"{self.alias}->target") == []
            total = load.finish()
            assert_equal(self.source, self.target, self.topic, self.copy, total, process)
        assert process.stop() == 0
        healthy = [line for line in process.log.splitlines() if f" {self.alias}->target " in line]
        assert not [line for line in healthy if " WARNING " in line or " ERROR " in line]


@pytest.fixture
def measure(source_kafka, target_kafka, heliograph, unique, port) -> Measure:
    alias = unique[-8:].strip("-")
    return Measure(source_kafka, target_kafka, heliograph, alias, f"{unique}-well", port)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_frozen_broker(measure, cold, unique, side):
    flow, origin = ("other->target", cold) if side == "source" else (f"{measure.alias}->other", measure.source)
    topic = f"{unique}-ill"
    create_topic(origin, topic, PARTITIONS)
    properties = measure.file(
        f"other.bootstrap.servers = {cold.bootstrap()}",
        "other.consumer.request.timeout.ms = 5000",
        f"{flow}.enabled = true",
        f"{flow}.topics = {topic}",
    )
    with Load(origin, topic, partitions=PARTITIONS, rate_s=RATE_S):
        measure.goes_on(properties, flow, "cluster" if side == "source" else "flow", frozen(cold))


def test_one_without_permissions(measure, strict):
    flow = f"{measure.alias}->other"
    reach = strict.client_properties("SASL_PLAINTEXT", USER)
    lines = [f"other.{key} = {value}" for key, value in reach.items()]
    address = f"other.bootstrap.servers = {strict.bootstrap('SASL_PLAINTEXT')}"
    properties = measure.file(address, *lines, f"{flow}.enabled = true", f"{flow}.topics = {measure.topic}")
    measure.goes_on(properties, flow, "flow", nullcontext())


def test_one_over_its_quota(measure, unique):
    flow, topic, name = f"{measure.alias}->other", f"{unique}-ill", f"slow-{measure.alias}"
    create_topic(measure.source, topic, PARTITIONS)
    quota = ["--add-config", f"producer_byte_rate={20_000}", "--entity-type", "clients", "--entity-name", name]
    set_quota = measure.target.tool("kafka-configs", "--alter", *quota)
    assert set_quota.exit_code == 0, set_quota.stderr
    properties = measure.file(  # to the very broker that the healthy flow writes to
        f"other.bootstrap.servers = {measure.target.bootstrap()}",
        f"other.client.id = {name}",
        f"other.group.id = {name}",
        f"{flow}.enabled = true",
        f"{flow}.topics = {topic}",
    )
    with Load(measure.source, topic, partitions=PARTITIONS, rate_s=RATE_S):
        measure.goes_on(properties, flow, "quota", nullcontext())
