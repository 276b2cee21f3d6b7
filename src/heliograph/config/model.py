"""What the rest of the program knows of its configuration: frozen values, nothing left to look up or to default.

Units are in the names. Every secret is a :class:`Secret`, whose text form is a mask.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from heliograph.config.schedules import Entry, Schedule

if TYPE_CHECKING:
    from heliograph.config.access import Access


class Secret:
    """A text that must never be shown: ``str``, ``repr`` and formatting give a mask, ``reveal`` the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hold ``text``."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself: only for the exchange with a broker or a key store."""
        return self._text

    def __repr__(self) -> str:
        """Return a mask of fixed length."""
        return "****"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Two secrets are equal when their texts are."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Hash of the text."""
        return hash(self._text)


APART = frozenset({"instance_id", "instance_watched", "worker_id"})
"""Fields of a flow in which its workers differ."""


class Policy(StrEnum):
    """How a topic's name on the target is made from its name on the source."""

    DEFAULT = "default"
    IDENTITY = "identity"


class Part(StrEnum):
    """A part of a flow that is paused by itself: what a connector of MirrorMaker 2 does. Its value is MM2's name."""

    SOURCE = "MirrorSourceConnector"
    """Records, topics, their configs and ACLs."""
    CHECKPOINT = "MirrorCheckpointConnector"
    """Checkpoints, and positions of groups."""
    HEARTBEAT = "MirrorHeartbeatConnector"


class LossKind(StrEnum):
    """What may be lost beside a flow (``heliograph.stop.on.loss``)."""

    RETENTION = "retention"
    """The source deleted records before they were copied."""
    TRUNCATION = "truncation"
    """The source's log was cut: records that had been read are gone from it."""
    RECREATION = "recreation"
    """The source topic was deleted and created again."""
    TARGET_DELETION = "target-deletion"
    """The target topic was deleted; what was in it is gone."""
    TARGET_TRUNCATION = "target-truncation"
    """The target's log was cut: acknowledged records are gone from its end."""
    FOREIGN_WRITE = "foreign-write"
    """Somebody else wrote to the target partition."""


class CauseKind(StrEnum):
    """Why a flow does not copy all that it should (``heliograph.ready.requires``)."""

    FLOW = "flow"
    """It does not run."""
    CLUSTER = "cluster"
    """A cluster does not answer while it copies."""
    STANDING_STILL = "standing-still"
    """Partitions failed, or have no topic to go to, and try again."""
    LOSS = "loss"
    """Partitions wait for a person after a loss."""
    HELD_UP = "held-up"
    """Partitions wait for an open transaction on the source."""
    QUOTA = "quota"
    """A broker throttles it, because it is over a quota there."""
    JOB = "job"
    """A periodic job, such as storing positions, fails again and again."""


@dataclass(frozen=True, slots=True)
class Sasl:
    """Credentials for one cluster (Kafka's ``sasl.mechanism`` and ``sasl.jaas.config``)."""

    mechanism: str
    """``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``."""
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Tls:
    """Material and rules for TLS to one cluster; key stores are already read and turned into PEM."""

    trust_pem: str | None
    """Certificates to trust, PEM, one after another; None: the system's trust store."""
    certificate_pem: str | None = None
    """The client's certificate chain, leaf first."""
    key_pem: Secret | None = None
    """The client's private key, PKCS#8 PEM without a password."""
    verify_host_name: bool = True
    """False where ``ssl.endpoint.identification.algorithm`` is empty."""
    minimum_version: str = "TLSv1.2"
    """``TLSv1.2`` or ``TLSv1.3``."""
    maximum_version: str = "TLSv1.3"
    ciphers: tuple[str, ...] = ()
    """``ssl.cipher.suites`` for TLS 1.2, by OpenSSL's names; empty: the library's own choice."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """How to reach one cluster."""

    alias: str
    bootstrap: tuple[tuple[str, int], ...]
    """Host and port of each bootstrap server, in the order given."""
    tls: Tls | None = None
    sasl: Sasl | None = None
    client_id: str = "heliograph"
    request_timeout_ms: int = 30_000
    connect_timeout_ms: int = 10_000
    """``socket.connection.setup.timeout.ms``."""
    reconnect_backoff_ms: int = 50
    reconnect_backoff_max_ms: int = 1_000
    retry_backoff_ms: int = 100
    retry_backoff_max_ms: int = 1_000
    metadata_max_age_ms: int = 300_000

    @property
    def protocol(self) -> str:
        """Kafka's name for the security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        return ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """Name and shape of one of the topics that hold a flow's state."""

    name: str
    partitions: int
    replication_factor: int
    """-1: the broker's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncConfig:
    """What a flow keeps in step besides records, topics and their configs. An interval of None: not done."""

    offset_syncs: bool
    """Whether offset syncs are written."""
    offset_syncs_location: str | None
    """``source`` or ``target``; None: where the topic exists, else the target."""
    offset_syncs_replication_factor: int
    """-1 here and below: the broker's default."""
    offset_lag_max: int
    """Offsets on the target between two offset syncs, not counting either."""
    groups: tuple[str, ...]
    """Java regular expressions of the consumer groups that are followed, each matching whole names."""
    groups_exclude: tuple[str, ...]
    refresh_groups_interval_s: float | None
    checkpoints_interval_s: float | None
    checkpoints_replication_factor: int
    group_offsets_interval_s: float | None
    """How often translated positions are committed on the target."""
    heartbeats_interval_s: float | None
    heartbeats_replication_factor: int
    reverse_heartbeats_interval_s: float | None
    """The same for the reverse flow, which writes them to the source; None too where that flow runs itself."""
    acls_interval_s: float | None
    acls_mode: str
    """``mm2``, or ``all`` for prefixes and groups too."""


