import zipfile
from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.tools import connection_options, main_class

CONFIG = Path("/c/client.properties")


@pytest.fixture
def class_path(tmp_path: Path) -> list[Path]:
    jar = tmp_path / "kafka-old.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("kafka/admin/TopicCommand.class", b"")
        archive.writestr("org/apache/kafka/tools/GetOffsetShell.class", b"")
        archive.writestr("kafka/tools/GetOffsetShell.class", b"")
    return [jar]


def test_the_newest_class_that_is_there_is_taken(class_path: list[Path]) -> None:
    assert main_class("kafka-topics", class_path) == "kafka.admin.TopicCommand"
    assert main_class("kafka-get-offsets", class_path) == "org.apache.kafka.tools.GetOffsetShell"
    assert main_class("any.Class", class_path) == "any.Class"


def test_what_is_not_there_is_named(class_path: list[Path]) -> None:
    with pytest.raises(HeliographError, match="no tool kafka-coffee"):
        main_class("kafka-coffee", class_path)
    with pytest.raises(HeliographError, match="has no kafka-acls"):
        main_class("kafka-acls", class_path)


@pytest.mark.parametrize(
    ("tool", "version", "options"),
    [
        ("kafka-topics", "4.3.1", "--bootstrap-server b --command-config /c/client.properties"),
        ("kafka-topics", "2.1.0", "--zookeeper z"),
        ("kafka-acls", "1.1.1", "--authorizer-properties zookeeper.connect=z"),
        ("kafka-acls", "2.8.2", "--bootstrap-server b --command-config /c/client.properties"),
        ("kafka-console-producer", "4.3.1", "--bootstrap-server b --command-config /c/client.properties"),
        ("kafka-console-producer", "3.9.1", "--bootstrap-server b --producer.config /c/client.properties"),
        ("kafka-console-producer", "1.1.1", "--broker-list b --producer.config /c/client.properties"),
        ("kafka-get-offsets", "2.8.2", "--broker-list b"),
        ("kafka-producer-perf-test", "3.9.1", "--producer.config /c/client.properties"),
        ("kafka-dump-log", "4.3.1", ""),
    ],
)
def test_each_version_is_told_in_its_own_words(tool: str, version: str, options: str) -> None:
    assert connection_options(tool, KafkaVersion.parse(version), "b", "z", CONFIG) == options.split()
