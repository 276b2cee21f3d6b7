"""Runs the command line as a person does: as a process, and looks for secrets in all that it prints."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fake_cluster import FakeCluster
from fault_injection import fast
from heliograph.cli import app
from heliograph.testbed import KafkaCluster

API_KEY = "k3y-that-nobody-may-see"
LIMIT_S = 120
PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def heliograph() -> Callable[..., Ended]:
    """Run ``heliograph`` with arguments; nothing that it prints may hold the API key or a stack trace."""

    def run(*arguments: str | Path, limit_s: float = LIMIT_S, **environment: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "heliograph.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=limit_s,
            env={**os.environ, "COLUMNS": "100", **environment},
            check=False,
        )
        everything = ended.stdout + ended.stderr
        assert API_KEY not in everything
        assert "Traceback" not in everything
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a properties file of a flow from ``source`` to ``target``."""

    def write_it(source: str, target: str, *lines: str, name: str = "mm2.properties") -> Path:
        path = tmp_path / name
        head = ["clusters=source, target", f"source.bootstrap.servers={source}", f"target.bootstrap.servers={target}"]
        topics = ("checkpoints", "heartbeats", "offset-syncs")
        last = ["heartbeats.replication.enabled=false"]  # other tests' heartbeats are on the same clusters
        ones = ["replication.factor=1", "target.offset.storage.replication.factor=1"]
        ones += [f"{topic}.topic.replication.factor=1" for topic in topics]
        path.write_text("\n".join([*head, "source->target.enabled=true", *ones, *lines, *last, ""]), encoding="latin-1")
        return path

    return write_it


@pytest.fixture(scope="session")
def strict_kafka() -> Iterator[KafkaCluster]:
    """A cluster that asks for TLS and an API key, and where the user ``token`` may do only what ACLs say."""
    with KafkaCluster(listeners=("SASL_SSL",), users={"token": API_KEY}, authorizer=True) as cluster:
        yield cluster


@pytest.fixture
def strict_lines(strict_kafka: KafkaCluster) -> list[str]:
    """What a file says to reach ``strict_kafka`` as target, with the key from the environment."""
    return [
        "target.security.protocol=SASL_SSL",
        "target.ssl.truststore.type=PEM",
        f"target.ssl.truststore.location={strict_kafka.tls.trust.pem}",
        "target.sasl.mechanism=PLAIN",
        f'target.sasl.jaas.config={PLAIN_MODULE} required username="token" password=${{KAFKA_TARGET_APIKEY}};',
    ]


def create_topics(cluster: KafkaCluster, topics: Mapping[str, int], *options: str) -> None:
    """Create topics, given with their numbers of partitions."""
    for name, partitions in topics.items():
        made = cluster.tool("kafka-topics", "--create", "--topic", name, "--partitions", str(partitions), *options)
        assert made.exit_code == 0, made.stderr


@dataclass(frozen=True)
class Plain:
    """Two clusters without security."""

    source: KafkaCluster
    target: KafkaCluster
    write: Callable[..., Path]

    def file(self, *lines: str) -> Path:
        return self.write(self.source.bootstrap(), self.target.bootstrap(), *lines)

    def on_source(self, *options: str, **topics: int) -> None:
        create_topics(self.source, topics, *options)

    def on_target(self, *options: str, **topics: int) -> None:
        create_topics(self.target, topics, *options)


@pytest.fixture
def plain(source_kafka: KafkaCluster, target_kafka: KafkaCluster, write: Callable[..., Path]) -> Plain:
    """The clusters that all tests share, with a file that goes from one to the other."""
    return Plain(source_kafka, target_kafka, write)


@dataclass(frozen=True)
class Strict(Plain):
    """The same, with a target that asks for a key and looks at ACLs."""

    lines: Sequence[str]

    def file(self, *lines: str) -> Path:
        return self.write(self.source.bootstrap(), self.target.bootstrap("SASL_SSL"), *self.lines, *lines)


@pytest.fixture
def strict(
    source_kafka: KafkaCluster, strict_kafka: KafkaCluster, write: Callable[..., Path], strict_lines: list[str]
) -> Strict:
    """A source without security and ``strict_kafka`` as target."""
    return Strict(source_kafka, strict_kafka, write, strict_lines)


@pytest.fixture
def ask_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a command that only looks, on two clusters in memory with four records to copy; return exit code and output.

    ``ask_of_memory("adopt", "--json", target_type=FakeCluster)``; nothing may be created on the target.
    """

    def run(command: str, *options: str, target_type: type[FakeCluster] = FakeCluster) -> tuple[int, str]:
        path = tmp_path / "mm2.properties"
        with FakeCluster("one") as source, target_type("two") as target:
            where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
            path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}one->two.topics=orders\n")
            source.create("orders", 2)
            source.write("orders", [b"value"] * 4)
            source.groups["readers"] = {("orders", 0): (2, "")}
            monkeypatch.setattr(sys, "argv", ["heliograph", command, str(path), *options])
            with pytest.raises(SystemExit) as ended:
                app.main()
            assert not target.topics, "nothing is touched"
        return ended.value.code, capsys.readouterr().out

    return run


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str], str]]:
    """Run a command that tells a flow something, on two clusters in memory; return exit code, lines, and errors."""

    def run(command: str, *options: str, target_type: type[FakeCluster] = FakeCluster) -> tuple[int, list[str], str]:
        path = tmp_path / "mm2.properties"
        with FakeCluster("one") as source, target_type("two") as target:
            where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
            path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}one->two.topics=orders\n")
            source.create("orders", 2)
            monkeypatch.setattr(sys, "argv", ["heliograph", command, str(path), *options])
            with pytest.raises(SystemExit) as ended:
                app.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out.splitlines(), captured.err

    return run
