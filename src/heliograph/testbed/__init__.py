"""Real Apache Kafka and real MirrorMaker 2 as local processes, for the demo, the tests and the benchmark."""

from heliograph.testbed.cluster import DEFAULT_VERSION, KafkaCluster

__all__ = ["DEFAULT_VERSION", "KafkaCluster"]
