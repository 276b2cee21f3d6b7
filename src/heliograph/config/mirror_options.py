r"""The options of MirrorMaker 2 and of the Connect worker inside it.

Names and defaults are those of Kafka 4.3 (``MirrorSourceConfig``, ``MirrorCheckpointConfig``,
``MirrorHeartbeatConfig``, ``MirrorMakerConfig``, ``DistributedConfig``). Where ours is better, ``mm2_default`` holds
theirs. The spellings that Kafka 4.0 removed are in :mod:`~heliograph.config.renamed`.
"""

from heliograph.config.model import CauseKind, LossKind
from heliograph.config.options import Effect, Family, Option
from heliograph.config.typed import Kind

_FILE = Family.FILE
_FLOW = Family.FLOW
_WORKER = Family.WORKER
_STORAGE = Family.STORAGE
_NEVER = Effect.NEVER

DEFAULT_POLICY = "org.apache.kafka.connect.mirror.DefaultReplicationPolicy"
IDENTITY_POLICY = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
_BYTES_CONVERTER = "org.apache.kafka.connect.converters.ByteArrayConverter"


def _limits(prefix: str, family: Family, what: str) -> tuple[Option, ...]:
    """Declare the options that limit the bandwidth of ``what``."""
    return (
        Option(
            f"{prefix}limit.bytes.per.second",
            family,
            Kind.STRING,
            "none",
            f"Most bytes that {what} a second, all workers together: 10MB, or none for no limit.",
        ),
        Option(
            f"{prefix}limit.schedule",
            family,
            Kind.STRING,
            "",
            "Hours of the week with another limit: Mon-Fri 08:00-18:00 10MB; Sat,Sun none.",
        ),
        Option(f"{prefix}limit.time.zone", family, Kind.STRING, "UTC", "Their time zone, such as Europe/Berlin."),
    )


_FILE_OPTIONS = (
    Option("clusters", _FILE, Kind.LIST, None, "Aliases of the clusters."),
    Option(
        "heliograph.http.listener",
        _FILE,
        Kind.STRING,
        "",
        "Host and port where /metrics, /live, /ready and /status are served; empty: nowhere.",
    ),
    Option(
        "heliograph.ready.requires",
        _FILE,
        Kind.LIST,
        CauseKind.FLOW,
        "Causes for which /ready says 503, or all; flow, that a flow does not run, always counts.",
        choices=(*CauseKind, "all"),
    ),
    Option(
        "heliograph.reload.on.change",
        _FILE,
        Kind.BOOLEAN,
        "true",
        "Whether this file is read again when it changes, or one that it refers to; SIGHUP always does that.",
    ),
    *_limits("heliograph.total.", _FILE, "all flows of the process together read"),
    Option("config.providers", _FILE, Kind.LIST, "", "Names of the providers that ${name:path:key} may use."),
    Option("config.providers.*", _FILE, Kind.STRING, None, "Class and parameters of a provider."),
    Option(
        "dedicated.mode.enable.internal.rest",
        _FILE,
        Kind.STRING,
        None,
        "Part of MM2's internal REST server, which is not needed here.",
        effect=_NEVER,
    ),
)

