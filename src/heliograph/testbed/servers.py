"""One Java server under guard: a broker, ZooKeeper or MirrorMaker 2, with its log and its life."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from heliograph.errors import HeliographError
from heliograph.testbed.class_archives import use_archive
from heliograph.testbed.java import Java
from heliograph.testbed.processes import STOP_LIMIT_S, GuardedProcess

SMALL_JVM = ("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A quick start and a small footprint, for tests and the demo; a benchmark passes options of its own."""

LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
"""One line a message on standard error, with its time."""

POLL_S = 0.05
"""How often a condition is looked at while waiting for it."""

TAIL_BYTES = 64 * 1024
"""How much of a log is searched for the reason of an early end."""


@dataclass(frozen=True, slots=True)
class JavaProgram:
    """What it takes to run a class of Apache Kafka."""

    java: Java
    """The runtime."""
    class_path: tuple[Path, ...]
    """The jars of one version."""
    jvm_options: tuple[str, ...] = SMALL_JVM
    """Heap, collector and system properties."""
    classes: tuple[Path, ...] = ()
    """Folders with classes of our own; behind the jars, for which an archive holds."""

    def command(self, main_class: str, *arguments: str, jvm_options: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs ``main_class``, with an archive of its classes where there is one."""
        jars = ":".join(map(str, [*self.class_path, *self.classes]))
        options = [*use_archive(self.java, self.class_path), *self.jvm_options, *jvm_options]
        return [str(self.java.executable), *options, "-cp", jars, main_class, *arguments]


def wait_for(condition: Callable[[], bool], deadline: float, what: str) -> None:
    """Wait until ``condition`` holds or ``time.monotonic()`` passes ``deadline``. Raises TimeoutError."""
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited in vain for {what}")
        time.sleep(POLL_S)


class Server:
    """A Java server that can be started again and again."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, scratch: Path | None = None) -> None:
        """Prepare; ``folder`` takes the log, ``scratch`` is deleted should the owner die without closing."""
        self.name = name
        self.log_path = folder / "server.log"
        self._command = tuple(command)
        self._folder = folder
        self._scratch = scratch
        self._process: GuardedProcess | None = None
        self._elsewhere = False

    def __getstate__(self) -> dict[str, object]:
        """Return what another process may know of it: its name and log. Only who started a server may do more."""
        return {**self.__dict__, "_process": None, "_elsewhere": True}

    @property
    def pid(self) -> int:
        """The process id of the Java process. Raises HeliographError when none runs."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether the process is there (a frozen one is)."""
        return self._process is not None and self._process.exit_code is None

    def _running(self) -> GuardedProcess:
        self._must_be_ours()
        if self._process is None or not self.running:
            raise HeliographError(f"{self.name} does not run", remedy="Start it first")
        return self._process

    def _must_be_ours(self) -> None:
        if self._elsewhere:
            raise HeliographError(
                f"{self.name} belongs to another process, and others use it too", remedy="Start one of your own"
            )

    def launch(self) -> None:
        """Start the process, without waiting until it serves; the log is continued."""
        self._must_be_ours()
        if self.running:
            raise HeliographError(f"{self.name} runs already", remedy="Stop it first")
        self.close()
        with self.log_path.open("ab") as log:
            self._process = GuardedProcess(self._command, folder=self._folder, output=log, scratch=self._scratch)

    def stop(self) -> None:
        """Ask for an orderly end and wait for it; after a minute, or when it is frozen for good, kill."""
        self._must_be_ours()
        if self._process is None:
            return
        self._process.thaw()
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except TimeoutError:
            self._process.kill()
        self.close()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        self._running().kill()
        self.close()

    def freeze(self) -> None:
        """Stop it as it stands: its connections stay open and silent (SIGSTOP)."""
        self._running().freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze()``."""
        self._running().thaw()

    def wait_until(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for a condition of a server that must go on running. Raises HeliographError with the log's complaint."""
        ended = False

        def settled() -> bool:
            nonlocal ended
            ended = not self.running
            return ended or condition()

        try:
            wait_for(settled, time.monotonic() + limit_s, what)
        except TimeoutError as error:
            raise HeliographError(f"{self.name}: {error} for {limit_s:g} s", remedy=self._see_log()) from error
        if ended:
            raise HeliographError(f"{self.name} ended while it was waited for {what}", remedy=self._see_log())

    def wait_for_log(self, text: str, limit_s: float = 60.0) -> None:
        """Wait until the log holds ``text``. Raises HeliographError when it ends or the time does."""
        self.wait_until(lambda: text in self.log(), limit_s, f"the log line {text!r}")

    def log(self) -> str:
        """Return the whole log so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _see_log(self) -> str:
        """Return the last error of the log and where the log is."""
        lines = self.log()[-TAIL_BYTES:].splitlines()
        complaints = [line for line in lines if " ERROR " in line or " FATAL " in line or "Exception" in line]
        last = (complaints or lines or ["(empty)"])[-1]
        return f"See {self.log_path}; it says: {last[:500]}"

    def close(self) -> None:
        """Kill the process if it runs, and let go of it."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
