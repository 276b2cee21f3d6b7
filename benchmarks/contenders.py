"""Who is measured, and how each is started.

Every start gets cluster aliases of its own (``s7`` and ``t7``), so that topics, internal topics and group ids are new
each time and nobody continues another's work.

* **heliograph**: ``heliograph run FILE``, with a file that says nothing but what to copy. No tuning.
* **exactly once**: the same with ``exactly.once.source.support=enabled``.
* **mm2 once**: tuned MirrorMaker 2 with the same.
* **mm2**: MirrorMaker 2 of the same Kafka version, with the same file and the JVM options of its own start script.
* **mm2 tuned**: what a careful operator sets for throughput. See ``TUNED``. Options that give up safety are left
  alone: ``acks=all`` stays, and so do the checksums.
* **mm2 quick**: the same JVM, but ``linger.ms=0``: the best that it can do for latency.
* **franz-go**: a mirror of the data path alone on the Go client franz-go, built from a folder beside the checkout.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.processes import GuardedProcess, run_to_end
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import LOGGING, JavaProgram

SCRIPT_JVM = (
    *("-Xms256M", "-Xmx2G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)
"""What ``connect-mirror-maker.sh`` and ``kafka-run-class.sh`` pass."""

TUNED_JVM = ("-Xms2g", "-Xmx2g", "-server", "-XX:+UseParallelGC")
"""All the heap at once and the collector that costs the least CPU."""

STOP_LIMIT_S = 40.0
TRUSTED = "ssl.truststore.location"
FRANZ_TLS = Path(__file__).with_name("franz") / "dial.go"
BUILD_LIMIT_S = 600.0

TUNED = {
    # One task a core: more only add clients and threads.
    "tasks.max": "2",
    "target->source.emit.heartbeats.enabled": "false",
    # Finds plug-ins by their manifests: reading every class of every jar costs seconds of CPU at the start.
    "target.plugin.discovery": "service_load",
    "source.consumer.fetch.max.bytes": "52428800",
    "source.consumer.max.partition.fetch.bytes": "8388608",
    "source.consumer.max.poll.records": "20000",
    "source.consumer.receive.buffer.bytes": "2097152",
    "target.producer.batch.size": "1000000",
    "target.producer.linger.ms": "50",
    "target.producer.buffer.memory": "134217728",
    "target.producer.max.request.size": "10485760",
    "target.producer.send.buffer.bytes": "2097152",
    "target.producer.max.in.flight.requests.per.connection": "5",
    "target.producer.enable.idempotence": "true",
    "offset.flush.interval.ms": "60000",
}
"""MirrorMaker 2 for throughput; ``source`` and ``target`` stand for the aliases. The codec is that of the load."""

QUICK = {
    "tasks.max": "2",
    "target->source.emit.heartbeats.enabled": "false",
    "target.plugin.discovery": "service_load",
    "target.producer.linger.ms": "0",
}
"""MirrorMaker 2 for latency."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How both clusters are reached over TLS."""

    source: dict[str, str]
    """Properties of a Java client of the source cluster, PEM truststore included."""
    target: dict[str, str]
    """The same for the target cluster."""

    def properties(self) -> dict[str, str]:
        """Return the properties of a mirror's file."""
        sides = {"source": self.source, "target": self.target}
        return {f"{side}.{key}": value for side, told in sides.items() for key, value in told.items()}


@dataclass(frozen=True, slots=True)
class Job:
    """One start of one contender."""

    number: int
    """Counts up; makes the aliases."""
    source: str
    """Bootstrap of the source cluster."""
    target: str
    """Bootstrap of the target cluster."""
    topics: tuple[str, ...]
    """Names of the topics to copy."""
    codec: str
    """The codec of the topics."""
    folder: Path
    """Takes files and logs."""
    tls: Tls | None = None
    """How the contender reaches the clusters, if not in plain text; the benchmark itself never uses it."""

    @property
    def source_alias(self) -> str:
        """The source's name in this job."""
        return f"s{self.number}"

    @property
    def target_alias(self) -> str:
        """The target's name in this job."""
        return f"t{self.number}"

    def copy_of(self, topic: str) -> str:
        """Return the name of a topic's copy."""
        return f"{self.source_alias}.{topic}"


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that copies topics."""

    name: str
    """What the reports call it."""
    command: Callable[[Job], list[str]]
    """How it is started."""
    codecs: frozenset[str]
    """The codecs that it can write."""
    settle_s: float
    """How long it needs to be warm and quiet after the first records."""
    marks: bool = False
    """It writes transactions, whose markers take offsets on the target too."""


EVERY_CODEC = frozenset({"none", "gzip", "snappy", "lz4", "zstd"})

ONCE, MM2_ONCE = "exactly once", "mm2 once"
HELIOGRAPH, MM2, MM2_TUNED, MM2_QUICK, FRANZ, RELAY = "heliograph", "mm2", "mm2 tuned", "mm2 quick", "franz-go", "relay"


def write_file(job: Job, extra: dict[str, str] | None = None) -> Path:
    """Write a properties file as MirrorMaker 2 and Heliograph read it; the aliases are put in."""
    topics = ",".join(job.topics)
    told = {
        "clusters": "source,target",
        "source.bootstrap.servers": job.source,
        "target.bootstrap.servers": job.target,
        "source->target.enabled": "true",
        "source->target.topics": topics,
        "sync.topic.acls.enabled": "false",
        "replication.factor": "1",
        "checkpoints.topic.replication.factor": "1",
        "heartbeats.topic.replication.factor": "1",
        "offset-syncs.topic.replication.factor": "1",
        "offset.storage.replication.factor": "1",
        "status.storage.replication.factor": "1",
        "config.storage.replication.factor": "1",
        **(job.tls.properties() if job.tls else {}),
        **(extra or {}),
    }
    path = job.folder / f"mirror-{job.number}.properties"
    path.write_text("".join(f"{_with_aliases(key, job)} = {value}\n" for key, value in _clusters(told, job).items()))
    return path


def _clusters(told: dict[str, str], job: Job) -> dict[str, str]:
    return {**told, "clusters": f"{job.source_alias},{job.target_alias}"}


def _with_aliases(key: str, job: Job) -> str:
    """Put the aliases in the place of a key's first word, or first two."""
    head, dot, rest = key.partition(".")
    words = [{"source": job.source_alias, "target": job.target_alias}.get(word, word) for word in head.split("->")]
    return "->".join(words) + dot + rest


