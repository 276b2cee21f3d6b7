"""Offset translation for applications: the counterpart of Java's ``RemoteClusterUtils``, for any Python client.

It is synchronous and fetches what it needs itself, so it stands beside whatever client the application has::

    with OffsetTranslator("mm2.properties") as translator:
        places = translator.group("ProductConsumer")

A file (or the same keys as a dict) tells it about both clusters; then answers are exact where that is possible, as
those of ``heliograph offsets`` are. With a dict of client properties it knows the target alone, as in a disaster or
where the application may not reach the source, and answers from checkpoints and offset syncs.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from heliograph.config.load import load, make_config
from heliograph.config.model import FlowConfig, Policy
from heliograph.config.properties import PropertiesFile, Property, read_bytes
from heliograph.errors import ConfigError
from heliograph.mirror.moves import Basis, Position
from heliograph.offsets.endpoints import Endpoints, both
from heliograph.offsets.lookup import Lookup, lookup_of

T = TypeVar("T")
_FLOW_KEYS = ("replication.policy.", "heliograph.replication.policy", "topics", "groups")
_CLIENT_KEYS = ("bootstrap.servers", "security.protocol", "sasl.", "ssl.", "client.id", "request.timeout.ms")
_PEM_FILES = {
    "ssl.ca.location": "ssl.truststore.certificates",
    "ssl.certificate.location": "ssl.keystore.certificate.chain",
    "ssl.key.location": "ssl.keystore.key",
}
"""Files that librdkafka is told of, and Kafka's properties that take their content (KIP-651)."""
_JAAS = "org.apache.kafka.common.security.{module} required username={username} password={password};"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one partition goes on."""

    topic: str
    """On the target."""
    partition: int
    offset: int | None
    """The next record to read; where it is not exact, an earlier one. None: nothing is known."""
    exact: bool
    reason: str
    """Why it is exact, or is not."""
    source_topic: str
    source_offset: int | None
    """The position that was translated; None: it is not known."""
    from_checkpoint: bool = False
    """It is the newest checkpoint: what the group has read since, it reads again."""


@dataclass(frozen=True, slots=True)
class CheckpointPlace:
    """One checkpoint, as MirrorMaker 2 and Heliograph write them."""

    topic: str
    """On the target."""
    partition: int
    source_offset: int
    offset: int
    metadata: str
    written_ms: int
    """When, in ms since 1970."""


class OffsetTranslator:
    """Translates positions from a flow's source to its target. Not to be used from two threads at once.

    It has an event loop of its own: inside a coroutine, call it with ``asyncio.to_thread``.
    """

    def __init__(
        self,
        properties: str | Path | Mapping[str, str],
        *,
        flow: str | None = None,
        source: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Read the configuration; nothing is connected yet. Raises ConfigError.

        ``properties`` is the path of a MirrorMaker 2 file, a dict with the keys of such a file, or a dict of client
        properties for the target, by Kafka's names or by librdkafka's. Then ``source`` is the source's alias. ``flow``
        (``A->B``) chooses one of several. ``environ`` gives the values of ``${NAME}`` (None: the environment).
        """
        environ = os.environ if environ is None else environ
        self._without_source = isinstance(properties, Mapping) and "clusters" not in properties
        if isinstance(properties, Mapping):
            keys = dict(properties) if "clusters" in properties else _target_only(properties, source)
            config = make_config(_file_of(keys), environ=environ)
        else:
            config = load(Path(properties), environ=environ)
        names = ", ".join(each.name for each in config.flows)
        chosen = [each for each in config.flows if flow in (None, each.name)]
        if len(chosen) != 1:
            raise ConfigError(f"It is not clear which flow is meant: there are {names}", remedy="Give flow='A->B'")
        self._flow: FlowConfig = chosen[0]
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._endpoints: Endpoints | None = None

    # ---- life -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Nothing is done before the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections; the translator cannot be used any more."""
        if self._endpoints is not None:
            self._run(self._opened.aclose())
        self._runner.close()

    # ---- questions --------------------------------------------------------------------------------------------

    def group(self, name: str) -> list[Place]:
        """Translate all that a group has committed; raises HeliographError, also for an unknown group.

        Where the source cannot be asked, by the group's newest checkpoints.
        """
        return self._run(self._ask(lambda lookup: lookup.groups((name,))))

    def offset(self, topic: str, partition: int, offset: int) -> Place:
        """Translate one offset of the source's ``topic``."""
        return self._run(self._ask(lambda lookup: lookup.offsets([((topic, partition), offset)])))[0]

    def timestamp(self, topic: str, moment: datetime | int) -> list[Place]:
        """Find, in each partition of the source's ``topic``, the first record not older than ``moment``.

        ``moment`` is a datetime (without a zone: UTC) or milliseconds since 1970.
        """
        if isinstance(moment, datetime):
            moment = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        timestamp_ms = moment
        return self._run(self._ask(lambda lookup: lookup.moments(topic, timestamp_ms)))

    def checkpoints(self, group: str) -> list[CheckpointPlace]:
        """Return the newest checkpoints of a group, one a partition; none where there are none."""
        return self._run(self._checkpoints(group))

    def remote_topics(self) -> list[str]:
        """Return the topics on the target that are copies of the source's, as far as names tell."""
        return self._run(self._remote_topics())

    def upstream_clusters(self) -> set[str]:
        """Return the aliases of all clusters whose heartbeats have reached the target, over any number of hops."""
        return self._run(self._upstream_clusters())

    # ---- how --------------------------------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if in_a_loop():
            work.close()
            raise RuntimeError("OffsetTranslator has a loop of its own: inside a coroutine, use asyncio.to_thread")
        return self._runner.run(work)

    async def _open(self) -> Endpoints:
        if self._endpoints is None:
            opening = both(self._flow, without_source=self._without_source)
            self._endpoints = await self._opened.enter_async_context(opening)
        return self._endpoints

    async def _lookup(self) -> Lookup:
        """Learn again what is known: replication goes on between two questions."""
        return await lookup_of(self._flow, await self._open(), backwards=False)

    async def _ask(self, question: Callable[[Lookup], Awaitable[list[Position]]]) -> list[Place]:
        return [_place_of(each) for each in await question(await self._lookup())]

    async def _checkpoints(self, group: str) -> list[CheckpointPlace]:
        ahead = (await self._lookup()).crossing.ahead
        assert ahead is not None, "the translator has a flow"
        found = (await ahead.checkpoints()).get(group, {})
        return [
            CheckpointPlace(
                *key,
                each.checkpoint.upstream_offset,
                each.checkpoint.downstream_offset,
                each.checkpoint.metadata,
                each.written_ms,
            )
            for key, each in sorted(found.items())
        ]

    async def _remote_topics(self) -> list[str]:
        lookup = await self._lookup()
        ahead = lookup.crossing.ahead
        assert ahead is not None, "the translator has a flow"
        names, naming = sorted(await self._topics()), ahead.naming
        if self._flow.policy is Policy.IDENTITY:
            return [name for name in names if ahead.selection.selects(name)]
        return [
            name for name in names if not naming.is_internal(name) and naming.topic_source(name) == naming.source_alias
        ]

    async def _upstream_clusters(self) -> set[str]:
        ahead = (await self._lookup()).crossing.ahead
        assert ahead is not None, "the translator has a flow"
        found: set[str] = set()
        for name in await self._topics():
            hop: str | None = name if ahead.naming.is_heartbeats(name) else None
            while hop is not None and (alias := ahead.naming.topic_source(hop)) is not None:
                found.add(alias)
                hop = ahead.naming.upstream_topic(hop)
        return found

    async def _topics(self) -> list[str]:
        target = (await self._open()).target
        assert target is not None, "a translator needs its target"
        return list((await target.refresh(None)).topics)