_REST_OPTIONS = (
    Option(
        "heliograph.rest.allow.anonymous",
        _FILE,
        Kind.BOOLEAN,
        "false",
        "Whether the REST API may be served to others than this machine without asking who they are.",
    ),
    Option("heliograph.rest.access.file", _FILE, Kind.STRING, "", "File that says who may do what by the REST API."),
    Option(
        "heliograph.rest.jaas.file",
        _FILE,
        Kind.STRING,
        "",
        "JAAS file of Connect's BasicAuthSecurityRestExtension, which Java is told by "
        "-Djava.security.auth.login.config.",
    ),
    Option(
        "heliograph.rest.allowed.hosts",
        _FILE,
        Kind.LIST,
        "",
        "Names by which clients may call the REST API, besides those of listeners and of this machine.",
    ),
    Option(
        "heliograph.rest.oidc.jwks.url",
        _FILE,
        Kind.STRING,
        "",
        "Where an identity provider (OpenID Connect) has its public keys; its tokens then say who somebody is.",
    ),
    Option("heliograph.rest.oidc.issuer", _FILE, Kind.STRING, "", "How that provider calls itself in its tokens."),
    Option("heliograph.rest.oidc.audience", _FILE, Kind.LIST, "", "For whom its tokens must be meant: one of these."),
    Option("heliograph.rest.oidc.user.claim", _FILE, Kind.STRING, "sub", "What in a token is the user's name."),
    Option("heliograph.rest.oidc.groups.claim", _FILE, Kind.STRING, "groups", "What in a token are his groups."),
    *(
        Option(
            "ssl.client.auth",
            family,
            Kind.STRING,
            "none",
            "Whether clients of the REST API show a certificate, by which they are known.",
            choices=("none", "requested", "required"),
        )
        for family in (_FILE, _WORKER)
    ),
    *(
        Option(name, family, kind, None, meaning, minimum=1 if kind is Kind.INT else None)
        for family in (_FILE, _WORKER)
        for name, kind, meaning in (
            (
                "listeners",
                Kind.LIST,
                "Where Kafka Connect's REST API is served, such as http://127.0.0.1:8083; without it, nowhere.",
            ),
            ("rest.host.name", Kind.STRING, "The same in older files: the host, by default the loopback address."),
            ("rest.port", Kind.INT, "The same in older files: the port, by default 8083."),
            ("rest.advertised.host.name", Kind.STRING, "Host by which the REST API names this worker."),
            ("rest.advertised.port", Kind.INT, "Port by which the REST API names this worker."),
            ("rest.advertised.listener", Kind.STRING, "Kind of listener by which other workers reach this one."),
            (
                "rest.extension.classes",
                Kind.LIST,
                "Connect's BasicAuthSecurityRestExtension asks users for a password; others cannot run here.",
            ),
            (
                "access.control.allow.origin",
                Kind.LIST,
                "Sites whose pages may use the REST API, such as https://ops.example; * for all.",
            ),
            ("access.control.allow.methods", Kind.LIST, "What such pages may do; without it GET, POST and HEAD."),
            (
                "response.http.headers.config",
                Kind.STRING,
                "Headers that answers of the REST API get, such as add X-Content-Type-Options: nosniff.",
            ),
            (
                "listeners.https.*",
                Kind.STRING,
                "The ssl.* options for the REST API alone; where there is one, the others do not count for it.",
            ),
        )
    ),
)

