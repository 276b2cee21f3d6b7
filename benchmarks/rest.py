"""Kafka Connect's REST API while records flow: ``python benchmarks/rest.py``.

A flow with very many partitions copies a full topic from its beginning, with a client that asks and without, in turns:
how long does an answer take, and how much slower is the copy? Beside it the same client asks a server that has nothing
to do, ``bare_http.py``: so long the machine makes anybody wait. Then, with nothing to copy: how long does the expanded
status of all partitions take, and how much memory does the API cost?
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Self
from urllib.parse import quote

import psutil
from rich.console import Console

import contenders
from contenders import Contender, Job, Running, started, write_file
from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster
from heliograph.testbed.ports import Ports
from link import BROKER_PROPERTIES, VALUE_BYTES, delete, fill
from link import PARTITIONS as FULL
from loads import make_topics
from many_workers import BROKER_JVM
from offsets import EndOffsets, Partition

FORGETFUL = {"log.initial.task.delay.ms": "1000", "log.segment.delete.delay.ms": "1000"}
"""What is deleted goes at once: each partition holds two memory maps of the broker, and a process may have 65,530."""
FULL_TOPIC = "many"
IDLE = "idle"
PARTITIONS = 10
START_LIMIT_S = 240.0
COPY_LIMIT_S = 120.0
LOOK_S = 0.01
PAUSE_S = 0.02
"""Between two questions of the client."""
SETTLE_S = 10.0
COPIED_FIRST = 0.7
"""Of the records, at most, before all partitions run."""
BARE = "/bare"
ASKED = 100
"""Times that a path is asked for, with nothing to copy."""


@dataclass
class Asker(AbstractContextManager["Asker"]):
    """One client that asks for one path after the other on one connection."""

    port: int
    paths: tuple[str, ...]
    took_ms: dict[str, list[float]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def ask(self, connection: http.client.HTTPConnection, path: str) -> float:
        """Ask once; returns milliseconds."""
        begun_s = time.monotonic()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise HeliographError(f"GET {path} was answered with {answer.status}")
        return (time.monotonic() - begun_s) * 1e3

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        number = 0
        while not self._stopping.wait(PAUSE_S):
            path = self.paths[number % len(self.paths)]
            self.took_ms.setdefault(path, []).append(self.ask(connection, path))
            number += 1
        connection.close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(60)


def paths_of(job: Job) -> tuple[str, ...]:
    """Return what a dashboard or an operator asks for."""
    one = quote(f"{job.source_alias}->{job.target_alias}.MirrorSourceConnector", safe="")
    rest = ("", "/status", "/config", "/tasks", "/topics", "/offsets")
    return ("/connectors", "/connectors?expand=status", *(f"/connectors/{one}{each}" for each in rest))


def serving(port: int | None) -> Contender:
    """Return Heliograph with the API on ``port``; None: without it."""
    extra = {} if port is None else {"listeners": f"http://127.0.0.1:{port}"}
    program = Path(sys.executable).with_name("heliograph")
    return Contender(
        "rest", lambda job: [str(program), "run", str(write_file(job, extra))], contenders.EVERY_CODEC, SETTLE_S
    )


def wait_for(running: Running, words: str, limit_s: float) -> None:
    """Wait until its log says so."""
    deadline_s = time.monotonic() + limit_s
    while words not in running.log_path.read_text(errors="replace"):
        if time.monotonic() > deadline_s:
            raise HeliographError(f"It did not say {words!r} within {limit_s:g} s")
        time.sleep(LOOK_S)


@contextmanager
def bare_server(port: int) -> Iterator[None]:
    """Run a server that has nothing to do."""
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("bare_http.py")), str(port)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def copied_s(job: Job, port: int, bare: int, records: int, *, asks: bool) -> tuple[float, dict[str, list[float]]]:
    """Return how long the full topic takes once all partitions run, and what the client has seen."""
    copies: list[Partition] = [(job.copy_of(FULL_TOPIC), number) for number in range(FULL[FULL_TOPIC])]
    asker, control = Asker(port, paths_of(job)), Asker(bare, (BARE,))
    with started(serving(port), job) as running, EndOffsets(job.target, copies) as target, ExitStack() as stack:
        wait_for(running, "running  topics=", START_LIMIT_S)
        begun_s, first = time.monotonic(), target.total()
        if first > COPIED_FIRST * records:
            raise HeliographError(f"{first} records were copied before all partitions ran: take more")
        stack.enter_context(control)
        if asks:
            stack.enter_context(asker)
        deadline_s = begun_s + COPY_LIMIT_S
        while (there := target.total()) < records:
            if time.monotonic() > deadline_s:
                raise HeliographError(f"Only {there} records of {records} were copied")
            time.sleep(LOOK_S)
        wall_s = time.monotonic() - begun_s
    return wall_s * records / (records - first), asker.took_ms | (control.took_ms if asks else {})


def percentile(took: list[float], share: float) -> float:
    """Return the value below which so many lie."""
    return sorted(took)[min(len(took) - 1, int(len(took) * share))]


def run(console: Console, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Measure everything; gives the results one by one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rest-")))
        ports = stack.enter_context(Ports())
        source, target = (
            stack.enter_context(KafkaCluster(jvm_options=BROKER_JVM, properties={**BROKER_PROPERTIES, **FORGETFUL}))
            for _ in range(2)
        )
        console.print("filling")
        fill(source.bootstrap(), FULL_TOPIC, FULL[FULL_TOPIC], options.records)
        make_topics(source.bootstrap(), {f"{IDLE}-{number:04}": PARTITIONS for number in range(options.topics)})
        keep = ()
        number = 0
        bare = ports.take()
        stack.enter_context(bare_server(bare))

        def job(*topics: str) -> Job:
            return Job(number, source.bootstrap(), target.bootstrap(), topics, "none", folder)

        walls: dict[bool, list[float]] = {False: [], True: []}
        took: dict[str, list[float]] = {}
        for turn in range(2 * options.turns):
            number += 1
            asks = bool(turn % 2)
            wall_s, seen = copied_s(job(FULL_TOPIC, f"{IDLE}.*"), ports.take(), bare, options.records, asks=asks)
            walls[asks].append(wall_s)
            for path, each in seen.items():
                took.setdefault(path.replace(quote(f"s{number}->t{number}", safe=""), "F"), []).extend(each)
            console.print(f"{'asked' if asks else 'alone'}: {options.records * VALUE_BYTES / wall_s / 1e6:.0f} MB/s")
            delete(target.bootstrap(), keep)
        if options.turns:
            yield {
                "partitions": options.topics * PARTITIONS + FULL[FULL_TOPIC],
                "alone_mb_s": options.records * VALUE_BYTES / median(walls[False]) / 1e6,
                "asked_mb_s": options.records * VALUE_BYTES / median(walls[True]) / 1e6,
                "answers": sum(map(len, took.values())),
            }
        for path, each in took.items():
            yield {
                "while copying, GET " + path: len(each),
                "p50_ms": median(each),
                "p99_ms": percentile(each, 0.99),
                "most_ms": max(each),
            }
        for served in (False, True, False, True):
            number += 1
            idle = job(f"{IDLE}.*")
            port = ports.take()
            with started(serving(port if served else None), idle) as running:
                wait_for(running, "running  topics=", START_LIMIT_S)
                time.sleep(SETTLE_S)
                memory_mb = psutil.Process(running.process.pid).memory_info().rss / 1e6
                yield {"idle, served": served, "rss_mb": memory_mb}
                if served:
                    asker = Asker(port, ())
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                    for path in paths_of(idle):
                        each = [asker.ask(connection, path) for _ in range(ASKED)]
                        shown = path.replace(quote(f"s{number}->t{number}", safe=""), "F")
                        yield {
                            "idle, GET " + shown: len(each),
                            "p50_ms": median(each),
                            "p99_ms": percentile(each, 0.99),
                            "most_ms": max(each),
                        }
                    after_mb = psutil.Process(running.process.pid).memory_info().rss / 1e6
                    yield {"idle, after these": True, "rss_mb": after_mb}
                    connection.close()
            delete(target.bootstrap(), keep)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--topics", type=int, default=200, help="of ten partitions, beside the full one")
    parser.add_argument("--records", type=int, default=5_000_000, help="of 1 kB, in the full topic")
    parser.add_argument(
        "--turns", type=int, default=3, help="with the client, and as many without; 0: only the idle part"
    )
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    console = Console(width=140)
    found: list[dict[str, object]] = []
    for each in run(console, options):
        found.append(each)
        console.print(
            "  ".join(
                f"{key}={value:.2f}" if isinstance(value, float) else f"{key}={value}" for key, value in each.items()
            )
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