def heliograph() -> Contender:
    """Return this project, as its users start it."""
    program = Path(sys.executable).with_name("heliograph")
    return Contender(HELIOGRAPH, lambda job: [str(program), "run", str(write_file(job))], EVERY_CODEC, 10.0)


def exactly_once() -> Contender:
    """Return this project with transactions."""
    program = Path(sys.executable).with_name("heliograph")
    extra = {"target.exactly.once.source.support": "enabled"}

    def command(job: Job) -> list[str]:
        return [str(program), "run", str(write_file(job, extra))]

    return Contender(ONCE, command, EVERY_CODEC, 10.0, marks=True)


def mirror_maker(version: str) -> dict[str, Contender]:
    """Return MirrorMaker 2 in its settings."""
    jars = tuple(class_path(KafkaVersion.parse(version)))
    java = find_java()

    def command(job: Job, jvm_options: tuple[str, ...], extra: dict[str, str]) -> list[str]:
        program = JavaProgram(java, jars, (*jvm_options, *LOGGING))
        return program.command("org.apache.kafka.connect.mirror.MirrorMaker", str(write_file(job, extra)))

    def codec(job: Job) -> dict[str, str]:
        return {"target.producer.compression.type": job.codec}

    once = {
        **TUNED,
        "target.exactly.once.source.support": "enabled",
        "source.consumer.isolation.level": "read_committed",
    }

    def tuned_once(job: Job) -> list[str]:
        return command(job, TUNED_JVM, {**once, **codec(job)})

    return {
        each.name: each
        for each in (
            Contender(MM2_ONCE, tuned_once, EVERY_CODEC, 30.0, marks=True),
            Contender(MM2, lambda job: command(job, SCRIPT_JVM, codec(job)), EVERY_CODEC, 30.0),
            Contender(MM2_TUNED, lambda job: command(job, TUNED_JVM, {**TUNED, **codec(job)}), EVERY_CODEC, 30.0),
            Contender(MM2_QUICK, lambda job: command(job, TUNED_JVM, {**QUICK, **codec(job)}), EVERY_CODEC, 30.0),
        )
    }


def franz(sources: Path, folder: Path) -> Contender | None:
    """Build the mirror on franz-go into ``folder``; None where Go or its sources are missing."""
    go = shutil.which("go")
    if go is None or not (sources / "go.mod").is_file():
        return None
    program = folder / "franzmirror"
    building = folder / "franz"
    shutil.copytree(sources, building, dirs_exist_ok=True)
    shutil.copy(FRANZ_TLS, building)
    _give_tls(building / "main.go")
    built = run_to_end([go, "build", "-o", str(program), "."], folder=building, timeout_s=BUILD_LIMIT_S)
    if built.exit_code:
        raise HeliographError(f"The mirror on franz-go cannot be built: {built.stderr.strip()[-300:]}")

    def command(job: Job) -> list[str]:
        clusters = ["-source", job.source, "-target", job.target]
        prefix = ["-topics", ",".join(job.topics), "-prefix", f"{job.source_alias}."]
        if job.tls is None:
            return [str(program), *clusters, *prefix, "-codec", job.codec]
        source, target = job.tls.source, job.tls.target
        clusters = ["-source", source["bootstrap.servers"], "-target", target["bootstrap.servers"]]
        authorities = ["-source-ca", source[TRUSTED], "-target-ca", target[TRUSTED]]
        return [str(program), *clusters, *authorities, *prefix, "-codec", job.codec]

    return Contender(FRANZ, command, EVERY_CODEC - {"gzip"}, 10.0)


def _give_tls(path: Path) -> None:
    """Let the mirror's clients connect as ``franz/dial.go`` says. Raises HeliographError for other sources."""
    text = path.read_text()
    for side in ("source", "target"):
        seeds = f'kgo.SeedBrokers(strings.Split(*{side}, ",")...)'
        if seeds not in text:
            raise HeliographError(f"The mirror on franz-go does not connect to its {side} in the known way")
        text = text.replace(seeds, f"{seeds}, dialing(*{side}CA)")
    path.write_text(text)


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that was started."""

    process: GuardedProcess
    """The process; ``pid`` is its own, not that of a wrapper."""
    started_at_s: float
    """By the monotonic clock, just before it was started."""
    log_path: Path
    """All that it printed."""

    def stop(self) -> None:
        """Ask it to end in order, and wait; after a while, kill."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except TimeoutError:
            self.process.kill()


@contextmanager
def started(contender: Contender, job: Job) -> Iterator[Running]:
    """Start a contender; leaving the block kills it. An error says what stands last in its log."""
    command = contender.command(job)
    log_path = job.folder / f"{contender.name.replace(' ', '-')}-{job.number}-{time.monotonic_ns()}.log"
    with log_path.open("wb") as log:
        started_at_s = time.monotonic()
        try:
            with GuardedProcess(command, folder=job.folder, output=log) as process:
                yield Running(process, started_at_s, log_path)
        except HeliographError as error:
            said = log_path.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise HeliographError(f"{error.message}; its log's last line: {said[0][-300:]}") from error
