"""The real program, stopped (SIGKILL) at named points, started again, and both ends compared each time.

What a process had copied when it died is always a beginning of the source, partition by partition: nothing is missing,
nothing is there twice, the order is the source's. And the next process goes on exactly there.
"""

import sys
import time
from itertools import count
from pathlib import Path

import pytest
from plain_client import Row, create_topic, read, simple_rows, topics, write
from steady_load import by_partition

from heliograph.testbed.processes import GuardedProcess

pytestmark = pytest.mark.brokers

PARTITIONS = 3
BURST = 60
LIMIT_S = 30.0
KILLED = 128 + 9
"""Exit status that the guard gives for SIGKILL."""
SESSION_MS = 2_000
QUICK = {
    "target.offset.flush.interval.ms": 300,
    "target.session.timeout.ms": SESSION_MS,
    "target.heartbeat.interval.ms": 300,
}
PLAIN = [
    ("creating", 1),
    ("created", 1),
    ("fetched", 1),
    ("sent", 1),
    ("acknowledged", 1),
    ("walking", 1),
    ("sent", 4),
    ("storing", 1),
    ("storing", 3),
    ("stored_for_some", 2),
    ("stored", 1),
    ("stored", 2),
    ("joined", 1),
    ("lost", 1),
    ("acknowledged", 5),
    ("drained", 1),
]
"""Points, and the occurrence at which each is deadly. One that follows another may depend on what that left."""
TRANSACTIONAL = [
    ("created", 1),
    ("fenced", 1),
    ("added", 1),
    ("sent", 1),
    ("acknowledged", 1),
    ("written", 2),
    ("ending", 2),
    ("ended", 2),
    ("added", 3),
    ("joined", 1),
    ("fetched", 2),
    ("drained", 1),
]


class Stopping:
    """One process that dies at a point."""

    def __init__(self, folder: Path, properties: str, point: str, times: int) -> None:
        self.file, self._log = folder / f"{point}.properties", folder / f"{point}.log"
        self.file.write_text(properties, encoding="utf-8")
        self._output = self._log.open("wb")
        program = Path(__file__).with_name("stopping_program.py")
        self.process = GuardedProcess(
            [sys.executable, str(program), point, str(times), "run", str(self.file)], output=self._output
        )

    def wait(self) -> str:
        """Wait for its death, and give its log."""
        try:
            ended = self.process.wait(LIMIT_S)
        except TimeoutError:
            pytest.fail(f"it has not come to its end:\n{self.log}")
        finally:
            self.close()
        assert ended == KILLED, f"ended with {ended}:\n{self.log}"
        return self.log

    def outlive_session(self) -> None:
        """Freeze it for longer than its group waits for it."""
        self.process.freeze()
        time.sleep(1.5 * SESSION_MS / 1000)
        self.process.thaw()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        self.process.close()
        self._output.close()


def assert_begins(original: list[Row], copied: list[Row], what: str) -> None:
    """The copy is, partition by partition, how the original begins."""
    wanted = by_partition(original)
    for partition, rows in by_partition(copied).items():
        assert rows == wanted[partition][: len(rows)], f"partition {partition} after {what}"


def read_if_there(kafka, topic):
    return read(kafka, topic) if topic in topics(kafka) else []


def wait_until_equal(source, target, topic, copy, running):
    original = by_partition(read(source, topic))
    deadline = time.monotonic() + LIMIT_S
    while (copied := by_partition(read_if_there(target, copy))) != original:
        held = {partition: len(rows) for partition, rows in copied.items()}
        assert time.monotonic() < deadline, f"the copy holds {held}:\n{running.log}"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("alias", "points", "mode"),
    [
        ("plainly", PLAIN, {}),
        ("wholly", TRANSACTIONAL, {"target.exactly.once.source.support": "enabled"}),
    ],
    ids=["plain", "transactions"],
)
@pytest.mark.timeout(240)
def test_stopped_at_named_points(
    source_kafka, target_kafka, heliograph, one_way, unique, tmp_path, alias, points, mode
):
    create_topic(source_kafka, unique, PARTITIONS)
    numbers = count()
    copy = f"{alias}.{unique}"

    def burst():
        first = next(numbers) * BURST
        write(source_kafka, unique, simple_rows(BURST, first=first, partitions=PARTITIONS), linger_ms=0)

    for number, (point, times) in enumerate(points):
        # Without transactions nothing but the group holds a process back from what the dead one did: have no waiting.
        group = {} if mode else {"target.group.id": f"{unique}-{number}"}
        properties = one_way(source_kafka, target_kafka, alias, unique, QUICK | mode | group)
        burst()
        stopping = Stopping(tmp_path, properties, point, times)
        while stopping.process.exit_code is None and times > 1:
            burst()
            time.sleep(0.2)
        if point in ("drained", "lost"):
            wait_until_equal(source_kafka, target_kafka, unique, copy, stopping)
        if point == "drained":
            stopping.process.terminate()
        if point == "lost":
            stopping.outlive_session()
        log = stopping.wait()
        assert "the exact place is not known" not in log, f"after {point}:\n{log}"
        assert "Traceback" not in log, f"at {point}:\n{log}"
        assert_begins(read(source_kafka, unique), read_if_there(target_kafka, copy), point)
    running = heliograph(one_way(source_kafka, target_kafka, alias, unique, QUICK | mode))
    burst()
    wait_until_equal(source_kafka, target_kafka, unique, copy, running)
    assert "the exact place is not known" not in running.log
