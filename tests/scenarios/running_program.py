"""The program as its users run it: a process of its own with a properties file, and its log."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from heliograph.testbed import KafkaCluster
from heliograph.testbed.processes import GuardedProcess

WAIT_S = 30.0
PAUSE_S = 0.02


class Running:
    """One process of ``heliograph``; its log is what it writes to both outputs."""

    def __init__(self, folder: Path, properties: str, *options: str, command: str = "run") -> None:
        """Start it with ``properties`` as its file."""
        self.file = folder / "mm2.properties"
        self.file.write_text(properties, encoding="utf-8")
        self._log_path = folder / "log"
        self._output = self._log_path.open("wb")
        self._process = GuardedProcess(
            [str(Path(sys.executable).with_name("heliograph")), command, str(self.file), *options],
            output=self._output,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.exit_code

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, limit_s: float = WAIT_S, *, times: int = 1) -> None:
        """Wait until the log holds ``text``, as often as ``times``."""
        deadline = time.monotonic() + limit_s
        while self.log.count(text) < times:
            ended = self.exit_code
            assert ended is None or self.log.count(text) >= times, f"ended with {ended} before {text!r}:\n{self.log}"
            assert time.monotonic() < deadline, f"no {text!r} in the log after {limit_s} s:\n{self.log}"
            time.sleep(PAUSE_S)

    def wait(self, limit_s: float = WAIT_S) -> int:
        """Wait for its end and return the exit status."""
        try:
            return self._process.wait(limit_s)
        except TimeoutError:
            pytest.fail(f"it still runs after {limit_s} s:\n{self.log}")

    def terminate(self) -> None:
        """Ask for an orderly end (SIGTERM), without waiting for it."""
        self._process.terminate()

    def stop(self, limit_s: float = WAIT_S) -> int:
        """Let it end in order (SIGTERM) and return the exit status."""
        self.terminate()
        return self.wait(limit_s)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()

    def freeze(self) -> None:
        """Stop it as it stands (SIGSTOP)."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._process.thaw()

    def close(self) -> None:
        """End it at once, if it still runs."""
        self._process.close()
        self._output.close()


Start = Callable[..., Running]


def starter(make_folder: Callable[[], Path]) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(properties: str, *options: str, command: str = "run") -> Running:
            running = Running(make_folder(), properties, *options, command=command)
            stack.callback(running.close)
            return running

        yield start


def one_way(
    source: KafkaCluster | str,
    target: KafkaCluster | str,
    alias: str,
    topics: str,
    more: Mapping[str, object] | None = None,
) -> str:
    """Write the properties of one flow from ``alias`` to ``target``, quick to notice what changes."""
    settings: dict[str, object] = {
        "clusters": f"{alias}, target",
        f"{alias}.bootstrap.servers": source if isinstance(source, str) else source.bootstrap(),
        "target.bootstrap.servers": target if isinstance(target, str) else target.bootstrap(),
        f"{alias}->target.enabled": "true",
        f"{alias}->target.topics": topics,
        "replication.factor": 1,
        "refresh.topics.interval.seconds": 1,
        "offset.storage.replication.factor": 1,
        "offset.storage.partitions": 5,
        **dict.fromkeys(
            (f"{name}.topic.replication.factor" for name in ("heartbeats", "checkpoints", "offset-syncs")), 1
        ),
        # The clusters are shared: heartbeats on the source would be one more topic in every other test.
        f"target->{alias}.emit.heartbeats.enabled": "false",
        "heartbeats.replication.enabled": "false",
        # On a machine with much else to do, five seconds may pass between a record's arrival and its acknowledgement.
        "task.shutdown.graceful.timeout.ms": 20_000,
        **(more or {}),
    }
    return "".join(f"{key} = {value}\n" for key, value in settings.items())
