"""Heliograph beside MirrorMaker 2, a mirror on franz-go and a bare socket relay: ``python benchmarks/run.py``.

Two real clusters of one broker each are started on the loopback address. For every load the source's topic is written
once; then the contenders take turns in copying it to topics of their own, and each copy is checked for completeness,
partition by partition. See README.md beside this file for the method.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console

import contenders
import latency
import loads
import many
import quiet
import relay
import report
from committed import count_committed
from contenders import FRANZ, HELIOGRAPH, MM2, MM2_ONCE, MM2_QUICK, MM2_TUNED, ONCE, Contender, Job, Tls, started
from heliograph.errors import HeliographError
from heliograph.records import kernel_name
from heliograph.testbed import DEFAULT_VERSION, KafkaCluster
from heliograph.testbed.java import find_java
from loads import LOADS, PARTITIONS, SILENT, Load
from measure import Flow, follow, read_off, wait_quiet
from offsets import EndOffsets, end_offsets
from results import LoadResult, Results, this_machine

BROKER_JVM = ("-server", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
LISTENERS = ("PLAINTEXT", "SSL")
"""The benchmark itself uses the first; contenders use the second where the load says so."""
BROKER_PROPERTIES = {
    "num.network.threads": "3",
    "num.io.threads": "4",
    # What a copy leaves behind goes before the next one starts.
    "log.segment.delete.delay.ms": "500",
    "file.delete.delay.ms": "500",
    "log.initial.task.delay.ms": "600000",
}
PARTS = ("flow", "quiet", "latency", "many")
FAILURES = (HeliographError, KafkaException, TimeoutError, ConnectionError)
"""What may go wrong with one measurement while the others go on."""

LIMIT_S = 600.0
WIDTH = 140
"""Of the tables where no terminal says otherwise."""
DEFAULT_MM2_LOADS = ("json-lz4", "raw")
"""The loads that MirrorMaker 2 copies untuned as well, unless all are asked for: it takes its time."""

ONCE_LOADS = ("raw",)
"""The loads that are copied exactly once as well."""
COPIERS = (HELIOGRAPH, ONCE, MM2_TUNED, FRANZ, MM2, MM2_ONCE)
"""Who copies loads, in the order of their turns."""

FRANZ_SOURCES = Path("..") / "shared" / "rivals" / "franz"
WARM_RECORDS = 120_000


@dataclass(slots=True)
class Stage:
    """The two clusters and what is needed to start a contender between them."""

    source: KafkaCluster
    """Holds the loads."""
    target: KafkaCluster
    """Takes the copies."""
    folder: Path
    """For files and logs."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """Number the jobs."""

    def job(self, topics: Iterable[str], codec: str = "none", *, tls: bool = False) -> Job:
        """Describe the next start."""
        clusters = self.source.bootstrap(), self.target.bootstrap()
        secure = Tls(*(each.client_properties("SSL") for each in (self.source, self.target))) if tls else None
        return Job(next(self.numbers), *clusters, tuple(topics), codec, self.folder, secure)

    def clear(self) -> None:
        """Delete all that contenders made, and wait until the brokers are quiet."""
        _delete(self.target.bootstrap(), lambda name: not name.startswith("__"))
        _delete(self.source.bootstrap(), lambda name: name.startswith("mm2-") or "heartbeats" in name)
        wait_quiet([broker.pid for cluster in (self.source, self.target) for broker in cluster.brokers])


def _delete(bootstrap: str, chosen: Callable[[str], bool]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **SILENT})
    names = [name for name in admin.list_topics(timeout=30).topics if chosen(name)]
    for first in range(0, len(names), 50):
        for future in admin.delete_topics(names[first : first + 50], operation_timeout=60).values():
            future.result(90)


def copy_once(stage: Stage, contender: Contender, load: Load) -> Flow:
    """Let one contender copy one load. Raises HeliographError when the copy is not complete."""
    job = stage.job([load.name], load.codec, tls=load.tls)
    places = [(job.copy_of(load.name), partition) for partition in range(PARTITIONS)]
    with EndOffsets(job.target, places) as target:
        with started(contender, job) as running:
            looks, meter = follow(running.process, target.total, load.records, running.started_at_s, LIMIT_S)
            flow = read_off(looks, meter.memory_peak_mb())
            wanted = end_offsets(job.source, [(load.name, partition) for partition in range(PARTITIONS)])
            held = count_committed(job.target, places, wanted) if contender.marks else target.ask()
        if sorted(wanted.items()) != sorted(((load.name, index), end) for (_, index), end in held.items()):
            raise HeliographError(f"{contender.name} copied {load.name} to other partitions than it found it in")
    return flow


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run."""

    parts: tuple[str, ...]
    """Of ``PARTS``."""
    loads: tuple[Load, ...]
    """At the scale asked for."""
    names: tuple[str, ...]
    """Of the contenders."""
    scale: float
    """Share of the full loads."""
    repetitions: dict[str, int]
    """Of each contender and load."""
    everything: bool
    """Whether MirrorMaker 2 runs untuned everywhere as well."""
    times: latency.Times
    """Of the latency part."""
    quiet_s: float
    """How long idling is measured, and the flow over many partitions."""