@dataclass(frozen=True, slots=True)
class TransactionConfig:
    """How a flow with exactly-once delivery makes its transactions."""

    interval_ms: int | None
    """They are committed so often; None: as soon as nothing waits to be sent."""
    timeout_ms: int
    """After which the target's coordinator aborts one that nobody ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """One direction of replication between two clusters; what an option decides has its default in the option table."""

    source: ClusterConfig
    target: ClusterConfig

    topics: tuple[str, ...]
    """Java regular expressions, each matching whole names."""
    topics_exclude: tuple[str, ...]
    policy: Policy
    source_name: str
    """The source's alias in names of topics and in stored positions; another than its own where the file says so."""
    target_name: str
    separator: str
    internal_separator: str
    """Separator used in the names of offset-syncs and checkpoints topics."""
    merges: bool = False
    """Another flow of the file may write to the same topics of the target (identity policy, fan-in)."""
    replicate_heartbeats: bool
    replication_factor: int
    """For topics created on the target; -1: the broker's default."""
    refresh_topics_interval_s: float | None
    """None: new topics and partitions are not looked for."""
    sync_topic_configs_interval_s: float | None
    config_properties_exclude: tuple[str, ...]
    """Java regular expressions of topic configs that are not copied."""
    use_defaults_from: str
    delete_topics: bool
    """Copies are deleted when their source topics are gone."""

    read_committed: bool
    """False: records of aborted and of unfinished transactions are copied too."""
    start_at_latest: bool
    """Where a partition without a stored position begins: False its first record, True its end."""
    fetch_max_bytes: int
    fetch_max_partition_bytes: int
    fetch_max_wait_ms: int
    client_rack: str
    window_bytes: int
    """Most bytes fetched and not yet acknowledged, for the whole flow."""
    limit_bytes_per_s: int | None
    """Most bytes that are read in a second; None: no limit. The next two say when there is another."""
    limit_entries: tuple[Entry, ...]
    limit_time_zone: str
    stop_on_loss: frozenset[LossKind]
    """Losses at which a partition stands still until a person decides; after the others it goes on."""
    batch_max_bytes: int
    """Largest batch that merging makes; the target topic's own ``max.message.bytes`` lowers it."""
    produce_timeout_ms: int

    sync: SyncConfig

    group_id: str
    """Group on the target whose members share the flow's lanes (MM2: ``<source>-mm2``)."""
    tasks_max: int | None = None
    """Most members that get any lanes; None: no limit."""
    instance_id: str | None = None
    """Of a static member of the group (KIP-345)."""
    instance_watched: bool = False
    """Whether somebody sees to it that no two processes have that id at a time: the parent of several workers."""
    session_timeout_ms: int
    heartbeat_interval_ms: int
    rebalance_timeout_ms: int
    offsets_topic: InternalTopic
    config_topic: InternalTopic
    """Connect's; here it says what is paused."""
    transactions: TransactionConfig | None = None
    """None: at least once, with exact resume; else exactly once."""
    worker_id: str = ""
    """``host:port`` by which Kafka Connect's REST API names this process; empty: it has none."""
    connector_name: str = Part.SOURCE
    """First element of the key under which source offsets are stored; empty: nothing is copied."""
    checkpoint_connector: str = Part.CHECKPOINT
    """What Connect calls that part of the flow; empty: there is none."""
    heartbeat_connector: str = Part.HEARTBEAT
    connect_group_id: str | None = None
    """Group of the Connect cluster whose connectors these are; None: the flow's own (``group_id``)."""
    offset_flush_interval_ms: int
    shutdown_timeout_ms: int
    """Time for draining and committing at a stop (``task.shutdown.graceful.timeout.ms``)."""

    @property
    def limit(self) -> Schedule:
        """How much may be read, and when."""
        return Schedule(self.limit_bytes_per_s, self.limit_entries, self.limit_time_zone)

    @property
    def digest(self) -> str:
        """A few letters that tell this configuration of the flow from others; of the clusters only their names count.

        It says nothing of secrets, which belong to the clusters.
        """
        told = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in APART}
        told |= {side: told[side].alias for side in ("source", "target")}
        return hashlib.sha256(json.dumps(told, default=_plain, sort_keys=True).encode()).hexdigest()[:8]

    def transactional_id(self, slot: int = 0) -> str:
        """Return the id of the worker with this number.

        MM2's source task of that number would have the same (KIP-618), so that each of the two fences the other.
        """
        return f"{self.transactional_prefix}{slot}"

    @property
    def transactional_prefix(self) -> str:
        """What the ids of all workers begin with."""
        return f"{self.connect_group_id or self.group_id}-{self.connector_name}-"

    @property
    def connectors(self) -> dict[Part, str]:
        """Names of the connectors that there are."""
        names = {
            Part.SOURCE: self.connector_name,
            Part.CHECKPOINT: self.checkpoint_connector,
            Part.HEARTBEAT: self.heartbeat_connector,
        }
        return {part: name for part, name in names.items() if name}

    @property
    def name(self) -> str:
        """``source->target``, as in MM2's files and metrics."""
        return f"{self.source.alias}->{self.target.alias}"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something in the configuration that has no effect or another effect than its author meant."""

    key: str
    message: str
    """One sentence: what happens, and which key or value was probably meant."""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RestListener:
    """An address on which Kafka Connect's REST API is served."""

    host: str
    port: int
    tls: bool


