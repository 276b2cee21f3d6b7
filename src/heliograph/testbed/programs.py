"""Kafka Connect's programs under guard: what MirrorMaker 2 and a Connect worker have in common."""

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import LOGGING, JavaProgram, Server
from heliograph.testbed.storefiles import write_private

DISCOVERY = "plugin.discovery = service_load"
"""KIP-898: the plug-ins are found by what the jars declare. To look into every class takes twenty seconds of CPU."""

START_LIMIT_S = 120.0
"""The longest wait for a start, unless the caller says otherwise."""


class ConnectProgram(ABC):
    """One Java process that is started with one properties file."""

    title: str
    """What it is called in errors."""
    main_class: str

    def __init__(self, properties: str, version: str, arguments: Sequence[str], jvm_options: Sequence[str]) -> None:
        """Describe it; nothing is started or written yet. ``arguments`` follow the file. Raises HeliographError."""
        self.version = KafkaVersion.parse(version)
        self._properties = properties
        self._arguments = tuple(arguments)
        self._jvm_options = tuple(jvm_options)
        self._resources = ExitStack()
        self._server: Server | None = None

    @abstractmethod
    def _starts(self) -> int:
        """Return how often it has said that it is started."""

    @property
    def server(self) -> Server:
        """The process behind it, once it was started. Raises HeliographError before."""
        if self._server is None:
            raise HeliographError(f"{self.title} is not started", remedy="Call start() first")
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
        begun = self._starts()
        self._server.launch()
        self._server.wait_until(lambda: self._starts() > begun, limit_s, "its start")
        return self

    def _prepare(self) -> Server:
        """Write its file and find its program."""
        program = JavaProgram(find_java(), tuple(class_path(self.version)), (*self._jvm_options, *LOGGING))
        folder = Path(tempfile.mkdtemp(prefix="heliograph-connect-"))
        self._resources.callback(shutil.rmtree, folder, ignore_errors=True)
        file = folder / "program.properties"
        write_private(file, self._properties.encode())
        command = program.command(self.main_class, str(file), *self._arguments)
        server = Server(f"{self.title} {self.version}", command, folder, folder)
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
