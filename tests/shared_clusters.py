"""Clusters that all processes of one test run share.

pytest-xdist spreads a run over several processes. The one that started the run owns the clusters: each is started when
the first test asks for it, and all end with the run, or with the owner's death. The others ask over a socket in a
folder of the run, and receive a cluster that they can use, but not end.

A cluster is known by a name and a description. Tests that give the same ones share it, at the same time and one after
the other: they use names from ``unique``, leave the brokers running and the cluster's own settings as they are.
"""

import secrets
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster

KEY_BYTES = 16


def freeze(value: Any) -> Any:
    """Make a description hashable."""
    if isinstance(value, Mapping):
        return tuple(sorted((key, freeze(each)) for key, each in value.items()))
    return tuple(map(freeze, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Address:
    """Where the owner of the clusters listens."""

    path: str
    key: bytes = field(repr=False)

    def ask(self, name: str, description: Mapping[str, Any]) -> KafkaCluster:
        """Return the cluster, started by the owner if nobody had it yet. Raises HeliographError."""
        with Client(self.path, "AF_UNIX", authkey=self.key) as connection:
            connection.send((name, dict(description)))
            answer = connection.recv()
        if isinstance(answer, str):
            raise HeliographError(answer, remedy="Read the log of the cluster that did not start")
        return answer


class Clusters:
    """All shared clusters of a run, in the process that owns them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Any, Future[KafkaCluster]] = {}
        self._life = ExitStack()
        self._address: Address | None = None

    def get(self, name: str, description: Mapping[str, Any]) -> KafkaCluster:
        """Return the cluster; the first who asks starts it, and the others wait. Raises HeliographError."""
        with self._lock:
            future = self._known.get((name, freeze(description)))
            mine = future is None
            if future is None:
                future = self._known[name, freeze(description)] = Future()
        if mine:
            try:
                cluster = KafkaCluster(**description).start()
                self._life.callback(cluster.close)
                future.set_result(cluster)
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                future.set_exception(error)
        return future.result()

    def address(self) -> Address:
        """Return where other processes may ask; listens from the first call on."""
        if self._address is None:
            folder = tempfile.mkdtemp(prefix="heliograph-run-")
            self._life.callback(shutil.rmtree, folder, ignore_errors=True)
            self._address = Address(str(Path(folder) / "clusters"), secrets.token_bytes(KEY_BYTES))
            listener = Listener(self._address.path, "AF_UNIX", authkey=self._address.key)
            self._life.callback(listener.close)
            threading.Thread(target=self._listen, args=(listener,), daemon=True).start()
        return self._address

    def _listen(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection:
            name, description = connection.recv()
            try:
                connection.send(self.get(name, description))
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                connection.send(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """End all clusters at once."""
        self._life.close()
