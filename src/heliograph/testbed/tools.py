"""Apache's own command-line tools by the names of their scripts.

Most tools moved from Kafka's Scala core to Java packages over time; the class is looked up in the jars of the version
at hand, newest place first, so that no table of versions is needed.
"""

import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.releases import KafkaVersion

TOOL_LIMIT_S = 120.0
"""The longest wait for a tool, unless the caller says otherwise."""

QUIET_TOOLS = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
"""Tools print their result; their log would hide it."""

TOOLS = {
    "kafka-acls": ("org.apache.kafka.tools.AclCommand", "kafka.admin.AclCommand"),
    "kafka-broker-api-versions": (
        "org.apache.kafka.tools.BrokerApiVersionsCommand",
        "kafka.admin.BrokerApiVersionsCommand",
    ),
    "kafka-configs": ("org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand"),
    "kafka-console-consumer": (
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "kafka.tools.ConsoleConsumer",
    ),
    "kafka-console-producer": ("org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"),
    "kafka-consumer-groups": (
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "kafka.admin.ConsumerGroupCommand",
    ),
    "kafka-delete-records": ("org.apache.kafka.tools.DeleteRecordsCommand", "kafka.admin.DeleteRecordsCommand"),
    "kafka-dump-log": ("org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"),
    "kafka-features": ("org.apache.kafka.tools.FeatureCommand", "kafka.admin.FeatureCommand"),
    "kafka-get-offsets": ("org.apache.kafka.tools.GetOffsetShell", "kafka.tools.GetOffsetShell"),
    "kafka-leader-election": (
        "org.apache.kafka.tools.LeaderElectionCommand",
        "kafka.admin.LeaderElectionCommand",
    ),
    "kafka-producer-perf-test": ("org.apache.kafka.tools.ProducerPerformance",),
    "kafka-consumer-perf-test": ("org.apache.kafka.tools.ConsumerPerformance", "kafka.tools.ConsumerPerformance"),
    "kafka-reassign-partitions": (
        "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
        "kafka.admin.ReassignPartitionsCommand",
    ),
    "kafka-storage": ("org.apache.kafka.tools.StorageTool", "kafka.tools.StorageTool"),
    "kafka-topics": ("org.apache.kafka.tools.TopicCommand", "kafka.admin.TopicCommand"),
    "kafka-transactions": ("org.apache.kafka.tools.TransactionsCommand",),
    "kafka-verifiable-consumer": ("org.apache.kafka.tools.VerifiableConsumer",),
    "kafka-verifiable-producer": ("org.apache.kafka.tools.VerifiableProducer",),
}
"""Each tool and the classes that it has been, newest first."""

OLD_CONFIG_OPTION = {
    "kafka-console-consumer": "--consumer.config",
    "kafka-console-producer": "--producer.config",
    "kafka-producer-perf-test": "--producer.config",
    "kafka-consumer-perf-test": "--consumer.config",
    "kafka-verifiable-consumer": "--consumer.config",
    "kafka-verifiable-producer": "--producer.config",
    "kafka-leader-election": "--admin.config",
}
"""The tools that did not call the file of client properties ``--command-config`` before 4.2 (KIP-1147)."""

ZOOKEEPER_UNTIL = {"kafka-topics": (2, 2), "kafka-configs": (2, 6), "kafka-acls": (2, 1)}
"""The tools that spoke with ZooKeeper before these versions (KIP-377, KIP-543, KIP-332)."""

BROKER_LIST_UNTIL = {"kafka-console-producer": (2, 5), "kafka-get-offsets": (3, 0), "kafka-verifiable-producer": (2, 5)}
"""The tools that called ``--bootstrap-server`` otherwise before these versions (KIP-499, KIP-635)."""

OFFLINE = frozenset({"kafka-dump-log", "kafka-storage"})
"""The tools that ask no broker."""


def main_class(name: str, class_path: Iterable[Path]) -> str:
    """Return the class behind a tool's name; a name with a dot is a class already. Raises HeliographError."""
    if "." in name:
        return name
    if name not in TOOLS:
        raise HeliographError(f"The testbed knows no tool {name}", remedy="Give the full name of its class")
    there = classes(tuple(jar for jar in class_path if jar.name.startswith("kafka")))
    for candidate in TOOLS[name]:
        if candidate in there:
            return candidate
    raise HeliographError(f"This version of Kafka has no {name}", remedy="Use a newer version")


@cache
def classes(jars: tuple[Path, ...]) -> frozenset[str]:
    """Return the names of all classes in some jars."""
    found: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            names = (name for name in archive.namelist() if name.endswith(".class"))
            found.update(name.removesuffix(".class").replace("/", ".") for name in names)
    return frozenset(found)


def connection_options(
    name: str, version: KafkaVersion, bootstrap: str, zookeeper: str | None, config_file: Path
) -> list[str]:
    """Return how a tool is told where the cluster is and how to connect."""
    now = (version.major, version.minor)
    if name in OFFLINE:
        return []
    if zookeeper and now < ZOOKEEPER_UNTIL.get(name, (0, 0)):
        if name == "kafka-acls":
            return ["--authorizer-properties", f"zookeeper.connect={zookeeper}"]
        return ["--zookeeper", zookeeper]
    option = "--broker-list" if now < BROKER_LIST_UNTIL.get(name, (0, 0)) else "--bootstrap-server"
    if name == "kafka-get-offsets" and option == "--broker-list":
        return [option, bootstrap]
    config = "--command-config" if now >= (4, 2) else OLD_CONFIG_OPTION.get(name, "--command-config")
    if name == "kafka-producer-perf-test" and now < (4, 2):
        # It knew no option for the servers; the file names them.
        return [config, str(config_file)]
    return [option, bootstrap, config, str(config_file)]
