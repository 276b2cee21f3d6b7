"""Into a group that may be another program's: one that has just been killed is waited for, one that runs is named."""

import asyncio
from collections.abc import Callable

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.group import Joined, Membership
from heliograph.errors import BrokerError
from heliograph.wire import errors as codes

OTHER_PROTOCOL_S = 15.0
"""How long a group of another protocol is waited for: a MirrorMaker that was killed leaves after its session."""


async def join(
    cluster: Cluster, membership: Membership, says: Callable[[], bytes], *, remedy: str, clock: Callable[[], float]
) -> Joined:
    """Join as :meth:`Membership.join` does; ``says`` is asked for the metadata at each try.

    Raises a BrokerError, with ``remedy``, where the group stays another program's.
    """
    deadline = clock() + OTHER_PROTOCOL_S
    while True:
        try:
            return await membership.join(says())
        except BrokerError as error:
            if error.code != codes.INCONSISTENT_GROUP_PROTOCOL:
                raise
            if clock() >= deadline:
                group = membership.config.group_id
                raise BrokerError(
                    f"Group {group} on {cluster.alias} belongs to another program, most likely a running "
                    f"MirrorMaker 2{await _where(cluster, group)}: both would copy the same records",
                    code=error.code,
                    remedy=remedy,
                ) from error
            await asyncio.sleep(1.0)


async def _where(cluster: Cluster, group: str) -> str:
    """Say where the members of a group run, as far as the broker tells."""
    found = (await groups.describe(cluster, [group])).get(group)
    if not isinstance(found, groups.Described) or not found.members:
        return ""
    return f" ({found.protocol_type}: {groups.whereabouts(found.members)})"
