"""Real Apache Kafka, MirrorMaker 2 and Kafka Connect as local processes, for the demo, the tests and the benchmark."""

from heliograph.testbed.broker import Broker
from heliograph.testbed.connect_worker import ConnectWorker
from heliograph.testbed.kafka import KafkaCluster
from heliograph.testbed.mirror_maker import MirrorMaker
from heliograph.testbed.processes import Completed
from heliograph.testbed.proxy import Faults, Proxy
from heliograph.testbed.releases import DEFAULT_VERSION

__all__ = ["DEFAULT_VERSION", "Broker", "Completed", "ConnectWorker", "Faults", "KafkaCluster", "MirrorMaker", "Proxy"]