class Bench:
    """One run: the plan, the stage, the contenders, and the results so far."""

    def __init__(self, plan: Plan, stage: Stage, available: dict[str, Contender], console: Console) -> None:
        """Begin with nothing measured."""
        self._plan = plan
        self._stage = stage
        self._available = available
        self._console = console
        self.results = Results(this_machine(find_java().major, DEFAULT_VERSION, kernel_name), plan.scale)

    def run(self) -> None:
        """Measure all parts of the plan."""
        parts = {"flow": self._flows, "quiet": self._quiet, "latency": self._latency, "many": self._many}
        for name in self._plan.parts:
            parts[name]()

    def _say(self, text: str) -> None:
        self._console.print(f"{time.strftime('%H:%M:%S')}  {text}", markup=False, highlight=False)

    @contextmanager
    def _try(self, what: str) -> Iterator[None]:
        """Let one failure end one measurement, not the run; it is reported."""
        try:
            yield
        except FAILURES as error:
            self._fail(what, error)
        try:
            self._stage.clear()
        except FAILURES as error:
            self._fail(f"clearing away after {what}", error)

    def _fail(self, what: str, error: Exception) -> None:
        self.results.failures.append(f"{what}: {error}")
        self._say(f"FAILED {what}: {error}")

    def _chosen(self, *names: str) -> list[Contender]:
        return [self._available[name] for name in names if name in self._available and name in self._plan.names]

    # -- full topics ---------------------------------------------------------------------------------------------------

    def _flows(self) -> None:
        for load in self._plan.loads:
            with self._try(load.title):
                self._one_load(load)

    def _one_load(self, load: Load) -> None:
        """Write one load, let everybody copy it, and delete it."""
        self._say(f"writing {load.records:,} records: {load.title}")
        loads.fill(self._stage.source.bootstrap(), load)
        found = loads.shape(self._stage.source.brokers[0].data_path, load)
        result = LoadResult(load, found)
        self.results.loads.append(result)
        self._stage.clear()
        for contender in self._turns(load):
            self._one_flow(contender, load, result)
        if contenders.RELAY in self._plan.names:
            result.floor = relay.measure(found.log_bytes, self._stage.folder, tls=load.tls)
        _delete(self._stage.source.bootstrap(), load.name.__eq__)

    def _turns(self, load: Load) -> list[Contender]:
        """Return who copies a load, in turns: everybody's first, everybody's second, ..."""
        able = [each for each in self._chosen(*COPIERS) if load.codec in each.codecs]
        if not self._plan.everything and load.name not in DEFAULT_MM2_LOADS:
            able = [each for each in able if each.name != MM2]
        if load.name not in ONCE_LOADS:
            able = [each for each in able if not each.marks]
        rounds = range(max(self._plan.repetitions.values()))
        return [each for turn in rounds for each in able if turn < self._plan.repetitions[each.name]]

    def _one_flow(self, contender: Contender, load: Load, result: LoadResult) -> None:
        with self._try(f"{contender.name} on {load.title}"):
            flow = copy_once(self._stage, contender, load)
            result.flows.setdefault(contender.name, []).append(flow)
            self._say(
                f"  {contender.name:<11} {flow.cpu_s:6.2f} CPU s, {flow.wall_s:6.2f} s, {flow.memory_mb:5.0f} MB; "
                f"first record after {flow.start_s:.1f} s and {flow.start_cpu_s:.1f} CPU s"
            )

    # -- the other parts -----------------------------------------------------------------------------------------------

    def _quiet(self) -> None:
        quiet.prepare(self._stage.job([quiet.TOPIC]))
        untuned = [MM2] if self._plan.everything else []
        for contender in self._chosen(HELIOGRAPH, MM2_TUNED, *untuned):
            self._say(f"start and idle: {contender.name}")
            with self._try(f"start and idle of {contender.name}"):
                job = self._stage.job([quiet.TOPIC])
                self.results.quiet[contender.name] = quiet.measure(contender, job, self._plan.quiet_s)
                self._say(f"  {report.brief(self.results.quiet[contender.name])}")

    def _latency(self) -> None:
        latency.prepare(self._stage.source.bootstrap())
        for contender in [None, *self._chosen(HELIOGRAPH, ONCE, MM2_QUICK, MM2, MM2_ONCE)]:
            name = contender.name if contender else "direct"
            self._say(f"latency: {name}")
            with self._try(f"latency of {name}"):
                job = self._stage.job([latency.TOPIC])
                self.results.latency[name] = latency.measure(contender, job, self._plan.times)
                self._say(f"  {report.brief(self.results.latency[name])}")

    def _many(self) -> None:
        self._say("200 topics: making them")
        many.prepare(self._stage.job([]))
        for contender in self._chosen(HELIOGRAPH, MM2_TUNED):
            self._say(f"200 topics: {contender.name}")
            with self._try(f"200 topics with {contender.name}"):
                job = self._stage.job(["many-.*"])
                self.results.many[contender.name] = many.measure(contender, job, self._plan.quiet_s)
                self._say(f"  {report.brief(self.results.many[contender.name])}")
        many.remove(self._stage.source.bootstrap())