_TOPIC_OPTIONS = (
    Option("enabled", Family.ONE_FLOW, Kind.BOOLEAN, "false", "Whether the flow exists."),
    Option("topics", _FLOW, Kind.LIST, ".*", "Topics to copy: Java regular expressions, each for a whole name."),
    Option(
        "topics.exclude",
        _FLOW,
        Kind.LIST,
        r"mm2.*\.internal, .*[\-\.]internal, .*\.replica, __.*",
        "Topics not to copy; stronger than topics.",
        mm2_default=r"mm2.*\.internal, .*\.replica, __.*",
    ),
    Option(
        "replication.policy.class",
        _FLOW,
        Kind.CLASS,
        DEFAULT_POLICY,
        "How a topic is named on the target: with the source's alias before it, or as on the source.",
    ),
    Option(
        "heliograph.replication.policy",
        _FLOW,
        Kind.STRING,
        None,
        "Which of these two a Java class of your own means; not needed for MM2's classes.",
        choices=("default", "identity"),
    ),
    *(
        Option(
            f"{side}.cluster.alias",
            _FLOW,
            Kind.STRING,
            None,
            f"The {side}'s name in names of topics and in stored positions; without it, its alias.",
        )
        for side in ("source", "target")
    ),
    Option("replication.policy.separator", _FLOW, Kind.STRING, ".", "What stands between alias and topic."),
    Option(
        "replication.policy.internal.topic.separator.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "true",
        "Whether the names of the checkpoints and offset-syncs topics use the separator too.",
    ),
    Option("heartbeats.replication.enabled", _FLOW, Kind.BOOLEAN, "true", "Whether heartbeats topics are copied."),
    Option(
        "replication.factor",
        _FLOW,
        Kind.INT,
        "2",
        "Replicas of topics made on the target; -1: as the broker decides.",
        minimum=-1,
    ),
    Option("refresh.topics.enabled", _FLOW, Kind.BOOLEAN, "true", "Whether new topics and partitions are looked for."),
    Option(
        "refresh.topics.interval.seconds",
        _FLOW,
        Kind.LONG,
        "10",
        "How often new topics and partitions are looked for, in seconds; negative: never.",
        mm2_default="600",
    ),
    Option("sync.topic.configs.enabled", _FLOW, Kind.BOOLEAN, "true", "Whether topic configs follow the source."),
    Option(
        "sync.topic.configs.interval.seconds",
        _FLOW,
        Kind.LONG,
        "600",
        "How often topic configs are compared, in seconds; negative: never.",
    ),
    Option(
        "config.properties.exclude",
        _FLOW,
        Kind.LIST,
        "follower.replication.throttled.replicas, leader.replication.throttled.replicas, "
        "message.timestamp.difference.max.ms, log.message.timestamp.before.max.ms, "
        "log.message.timestamp.after.max.ms, message.timestamp.type, unclean.leader.election.enable, "
        "min.insync.replicas",
        "Topic configs not to copy: Java regular expressions.",
    ),
    Option(
        "use.defaults.from",
        Family.ONE_FLOW,
        Kind.STRING,
        "target",
        "Whose value a topic config gets that is a default on the source.",
        choices=("source", "target"),
    ),
    Option(
        "heliograph.delete.topics",
        _FLOW,
        Kind.BOOLEAN,
        "false",
        "Whether a copy is deleted on the target when its source topic is gone at six looks; needs Delete on the copy.",
    ),
    Option(
        "heliograph.window.bytes",
        _FLOW,
        Kind.LONG,
        "25165824",
        "Most bytes read from the source and not yet acknowledged by the target.",
        minimum=1 << 16,
    ),
    *_limits("heliograph.", _FLOW, "the flow reads"),
    Option(
        "heliograph.stop.on.loss",
        _FLOW,
        Kind.LIST,
        "",
        "Losses at which a partition stands still until a person decides, or all; after the others it goes on.",
        choices=(*LossKind, "all"),
    ),
    Option(
        "sync.topic.acls.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "true",
        "Whether ACLs on topics follow the source.",
    ),
    Option("sync.topic.acls.interval.seconds", _FLOW, Kind.LONG, "600", "How often ACLs are compared, in seconds."),
    Option(
        "heliograph.sync.acls.mode",
        _FLOW,
        Kind.STRING,
        "mm2",
        "mm2: literal ACLs on topics, as MM2 does; all: also those on topic prefixes and consumer groups.",
        choices=("mm2", "all"),
    ),
    Option(
        "offset-syncs.topic.location",
        _FLOW,
        Kind.STRING,
        None,
        "On which cluster the offset-syncs topic is; without it: where the topic exists, else on the target.",
        mm2_default="source",
        choices=("source", "target"),
    ),
    Option("offset-syncs.topic.replication.factor", _FLOW, Kind.SHORT, "3", "Replicas of the offset-syncs topic."),
    Option("offset.lag.max", _FLOW, Kind.LONG, "100", "Most offsets between two offset syncs.", minimum=0),
    Option(
        "emit.offset-syncs.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "true",
        "Whether offset syncs are written.",
    ),
)

_GROUP_OPTIONS = (
    Option("groups", _FLOW, Kind.LIST, ".*", "Consumer groups whose positions are translated."),
    Option("groups.exclude", _FLOW, Kind.LIST, "console-consumer-.*, connect-.*, __.*", "Consumer groups left out."),
    Option(
        "sync.group.offsets.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "false",
        "Whether translated positions are committed on the target.",
    ),
    Option(
        "emit.checkpoints.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "true",
        "Whether translated positions are written to the checkpoints topic.",
    ),
    Option(
        "emit.heartbeats.enabled",
        _FLOW,
        Kind.BOOLEAN,
        "true",
        "Whether a flow writes heartbeats to its target; a flow that is not enabled itself does so too.",
    ),
    Option("refresh.groups.enabled", _FLOW, Kind.BOOLEAN, "true", "Whether new groups are looked for."),
    Option(
        "refresh.groups.interval.seconds",
        _FLOW,
        Kind.LONG,
        "60",
        "How often new groups are looked for, in seconds.",
        mm2_default="600",
    ),
    *(
        Option(name, _FLOW, kind, default, meaning)
        for name, kind, default, meaning in (
            ("sync.group.offsets.interval.seconds", Kind.LONG, "60", "How often positions are committed, in seconds."),
            ("emit.checkpoints.interval.seconds", Kind.LONG, "60", "How often checkpoints are written, in seconds."),
            ("checkpoints.topic.replication.factor", Kind.SHORT, "3", "Replicas of the checkpoints topic."),
            ("emit.heartbeats.interval.seconds", Kind.LONG, "1", "How often heartbeats are written, in seconds."),
            ("heartbeats.topic.replication.factor", Kind.SHORT, "3", "Replicas of the heartbeats topic."),
        )
    ),
)