def in_a_loop() -> bool:
    """Whether a coroutine is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _place_of(position: Position) -> Place:
    return Place(
        topic=position.to_topic or position.topic,
        partition=position.partition,
        offset=position.to_offset,
        exact=position.exact and position.basis is Basis.GROUP,
        reason=position.reason,
        source_topic=position.topic,
        source_offset=position.offset if position.offset >= 0 else None,
        from_checkpoint=position.basis is Basis.CHECKPOINT,
    )


# ---- configuration ---------------------------------------------------------------------------------------------------


def _file_of(keys: Mapping[str, str]) -> PropertiesFile:
    entries = {key: Property(key, str(value), line) for line, (key, value) in enumerate(keys.items(), 1)}
    return PropertiesFile(Path("dict"), entries, (), None)


def _target_only(client: Mapping[str, str], source: str | None) -> dict[str, str]:
    """Make a file's keys of client properties for the target. Raises ConfigError.

    A file names how to reach the source; here nobody will, so it gets the target's own address.
    """
    if not source:
        raise ConfigError(
            "A dict of client properties tells nothing about the source", remedy="Give source='its alias'"
        )
    target = "target" if source != "target" else "target-cluster"
    keys = {"clusters": f"{source}, {target}", f"{source}->{target}.enabled": "true"}
    servers = client.get("bootstrap.servers", "")
    keys[f"{source}.bootstrap.servers"] = str(servers)
    for key, value in _kafka_names(client).items():
        keys[key if key.startswith(_FLOW_KEYS) else f"{target}.{key}"] = value
    return keys


def _kafka_names(client: Mapping[str, str]) -> dict[str, str]:
    """Keep what tells how to reach and name things, and turn librdkafka's names for security into Kafka's.

    Raises ConfigError for a certificate or key that cannot be read.
    """
    keys = {key: str(value) for key, value in client.items() if key.startswith((*_CLIENT_KEYS, *_FLOW_KEYS))}
    mechanism = keys.pop("sasl.mechanisms", None)
    if mechanism is not None:
        keys.setdefault("sasl.mechanism", mechanism)
    username, password = keys.pop("sasl.username", None), keys.pop("sasl.password", None)
    if username is not None and password is not None:
        plain = keys.get("sasl.mechanism", "PLAIN") == "PLAIN"
        module = "plain.PlainLoginModule" if plain else "scram.ScramLoginModule"
        keys["sasl.jaas.config"] = _JAAS.format(module=module, username=_quoted(username), password=_quoted(password))
    for theirs, ours in _PEM_FILES.items():
        path = keys.pop(theirs, None)
        if path is not None:
            keys[ours] = read_bytes(Path(path), theirs).decode("latin-1")
    return keys


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