def warm(stage: Stage, available: dict[str, Contender], names: Iterable[str]) -> None:
    """Let the brokers' JVMs compile what the first contender would otherwise pay for in wall time."""
    load = Load("warm", "warm-up", WARM_RECORDS, 200, 10, "none", "random")
    loads.fill(stage.source.bootstrap(), load)
    loads.fill(stage.target.bootstrap(), load)
    for name in names:
        if name in available:
            copy_once(stage, available[name], load)
    _delete(stage.source.bootstrap(), load.name.__eq__)
    stage.clear()


def parse(arguments: list[str]) -> tuple[argparse.Namespace, Plan]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full loads (default 1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument(
        "--everything", action="store_true", help="MirrorMaker 2 untuned everywhere as well, and tuned twice"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--loads", nargs="+", choices=[load.name for load in LOADS])
    names = (HELIOGRAPH, ONCE, MM2_TUNED, MM2_QUICK, MM2, MM2_ONCE, FRANZ, contenders.RELAY)
    parser.add_argument("--contenders", nargs="+", choices=names, default=names)
    parser.add_argument("--franz", type=Path, help="folder of the mirror on franz-go (default: beside the checkout)")
    parser.add_argument("--json", type=Path, help="write all measurements to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--keep-logs", type=Path, help="folder for the contenders' logs and configurations")
    told = parser.parse_args(arguments)
    scale = 0.1 if told.quick else told.scale
    tuned = 2 if told.everything else 1
    plan = Plan(
        parts=tuple(part for part in PARTS if part in told.parts),
        loads=tuple(load.scaled(scale) for load in LOADS if not told.loads or load.name in told.loads),
        names=tuple(told.contenders),
        scale=scale,
        repetitions={HELIOGRAPH: 3, ONCE: 3, FRANZ: 2, MM2_TUNED: tuned, MM2: 1, MM2_ONCE: 1},
        everything=told.everything,
        times=latency.Times(10.0, 5.0) if told.quick else latency.Times(60.0, 20.0),
        quiet_s=10.0 if told.quick else 30.0,
    )
    return told, plan


def find_contenders(told: argparse.Namespace, folder: Path, console: Console) -> dict[str, Contender]:
    """Return everybody who can be run here."""
    sources = told.franz or Path(__file__).resolve().parent.parent / FRANZ_SOURCES
    ours = {HELIOGRAPH: contenders.heliograph(), ONCE: contenders.exactly_once()}
    available = {**ours, **contenders.mirror_maker(DEFAULT_VERSION)}
    rival = contenders.franz(sources.resolve(), folder) if FRANZ in told.contenders else None
    if rival:
        available[FRANZ] = rival
    elif FRANZ in told.contenders:
        console.print("franz-go is left out: Go or the folder of its mirror is missing", style="yellow")
    return available


def main(arguments: list[str]) -> int:
    """Run the benchmark; the exit code says whether everything could be measured, not who won."""
    told, plan = parse(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    busy = os.getloadavg()[0]
    with ExitStack() as stack:
        if told.keep_logs:
            told.keep_logs.mkdir(parents=True, exist_ok=True)
        folder = told.keep_logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heliograph-bench-")))
        available = find_contenders(told, folder.resolve(), console)
        source, target = (
            stack.enter_context(KafkaCluster(listeners=LISTENERS, jvm_options=BROKER_JVM, properties=BROKER_PROPERTIES))
            for _ in range(2)
        )
        stage = Stage(source, target, folder.resolve())
        bench = Bench(plan, stage, available, console)
        bench.results.busy_before = busy
        try:
            warm(stage, available, [name for name in (FRANZ, HELIOGRAPH) if name in plan.names])
            bench.run()
        except KeyboardInterrupt:
            console.print("stopped; this is what was measured so far")
        finally:
            report.show(bench.results, console)
            if told.json:
                report.write_json(bench.results, told.json)
            if told.markdown:
                told.markdown.write_text(report.markdown(bench.results))
    return 1 if bench.results.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HeliographError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
