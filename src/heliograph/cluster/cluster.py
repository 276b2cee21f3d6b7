"""Many brokers as one: who leads what, connections by purpose, and requests that find the right broker.

Connections are kept per broker and *purpose*: a long-polling fetch must not hold up a heartbeat behind it, since a
broker answers one connection's requests in order.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from heliograph.broker.connection import Connection
from heliograph.cluster import metadata as pictures
from heliograph.cluster.metadata import Metadata
from heliograph.cluster.retry import backoff_s, retriable
from heliograph.concurrency import all_of
from heliograph.config.model import ClusterConfig
from heliograph.errors import ClusterError, HeliographError, Unreachable
from heliograph.wire import errors as codes
from heliograph.wire.errors import After, error_of

Answer = TypeVar("Answer")

CONTROL = "control"
GROUP = "group"
PASSES_MAX = 5
"""How often all brokers are asked because one has left meanwhile."""
ATTEMPTS_S = 60.0
"""How long one request is tried again before its last error is raised (Kafka's ``default.api.timeout.ms``)."""


class Cluster:
    """One cluster as seen by one flow. Use :meth:`start` before and :meth:`close` after everything else."""

    def __init__(self, config: ClusterConfig) -> None:
        """Nothing is connected yet."""
        self.config = config
        self.metadata = Metadata()
        self._connections: dict[tuple[int, str], Connection] = {}
        self._opening: dict[tuple[int, str], asyncio.Lock] = {}
        self._bootstrap: Connection | None = None
        self._coordinators: dict[str, int] = {}
        self._failures: dict[tuple[int, str], tuple[int, float]] = {}

    @property
    def alias(self) -> str:
        """The cluster's alias in the configuration."""
        return self.config.alias

    # ---- life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Reach any bootstrap server and learn the brokers; raises the ClusterError that says most."""
        await self.refresh([])

    async def close(self) -> None:
        """Close every connection."""
        for connection in [*self._connections.values(), *([self._bootstrap] if self._bootstrap else [])]:
            connection.close()
        self._connections.clear()
        self._bootstrap = None

    @property
    def throttled(self) -> bool:
        """Whether a broker has us wait at this moment, because we are over a quota (KIP-219)."""
        return any(connection.throttled for connection in self._connections.values())

    def drop_connections(self, purpose: str) -> None:
        """Close the connections of one purpose, so that nothing sent on them can be answered any more."""
        for key, connection in list(self._connections.items()):
            if key[1] == purpose:
                connection.close()
                del self._connections[key]

    def change(self, config: ClusterConfig) -> None:
        """Reach the same cluster as ``config`` says from now on: by other addresses, or with other credentials.

        Each connection is replaced when it is asked for the next time. The old one is closed when all that is under
        way on it is answered, so nobody notices.
        """
        self.config = config
        self._failures.clear()

    def is_outdated(self, connection: Connection) -> bool:
        """Say whether a connection was opened by an earlier configuration, and should not be sent more on."""
        return connection.config is not self.config

    def _usable(self, connection: Connection | None) -> Connection | None:
        return connection if connection and connection.error is None and not self.is_outdated(connection) else None

    # ---- connections --------------------------------------------------------------------------------------------

    async def connection(self, node_id: int, purpose: str = CONTROL) -> Connection:
        """Return the live connection to a broker for one purpose, opening it when needed."""
        key = (node_id, purpose)
        if found := self._usable(self._connections.get(key)):
            return found
        async with self._opening.setdefault(key, asyncio.Lock()):
            if found := self._usable(self._connections.get(key)):
                return found
            broker = self.metadata.brokers.get(node_id)
            if broker is None:
                raise Unreachable(f"Broker {node_id} of {self.alias} is not known")
            await self._pause_after_failures(key)
            try:
                opened = await Connection.open(self.config, broker.host, broker.port)
            except HeliographError:
                failures, _ = self._failures.get(key, (0, 0.0))
                self._failures[key] = (failures + 1, asyncio.get_running_loop().time())
                raise
            self._failures.pop(key, None)
            if earlier := self._connections.get(key):
                earlier.close_when_answered()
            self._connections[key] = opened
            return opened

    async def _pause_after_failures(self, key: tuple[int, str]) -> None:
        failures, when = self._failures.get(key, (0, 0.0))
        if failures:
            wait_ms = min(
                self.config.reconnect_backoff_ms * 2 ** min(failures, 16), self.config.reconnect_backoff_max_ms
            )
            left = when + wait_ms / 1000 * (0.8 + 0.4 * random.random()) - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.sleep(left)

    async def any_connection(self) -> Connection:
        """Return a live control connection to any broker, a known one first, then the bootstrap servers."""
        for (_, purpose), connection in self._connections.items():
            if purpose == CONTROL and self._usable(connection):
                return connection
        if found := self._usable(self._bootstrap):
            return found
        first: HeliographError | None = None
        addresses = [*self.config.bootstrap]
        addresses += [(b.host, b.port) for b in self.metadata.brokers.values() if (b.host, b.port) not in addresses]
        for host, port in addresses:
            try:
                opened = await Connection.open(self.config, host, port)
            except HeliographError as error:
                # An answer that something is wrong says more than silence from another address.
                if first is None or (isinstance(first, Unreachable) and not isinstance(error, Unreachable)):
                    first = error
            else:
                if self._bootstrap:
                    self._bootstrap.close_when_answered()
                self._bootstrap = opened
                return opened
        assert first is not None, "there is at least one bootstrap server"
        raise first

    # ---- metadata ---------------------------------------------------------------------------------------------

    async def refresh(self, topics: Iterable[str] | None = None) -> Metadata:
        """Learn about brokers and ``topics`` again (None: all topics); return all that is known."""
        asked = None if topics is None else frozenset(topics)
        connection = await self.any_connection()
        rows = None if asked is None else [{"name": name, "topic_id": None} for name in sorted(asked)]
        values = {
            "topics": rows,
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        }
        answer = await connection.call("metadata", values)
        picture = pictures.of_answer(answer)
        if not picture.brokers:
            raise Unreachable(f"{self.alias} names no broker yet", remedy="The cluster may still be starting")
        self.metadata = picture if asked is None else pictures.merged(self.metadata, picture, asked)
        return self.metadata

    # ---- requests that find their broker ------------------------------------------------------------------------

    async def call(self, api: str, values: Mapping[str, Any], *, timeout_ms: int | None = None) -> Any:
        """Ask any broker; tried again for ATTEMPTS_S."""

        async def once() -> Any:
            connection = await self.any_connection()
            return await connection.call(api, values, timeout_ms=timeout_ms)

        return await self.retrying(once)

    async def call_node(self, node_id: int, api: str, values: Mapping[str, Any]) -> Any:
        """Ask one broker, once."""
        connection = await self.connection(node_id)
        return await connection.call(api, values)

    async def ask_brokers(self, ask: Callable[[int], Awaitable[Answer]], *, for_s: float | None = None) -> list[Answer]:
        """Ask every broker for its part of something, each with retries; ``ask`` takes a node id.

        When a broker leaves the cluster meanwhile, others take over what it had, so all are asked again. Raises the
        error of the first broker that stays and does not answer.
        """
        gone = object()

        async def of(node: int) -> Answer | object:
            return await ask(node) if node in self.metadata.brokers else gone

        for _ in range(PASSES_MAX):
            if not self.metadata.brokers:
                await self.refresh([])
            nodes = sorted(self.metadata.brokers)
            answers: list[Any] = await all_of(self.retrying(partial(of, node), for_s=for_s) for node in nodes)
            if not any(each is gone for each in answers):
                return answers
        raise Unreachable(f"Brokers of {self.alias} come and go", remedy="It is tried again")

    async def call_controller(self, api: str, values: Mapping[str, Any], check: Callable[[Any], None]) -> Any:
        """Ask the controller; ``check`` raises for codes in the answer, a moved controller is found again."""

        async def once() -> Any:
            if self.metadata.controller not in self.metadata.brokers:
                await self.refresh([])
            node = self.metadata.controller
            connection = await (self.connection(node) if node in self.metadata.brokers else self.any_connection())
            answer = await connection.call(api, values)
            check(answer)
            return answer

        return await self.retrying(once)

    async def coordinator(self, group: str) -> int:
        """Node id of the group's coordinator, asked for when not known, or when that broker is gone."""
        if self._coordinators.get(group) not in self.metadata.brokers:
            connection = await self.any_connection()
            answer = await connection.call("find_coordinator", {"key": group, "key_type": 0})
            raise_for(
                int(answer.error_code),
                f"find the coordinator of group {group} on {self.alias}",
                f"group {group}",
                right="Read",
            )
            self._coordinators[group] = answer.node_id
            if answer.node_id not in self.metadata.brokers:
                await self.refresh([])
        return self._coordinators[group]

    def forget_coordinator(self, group: str) -> None:
        """Look for the group's coordinator again at the next call."""
        self._coordinators.pop(group, None)

    async def retrying(self, once: Callable[[], Awaitable[Any]], *, for_s: float | None = None) -> Any:
        """Run ``once`` until it succeeds, fails for good, or ``for_s`` seconds are over; the last error is raised.

        ``for_s`` None: ATTEMPTS_S.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (ATTEMPTS_S if for_s is None else for_s)
        attempt = 0
        while True:
            try:
                return await once()
            except HeliographError as error:
                again = retriable(error)
                attempt += 1
                pause = backoff_s(attempt, self.config, random.random())
                if again is None or loop.time() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                await self._prepare(again.after)

    async def _prepare(self, after: After) -> None:
        """Do what a retry needs first; its own failure is left to the next try, which will meet it again."""
        if after is After.COORDINATOR:
            self._coordinators.clear()
        if after is not After.NOTHING:
            try:
                await self.refresh([])
            except ClusterError as error:
                if retriable(error) is None:
                    raise


def raise_for(code: int, what: str, resource: str = "", *, right: str = "", said: str | None = None) -> None:
    """Raise the error that ``code`` stands for, see :func:`~heliograph.wire.errors.error_of`; nothing when it is 0."""
    if code != codes.NONE:
        raise error_of(code, what, resource, right=right, said=said)
