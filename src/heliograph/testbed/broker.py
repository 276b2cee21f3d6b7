"""One broker of a cluster: a server that is ready when it has answered."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed import readiness
from heliograph.testbed.layout import INTERNAL, Node
from heliograph.testbed.proxy import Proxy
from heliograph.testbed.servers import Server, wait_for

READY_LIMIT_S = 120.0
"""The longest wait for a broker to serve, unless the caller says otherwise."""

REGISTRY_LIMIT_S = 60.0
"""The longest wait for ZooKeeper to notice that a broker is gone."""


class Broker:
    """One broker of a cluster."""

    def __init__(
        self,
        node: Node,
        server: Server,
        password: str | None,
        proxies: Mapping[str, Proxy],
        registered: Callable[[], bool],
    ) -> None:
        """Tie a node of the layout to the server that runs it.

        ``password`` opens its inner listener; ``registered`` says whether an earlier life of the broker still counts.
        """
        self._registered = registered
        self.node_id = node.node_id
        self.folder = node.folder
        self._node = node
        self._server = server
        self._password = password
        self._proxies = proxies

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs to look at it; its proxies and its life stay with whoever started it."""
        return {**self.__dict__, "_proxies": {}, "_registered": None}

    @property
    def pid(self) -> int:
        """The process id of the Java process."""
        return self._server.pid

    @property
    def running(self) -> bool:
        """Whether the process is there; a frozen one is."""
        return self._server.running

    @property
    def log_path(self) -> Path:
        """Where its log is."""
        return self._server.log_path

    @property
    def data_path(self) -> Path:
        """Where its partitions are."""
        return self._node.folder / "data"

    def port(self, listener: str = "PLAINTEXT") -> int:
        """Return the port that it listens on (not that of a proxy before it)."""
        return self._node.ports[listener]

    def proxy(self, listener: str = "PLAINTEXT") -> Proxy:
        """Return the proxy before a listener. Raises HeliographError when there is none."""
        if listener not in self._proxies:
            raise HeliographError(f"No proxy stands before {listener}", remedy="Make the cluster with proxied=True")
        return self._proxies[listener]

    def launch(self) -> None:
        """Start the process without waiting for it to serve.

        A crashed broker stays in ZooKeeper until its session ends, and may not come back before. Raises TimeoutError.
        """
        gone = f"ZooKeeper to forget broker {self.node_id}"
        wait_for(lambda: not self._registered(), time.monotonic() + REGISTRY_LIMIT_S, gone)
        self._server.launch()

    def start(self, limit_s: float = READY_LIMIT_S) -> None:
        """Start it, on the ports that it had, and wait until it answers."""
        self.launch()
        self.wait_ready(frozenset({self.node_id}), limit_s)

    def wait_ready(self, node_ids: frozenset[int], limit_s: float) -> None:
        """Wait until it answers and knows of these brokers. Raises HeliographError."""
        self._server.wait_until(lambda: self._knows(node_ids), limit_s, "an answer that names all brokers")

    def _knows(self, node_ids: frozenset[int]) -> bool:
        seen = readiness.ask(self._node.ports[INTERNAL], self._password)
        return seen is not None and node_ids <= seen.node_ids and seen.controller_id >= 0

    def stop(self) -> None:
        """Let it end in order (SIGTERM): leaders move first."""
        self._server.stop()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._server.kill()

    def freeze(self) -> None:
        """Stop it as it stands (SIGSTOP): connections stay open and silent."""
        self._server.freeze()

    def thaw(self) -> None:
        """Let it go on after ``freeze()``."""
        self._server.thaw()

    def close(self) -> None:
        """Kill it if it runs."""
        self._server.close()