def _unused(family: Family, kind: Kind, *names: str) -> tuple[Option, ...]:
    """Declare options of Kafka Connect that have nothing to govern here, and whose absence harms nobody."""
    meaning = "An option of Kafka Connect that has nothing to govern here."
    return tuple(Option(name, family, kind, None, meaning, effect=_NEVER) for name in names)


def _java(family: Family, name: str, acts_like: tuple[str, ...], what: str) -> Option:
    """Declare an option that plugs in Java code: running without that code would do something else."""
    return Option(
        name,
        family,
        Kind.CLASS,
        None,
        "Java code plugged into MM2, which cannot run here.",
        effect=_NEVER,
        acts_like=acts_like,
        without=f"names Java code that cannot run here, so {what}",
        refused=True,
    )


_MIRROR = "org.apache.kafka.connect.mirror."

_CONNECTOR_OPTIONS = (
    Option(
        "tasks.max",
        _FLOW,
        Kind.INT,
        None,
        "How many workers may share the partitions of a flow; without it, all that there are. One worker copies as "
        "fast as it can, whatever the number.",
        minimum=1,
    ),
    *_unused(_FLOW, Kind.LONG, "admin.timeout.ms", "consumer.poll.timeout.ms", "errors.retry.timeout"),
    *_unused(_FLOW, Kind.LONG, "errors.retry.delay.max.ms"),
    *_unused(_FLOW, Kind.BOOLEAN, "tasks.max.enforce", "errors.log.enable", "errors.log.include.messages"),
    *_unused(_FLOW, Kind.LIST, "metric.reporters", "metric.names.formats"),
    *_unused(_FLOW, Kind.STRING, "name", "connector.class", "connector.plugin.version", "config.action.reload"),
    *_unused(Family.ONE_FLOW, Kind.STRING, "topic.creation.*"),
    *_unused(Family.ONE_FLOW, Kind.STRING, "offsets.storage.topic"),
    Option(
        "exactly.once.support",
        Family.ONE_FLOW,
        Kind.STRING,
        "requested",
        "Whether a flow may only run with exactly-once delivery; needs exactly.once.source.support=enabled then.",
        choices=("requested", "required"),
    ),
    Option(
        "transaction.boundary",
        Family.ONE_FLOW,
        Kind.STRING,
        "poll",
        "When a transaction is committed: as soon as nothing waits to be sent (and after 100 ms at the latest), or at "
        "intervals only.",
        choices=("poll", "interval"),
    ),
    Option(
        "transaction.boundary.interval.ms",
        Family.ONE_FLOW,
        Kind.LONG,
        None,
        "Time between commits of transactions, in milliseconds; without it, offset.flush.interval.ms.",
        minimum=1,
    ),
    Option(
        "errors.tolerance",
        _FLOW,
        Kind.STRING,
        "none",
        "Whether records that cannot be copied are skipped.",
        effect=_NEVER,
        acts_like=("none",),
        without="has no effect: no record is skipped; a partition that cannot go on stops alone and says why",
    ),
    _java(_FLOW, "transforms", ("",), "records would be copied unchanged"),
    _java(_FLOW, "predicates", ("",), "records would be copied unchanged"),
    *_unused(Family.ONE_FLOW, Kind.STRING, "transforms.*", "predicates.*"),
    _java(_FLOW, "topic.filter.class", (f"{_MIRROR}defaulttopicfilter",), "other topics would be copied"),
    _java(_FLOW, "group.filter.class", (f"{_MIRROR}defaultgroupfilter",), "other groups would be followed"),
    _java(
        _FLOW,
        "config.property.filter.class",
        (f"{_MIRROR}defaultconfigpropertyfilter",),
        "other topic configs would be copied",
    ),
    _java(
        _FLOW,
        "forwarding.admin.class",
        ("org.apache.kafka.clients.admin.forwardingadmin",),
        "topics would be made by plain requests to the cluster",
    ),
    *(
        Option(
            name,
            family,
            Kind.CLASS,
            _BYTES_CONVERTER,
            "Nothing to choose: keys, values and headers are copied byte by byte.",
            effect=_NEVER,
            acts_like=(_BYTES_CONVERTER.lower(),),
            without="has no effect: keys, values and headers are copied byte by byte",
        )
        for name in ("key.converter", "value.converter", "header.converter")
        for family in (_FLOW, _STORAGE)
    ),
)

