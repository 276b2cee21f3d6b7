"""Real Apache Kafka and real MirrorMaker 2 as local processes, for the demo, the tests and the benchmark."""

from heliograph.testbed.broker import Broker
from heliograph.testbed.kafka import KafkaCluster
from heliograph.testbed.mirror_maker import MirrorMaker
from heliograph.testbed.processes import Completed
from heliograph.testbed.proxy import Faults, Proxy
from heliograph.testbed.releases import DEFAULT_VERSION

__all__ = ["DEFAULT_VERSION", "Broker", "Completed", "Faults", "KafkaCluster", "MirrorMaker", "Proxy"]