class ClientAuth(StrEnum):
    """What a server wants of a client's certificate (``ssl.client.auth``)."""

    NONE = "none"
    REQUESTED = "requested"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Material and rules for TLS on listeners."""

    tls: Tls
    client_auth: ClientAuth


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """An identity provider whose tokens say who somebody is."""

    jwks_url: str
    """Where its public keys are."""
    issuer: str
    """By which it calls itself in a token."""
    audience: tuple[str, ...]
    """For whom a token must be meant: one of these."""
    user_claim: str
    groups_claim: str


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A header that answers get."""

    name: str
    """In small letters."""
    value: str
    replaces: bool
    """Whether it takes the place of one that is there."""


@dataclass(frozen=True, slots=True)
class RestConfig:
    """How that API is served."""

    listeners: tuple[RestListener, ...]
    worker_id: str
    """``host:port`` by which this worker is known to others (``rest.advertised.*``)."""
    read_tls: Callable[[], ServerTls] | None = None
    """Reads the key stores as they are now, and raises ConfigError; None: no listener has TLS."""
    read_access: Callable[[], "Access"] | None = None
    """Reads who may do what, and raises ConfigError; None: whoever reaches a listener may do everything."""
    oidc: OidcConfig | None = None
    hosts: tuple[str, ...] = ()
    """Names by which clients may call this worker (``heliograph.rest.allowed.hosts``); empty: not told."""
    origins: tuple[str, ...] = ()
    """Sites whose pages may send requests (``access.control.allow.origin``)."""
    methods: tuple[str, ...] = ()
    """What such pages may do (``access.control.allow.methods``)."""
    headers: tuple[HeaderRule, ...] = ()
    """What answers get (``response.http.headers.config``)."""


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration file, whole."""

    path: Path
    clusters: dict[str, ClusterConfig]
    """Those that a flow uses, by alias, in the order of ``clusters``."""
    flows: tuple[FlowConfig, ...]
    http_listener: tuple[str, int] | None = None
    """Where metrics and health are served; None: nowhere."""
    rest: RestConfig | None = None
    """Where Kafka Connect's REST API is served; None: nowhere."""
    connectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What MirrorMaker 2 would give the connectors of each flow, secrets masked."""
    ready_requires: frozenset[CauseKind] = frozenset({CauseKind.FLOW})
    """What makes ``/ready`` say no (``heliograph.ready.requires``); FLOW is always among them."""
    watches: bool = True
    """Whether the file is read again when it changes (``heliograph.reload.on.change``)."""
    total_limit: Schedule = field(default_factory=Schedule)
    """How much all flows together may read, and when."""
    warnings: tuple[Warned, ...] = ()
    effective: tuple[tuple[str, str, str], ...] = ()
    """For ``heliograph check``: key, value (secrets masked), origin (``file:line``, ``default``, or ``derived``
    from others); sorted by key."""


def _plain(value: object) -> object:
    """Return what JSON has no form for as something that it has; the same for equal values."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return sorted(map(str, value)) if isinstance(value, frozenset) else str(value)