_WORKER_OPTIONS = (
    Option(
        "group.id",
        _WORKER,
        Kind.STRING,
        None,
        "Group on the target whose members take turns at copying a flow, one at a time; without it <source>-mm2.",
    ),
    Option(
        "group.instance.id",
        _STORAGE,
        Kind.STRING,
        None,
        "Name of this process in the group, unlike all others': restarted within the session, it keeps its partitions.",
    ),
    Option("session.timeout.ms", _WORKER, Kind.INT, "10000", "Silence after which a worker counts as dead.", minimum=1),
    Option("heartbeat.interval.ms", _WORKER, Kind.INT, "3000", "Pause between a worker's heartbeats.", minimum=1),
    Option("rebalance.timeout.ms", _WORKER, Kind.INT, "60000", "Longest wait for workers to join.", minimum=1),
    Option(
        "offset.flush.interval.ms",
        _WORKER,
        Kind.LONG,
        "10000",
        "How often positions are stored, in milliseconds.",
        mm2_default="60000",
        minimum=1,
    ),
    Option(
        "task.shutdown.graceful.timeout.ms",
        _STORAGE,
        Kind.LONG,
        "5000",
        "Time for draining and storing positions at a stop, in milliseconds.",
        minimum=0,
    ),
    Option(
        "offset.storage.topic",
        _STORAGE,
        Kind.STRING,
        None,
        "Topic on the target that holds the positions; without it mm2-offsets.<source>.internal.",
    ),
    Option("offset.storage.partitions", _STORAGE, Kind.INT, "25", "Partitions of that topic when made.", minimum=1),
    Option(
        "offset.storage.replication.factor",
        _STORAGE,
        Kind.SHORT,
        "3",
        "Replicas of that topic when made; -1: as the broker decides.",
        minimum=-1,
    ),
    Option("config.storage.topic", _STORAGE, Kind.STRING, None, "Says what is paused (mm2-configs.<source>.internal)."),
    Option(
        "config.storage.replication.factor",
        _STORAGE,
        Kind.SHORT,
        None,
        "Replicas of that topic when made; -1: as the broker decides. Without it, as many as the positions have.",
        minimum=-1,
        mm2_default="3",
    ),
    Option(
        "status.storage.topic",
        _STORAGE,
        Kind.STRING,
        None,
        "Topic in which a Connect cluster keeps what its connectors do; needed in a Connect worker's file.",
    ),
    Option("status.storage.partitions", _STORAGE, Kind.INT, "5", "Partitions of that topic when made.", minimum=1),
    Option(
        "status.storage.replication.factor",
        _STORAGE,
        Kind.SHORT,
        "3",
        "Replicas of that topic when made; -1: as the broker decides.",
        minimum=-1,
    ),
    Option(
        "exactly.once.source.support",
        _WORKER,
        Kind.STRING,
        "disabled",
        "Whether records and their positions go to the target in the same transactions; preparing is like disabled.",
        choices=("disabled", "preparing", "enabled"),
    ),
    *_unused(_STORAGE, Kind.STRING, "offset.storage.*", "config.storage.*", "status.storage.*"),
    *_unused(_STORAGE, Kind.STRING, "key.converter.*", "value.converter.*", "header.converter.*"),
    *_unused(
        _WORKER,
        Kind.STRING,
        "connect.protocol",
        "connector.client.config.override.policy",
        "inter.worker.*",
        "internal.key.converter",
        "internal.topics.automatic.creation.enable",
        "internal.value.converter",
        "offset.flush.timeout.ms",
        "plugin.discovery",
        "plugin.path",
        "scheduled.rebalance.max.delay.ms",
        "topic.creation.enable",
        "topic.tracking.allow.reset",
        "topic.tracking.enable",
        "worker.*",
        "acks",
    ),
)

MIRROR_OPTIONS: tuple[Option, ...] = (
    *_FILE_OPTIONS,
    *_REST_OPTIONS,
    *_TOPIC_OPTIONS,
    *_GROUP_OPTIONS,
    *_CONNECTOR_OPTIONS,
    *_WORKER_OPTIONS,
)
