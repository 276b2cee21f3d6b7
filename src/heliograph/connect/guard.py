"""A place in the group of a Connect cluster, which keeps real Kafka Connect workers out as long as it is held.

The group has Connect's id and a protocol type of our own, so the broker refuses to mix the two. Nothing is shared out
in it: each flow has a group of its own for that.
"""

import asyncio
import time

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.group import Beat, GroupConfig, Membership
from heliograph.cluster.retry import retriable
from heliograph.errors import HeliographError
from heliograph.mirror.naming import PROTOCOL_TYPE
from heliograph.offsets import joining

SESSION_MS = 10_000
HEARTBEAT_S = 3.0
REBALANCE_MS = 10_000
LEAVE_S = 1.0


class Guard:
    """One member."""

    def __init__(self, cluster: Cluster, group_id: str) -> None:
        """Nothing is joined yet."""
        self._cluster = cluster
        self._membership = Membership(
            cluster, GroupConfig(group_id, PROTOCOL_TYPE, "connect-1", SESSION_MS, REBALANCE_MS)
        )

    async def enter(self) -> None:
        """Join. Raises BrokerError where the group is another program's, and stays so."""
        while True:
            joined = await joining.join(
                self._cluster,
                self._membership,
                lambda: b"{}",
                remedy="Stop it, or give this worker another group.id",
                clock=time.monotonic,
            )
            nothing = dict.fromkeys(joined.members, b"") if joined.leads else {}
            if await self._membership.sync(nothing) is not None:
                return

    async def keep(self) -> None:
        """Stay in the group until cancelled; raises what cannot pass by itself."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                if await self._membership.heartbeat() is not Beat.GOOD:
                    await self.enter()
            except HeliographError as error:
                if retriable(error) is None:
                    raise

    async def leave(self) -> None:
        """Leave, as far as that is possible at once."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._membership.leave()
        except (HeliographError, TimeoutError):
            pass  # its session ends by itself
