"""The topics that a flow keeps for itself and for readers of MirrorMaker 2's formats: made when they are missing.

They have one partition and are compacted. Where an administrator has created them, no permission to create is needed. A
topic that cannot be created is tried again now and then, not with every record that should go there.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from heliograph.cluster import admin, table
from heliograph.cluster.cluster import Cluster
from heliograph.errors import BrokerError, HeliographError
from heliograph.wire import errors as codes

TRY_AGAIN_S = 30.0
CONFIGS = {"cleanup.policy": "compact"}


@dataclass(slots=True)
class InternalTopic:
    """One such topic; only its partition 0 is written."""

    cluster: Cluster
    name: str
    replication_factor: int
    """-1: the broker's default."""
    option: str
    """The option that gives the number of replicas."""
    _ready: bool = False
    _try_again_s: float = 0.0
    _error: HeliographError | None = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def exists(self) -> bool:
        """Say whether the cluster has it, as far as we may see. Raises a ClusterError."""
        await self.cluster.refresh([self.name])
        found = self.cluster.metadata.topics.get(self.name)
        return found is not None and bool(found.partitions)

    async def ensure(self) -> None:
        """Make it unless it is there. Raises why that is not possible, and for a while without asking again."""
        async with self._making:
            if self._ready:
                return
            if self._error is not None and time.monotonic() < self._try_again_s:
                raise self._error
            try:
                await self._make()
            except HeliographError as error:
                self._error, self._try_again_s = error, time.monotonic() + TRY_AGAIN_S
                raise
            self._ready, self._error = True, None

    async def _make(self) -> None:
        if await self.exists():
            return
        wanted = admin.NewTopic(self.name, 1, self.replication_factor, CONFIGS)
        error = (await admin.create_topics(self.cluster, [wanted])).get(self.name)
        if isinstance(error, BrokerError) and error.code == codes.INVALID_REPLICATION_FACTOR:
            raise BrokerError(error.message, code=error.code, remedy=f"Set {self.option}")
        if error is not None:
            raise error
        await self.cluster.refresh([self.name])

    async def write(self, rows: Sequence[tuple[bytes, bytes]], now_ms: int) -> None:
        """Append records, making the topic first where it is missing. Raises a ClusterError."""
        await self.ensure()
        try:
            await table.write(self.cluster, self.name, {0: rows}, now_ms)
        except HeliographError:
            self._ready = False  # it may have been deleted
            raise
