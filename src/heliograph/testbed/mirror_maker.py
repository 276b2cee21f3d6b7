"""Real MirrorMaker 2, as operators run it: the dedicated driver with one properties file (KIP-382).

It is here to be compared with, taken over from, and stopped at awkward moments. It exists from Kafka 2.4 on.
"""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.releases import DEFAULT_VERSION, KafkaVersion
from heliograph.testbed.servers import LOGGING, SMALL_JVM, JavaProgram, Server
from heliograph.testbed.storefiles import write_private

MAIN_CLASS = "org.apache.kafka.connect.mirror.MirrorMaker"
"""What ``connect-mirror-maker.sh`` runs."""

STARTED = "Kafka MirrorMaker started"
"""What it logs when all its herders have been started."""

DISCOVERY = "plugin.discovery = service_load"
"""KIP-898: the plug-ins are found by what the jars declare. To look into every class takes twenty seconds of CPU."""

START_LIMIT_S = 120.0
"""The longest wait for that line, unless the caller says otherwise."""


class MirrorMaker:
    """One MirrorMaker 2 process."""

    def __init__(
        self,
        properties: str,
        *,
        version: str = DEFAULT_VERSION,
        clusters: Sequence[str] = (),
        jvm_options: Sequence[str] = SMALL_JVM,
    ) -> None:
        """Describe it; nothing is started or written yet.

        ``properties`` is the text of ``mm2.properties``; :data:`DISCOVERY` holds where it says nothing else.
        ``clusters`` are the aliases for ``--clusters``: the targets that this process is near to. Raises
        HeliographError.
        """
        self.version = KafkaVersion.parse(version)
        if not self.version.at_least(2, 4):
            raise HeliographError(f"Kafka {version} has no MirrorMaker 2", remedy="Use 2.4.0 or newer")
        self._properties = properties
        self._clusters = tuple(clusters)
        self._jvm_options = tuple(jvm_options)
        self._resources = ExitStack()
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The process behind it, once it was started. Raises HeliographError before."""
        if self._server is None:
            raise HeliographError("MirrorMaker 2 is not started", remedy="Call start() first")
        return self._server

    @property
    def pid(self) -> int:
        """The process id of the Java process."""
        return self.server.pid

    @property
    def log_path(self) -> Path:
        """Where its log is."""
        return self.server.log_path

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._server is not None and self._server.running

    def start(self, limit_s: float = START_LIMIT_S) -> Self:
        """Start it, or start it again with the same properties, and wait until it says so. Raises HeliographError."""
        if self._server is None:
            self._server = self._prepare()
        begun = self._server.log().count(STARTED)
        server = self._server
        server.launch()
        server.wait_until(lambda: server.log().count(STARTED) > begun, limit_s, "its start")
        return self

    def _prepare(self) -> Server:
        """Write its file and find its program."""
        program = JavaProgram(find_java(), tuple(class_path(self.version)), (*self._jvm_options, *LOGGING))
        folder = Path(tempfile.mkdtemp(prefix="heliograph-mm2-"))
        self._resources.callback(shutil.rmtree, folder, ignore_errors=True)
        # Of a key that is there twice the last one counts.
        before = [f"{prefix}{DISCOVERY}" for prefix in ("", *(f"{alias}." for alias in self._clusters))]
        write_private(folder / "mm2.properties", "\n".join([*before, self._properties]).encode())
        near = ["--clusters", *self._clusters] if self._clusters else []
        command = program.command(MAIN_CLASS, str(folder / "mm2.properties"), *near)
        server = Server(f"MirrorMaker {self.version}", command, folder, folder)
        self._resources.callback(server.close)
        return server

    def stop(self) -> None:
        """Let it end in order (SIGTERM)."""
        self.server.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.server.kill()

    def freeze(self) -> None:
        """Stop it as it stands (SIGSTOP)."""
        self.server.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze()``."""
        self.server.thaw()

    def log(self) -> str:
        """Return the whole log so far."""
        return self.server.log()

    def close(self) -> None:
        """End it at once and delete its files."""
        self._resources.close()
        self._server = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
