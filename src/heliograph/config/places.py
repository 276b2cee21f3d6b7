"""Where a key may stand and which of several places wins: MM2's precedence in dedicated mode, as tables.

Read from ``MirrorMakerConfig``, ``MirrorConnectorConfig`` and ``ConnectorConfig`` of Kafka 4.3. For a flow ``A->B``
each function gives the keys that could set an option, the strongest first. What surprises people: ``A.consumer.x`` is
stronger than ``A->B.consumer.x``; the bare key is stronger than ``B.`` for what is stored on the target; and
``A->B.producer.x`` never reaches the producer that writes the records, only ``B.producer.x`` and
``A->B.producer.override.x`` do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.config.options import Family


@dataclass(frozen=True, slots=True)
class Route:
    """The two aliases of a flow."""

    source: str
    target: str

    @property
    def prefix(self) -> str:
        """What the flow's own keys begin with."""
        return f"{self.source}->{self.target}."


@dataclass(frozen=True, slots=True)
class Place:
    """Where one key of the file stands."""

    prefix: str
    """Everything before the option's name: ``A->B.``, ``B.producer.``; empty for a bare key."""
    name: str
    families: tuple[Family, ...]
    """Families whose options may stand there."""
    alias: str | None = None
    """The cluster, where the key begins with an alias."""
    route: Route | None = None
    """The flow, where the key begins with a flow."""
    dead: str = ""
    """Why nothing that stands there has an effect, and the prefix that would have one; empty: it may have one."""


_BARE = (Family.FILE, Family.FLOW, Family.STORAGE, Family.CONNECTION)
_CLUSTER = (Family.STORAGE, Family.WORKER, Family.CONNECTION, Family.CLIENT)
_READS = (Family.CONSUMER, Family.CLIENT, Family.CONNECTION)
_WRITES = (Family.PRODUCER, Family.CLIENT, Family.CONNECTION)
_ADMIN = (Family.CLIENT, Family.CONNECTION)

_FLOW_ROLES: tuple[tuple[str, tuple[Family, ...]], ...] = (
    ("source.cluster.", (Family.CONNECTION,)),
    ("target.cluster.", (Family.CONNECTION,)),
    ("source.consumer.", _READS),
    ("target.consumer.", _READS),
    ("consumer.override.", _READS),
    ("consumer.", _READS),
    ("producer.override.", _WRITES),
    ("source.producer.", _WRITES),
    ("target.producer.", _WRITES),
    ("producer.", _WRITES),
    ("source.admin.", _ADMIN),
    ("target.admin.", _ADMIN),
    ("admin.override.", _ADMIN),
    ("admin.", _ADMIN),
)
_CLUSTER_ROLES: tuple[tuple[str, tuple[Family, ...]], ...] = (
    ("consumer.", _READS),
    ("producer.", _WRITES),
    ("admin.", _ADMIN),
)
_NOT_THE_RECORDS = ("producer.", "source.producer.", "target.producer.")
_NOT_THE_READER = ("consumer.override.", "admin.override.")


def flow_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.FLOW."""
    return (route.prefix + name, name)


def one_flow_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.ONE_FLOW."""
    return (route.prefix + name,)


def worker_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.WORKER."""
    return (f"{route.target}.{name}",)


def storage_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.STORAGE: the bare key wins."""
    return (name, f"{route.target}.{name}")


def consumer_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.CONSUMER."""
    return (
        f"{route.prefix}source.consumer.{name}",
        f"{route.source}.consumer.{name}",
        f"{route.prefix}consumer.{name}",
    )


def producer_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.PRODUCER."""
    return (f"{route.prefix}producer.override.{name}", f"{route.target}.producer.{name}")


def source_connection_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys that say how to reach the source.

    One connection serves for reading and for administration: the reader's keys come first, the administrator's last.
    """
    source = route.source
    reader = (f"{route.prefix}source.consumer.{name}", f"{source}.consumer.{name}", f"{source}.{name}", name)
    weaker = (f"{route.prefix}consumer.{name}", f"{route.prefix}source.cluster.{name}")
    return (*reader, *weaker, *_admin_keys(route, "source", source, name))


def target_connection_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys that say how to reach the target; the writer's keys come first."""
    target = route.target
    writer = (f"{route.prefix}producer.override.{name}", f"{target}.producer.{name}", f"{target}.{name}", name)
    return (*writer, f"{route.prefix}target.cluster.{name}", *_admin_keys(route, "target", target, name))


def source_client_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.CLIENT for the source."""
    return (*consumer_keys(route, name), *_admin_keys(route, "source", route.source, name))


def target_client_keys(route: Route, name: str) -> tuple[str, ...]:
    """Keys of an option of Family.CLIENT for the target; at last those of the worker itself."""
    target = route.target
    return (*producer_keys(route, name), *_admin_keys(route, "target", target, name), f"{target}.{name}")


def _admin_keys(route: Route, side: str, alias: str, name: str) -> tuple[str, ...]:
    return (f"{route.prefix}{side}.admin.{name}", f"{alias}.admin.{name}", f"{route.prefix}admin.{name}")


def place(key: str, aliases: Sequence[str], flow_names: frozenset[str], routes: Sequence[Route] = ()) -> Place:
    """Say where ``key`` stands.

    ``flow_names`` are the options of a flow, which may look like a client's prefix; ``routes`` are the enabled flows.
    """
    route = find_route(key, aliases)
    if route is not None:
        rest = key[len(route.prefix) :]
        if rest not in flow_names:
            for role, families in _FLOW_ROLES:
                if rest.startswith(role):
                    name = rest[len(role) :]
                    return Place(route.prefix + role, name, families, route=route, dead=_dead(route, role, name))
        return Place(route.prefix, rest, (Family.FLOW, Family.ONE_FLOW), route=route)
    for alias in sorted(aliases, key=len, reverse=True):
        if not key.startswith(f"{alias}.") or key in flow_names:
            continue
        rest = key[len(alias) + 1 :]
        for role, families in _CLUSTER_ROLES:
            if rest.startswith(role):
                return Place(f"{alias}.{role}", rest[len(role) :], families, alias=alias)
        return Place(f"{alias}.", rest, _CLUSTER, alias=alias)
    for role, families in _CLUSTER_ROLES:
        if key.startswith(role) and key not in flow_names:
            name = key[len(role) :]
            sides = {"consumer.": [each.source for each in routes], "producer.": [each.target for each in routes]}
            either = [alias for each in routes for alias in (each.source, each.target)]
            clusters = dict.fromkeys(sides.get(role, either) or aliases)
            living = " or ".join(f"{alias}.{key}" for alias in list(clusters)[:3])
            return Place(role, name, families, dead=f"MM2 drops it without a cluster before it; write {living}")
    return Place("", key, _BARE)


def _dead(route: Route, role: str, name: str) -> str:
    if role in _NOT_THE_RECORDS:
        living = f"{route.prefix}producer.override.{name}"
        return f"it never reaches the producer that writes the records; write {living}"
    if role in _NOT_THE_READER:
        return f"it reaches no client of a flow; write {route.prefix}source.consumer.{name}"
    return ""


def find_route(key: str, aliases: Sequence[str]) -> Route | None:
    """Return the flow whose prefix ``key`` begins with; of two that fit the longer one."""
    if "->" not in key:
        return None
    routes = [
        Route(source, target)
        for source in aliases
        if key.startswith(f"{source}->")
        for target in aliases
        if key.startswith(f"{source}->{target}.")
    ]
    return max(routes, key=lambda route: len(route.prefix), default=None)
