"""The options of Kafka's clients: how to connect, read and write.

Names and defaults are those of Kafka 4.3's ``CommonClientConfigs``, ``SslConfigs``, ``SaslConfigs``, ``ConsumerConfig``
and ``ProducerConfig``. An option without effect here is declared all the same, so that a file which sets it is not told
that the key is unknown.
"""

from heliograph.config.options import Effect, Family, Option
from heliograph.config.typed import Kind

_C = Family.CONNECTION
_ANY = Family.CLIENT
_R = Family.CONSUMER
_W = Family.PRODUCER


def _idle(family: Family, *names: str, without: str = "") -> tuple[Option, ...]:
    """Declare options of Kafka's Java clients that have nothing to govern here."""
    meaning = "An option of Kafka's Java clients that has nothing to govern here."
    return tuple(
        Option(name, family, Kind.STRING, None, meaning, effect=Effect.NEVER, without=without) for name in names
    )


_CONNECTION = (
    Option("bootstrap.servers", _C, Kind.LIST, None, "Host and port of some brokers of the cluster."),
    Option(
        "security.protocol",
        _C,
        Kind.STRING,
        "PLAINTEXT",
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    ),
    Option("sasl.mechanism", _C, Kind.STRING, None, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.", mm2_default="GSSAPI"),
    Option("sasl.jaas.config", _C, Kind.PASSWORD, None, "User name and password, as a JAAS login entry."),
    Option("ssl.protocol", _C, Kind.STRING, "TLSv1.3", "Newest TLS version used; TLS means the newest there is."),
    Option("ssl.enabled.protocols", _C, Kind.LIST, "TLSv1.2,TLSv1.3", "TLS versions that may be used."),
    Option("ssl.cipher.suites", _C, Kind.LIST, None, "Cipher suites that may be used with TLS 1.2, by Java's names."),
    Option(
        "ssl.endpoint.identification.algorithm",
        _C,
        Kind.STRING,
        "https",
        "https: the broker's certificate must name the host; empty: any name is accepted.",
    ),
    Option("ssl.truststore.location", _C, Kind.STRING, None, "File with the certificates to trust: PEM, PKCS#12, JKS."),
    Option("ssl.truststore.password", _C, Kind.PASSWORD, None, "Password of the file with certificates."),
    Option("ssl.truststore.type", _C, Kind.STRING, None, "Not needed: the content says it.", mm2_default="JKS"),
    Option("ssl.truststore.certificates", _C, Kind.PASSWORD, None, "The certificates to trust themselves, as PEM."),
    Option("ssl.keystore.location", _C, Kind.STRING, None, "File with the client's key and certificate chain."),
    Option("ssl.keystore.password", _C, Kind.PASSWORD, None, "Password of the file with the key."),
    Option("ssl.keystore.type", _C, Kind.STRING, None, "Not needed: the content says it.", mm2_default="JKS"),
    Option("ssl.keystore.key", _C, Kind.PASSWORD, None, "The client's private key itself, as PEM."),
    Option("ssl.keystore.certificate.chain", _C, Kind.PASSWORD, None, "The client's certificate chain, as PEM."),
    Option("ssl.key.password", _C, Kind.PASSWORD, None, "Password of the private key, where it has its own."),
    *_idle(
        _C,
        "ssl.provider",
        "ssl.keymanager.algorithm",
        "ssl.trustmanager.algorithm",
        "ssl.secure.random.implementation",
        "sasl.kerberos.*",
        "sasl.login.refresh.*",
        "sasl.login.connect.timeout.ms",
        "sasl.login.read.timeout.ms",
        "sasl.login.retry.*",
        "sasl.oauthbearer.*",
    ),
    *_idle(
        _C,
        "ssl.engine.factory.class",
        "sasl.client.callback.handler.class",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
        "security.providers",
        without="names a Java class, which is not run here: credentials and certificates come from the other options",
    ),
)

_COMMON = (
    Option("client.id", _ANY, Kind.STRING, "heliograph", "Name shown in the brokers' logs and quotas."),
    Option(
        "request.timeout.ms", _ANY, Kind.INT, "30000", "Longest wait for a broker's answer, in milliseconds.", minimum=1
    ),
    Option(
        "socket.connection.setup.timeout.ms",
        _ANY,
        Kind.LONG,
        "10000",
        "Longest wait for a connection, in milliseconds.",
        minimum=1,
    ),
    Option(
        "reconnect.backoff.ms", _ANY, Kind.LONG, "50", "First wait before connecting again, in milliseconds.", minimum=0
    ),
    Option(
        "reconnect.backoff.max.ms",
        _ANY,
        Kind.LONG,
        "1000",
        "Longest wait before connecting again, in milliseconds.",
        minimum=0,
    ),
    Option("retry.backoff.ms", _ANY, Kind.LONG, "100", "First wait before asking again, in milliseconds.", minimum=0),
    Option(
        "retry.backoff.max.ms", _ANY, Kind.LONG, "1000", "Longest wait before asking again, in milliseconds.", minimum=0
    ),
    Option(
        "metadata.max.age.ms",
        _ANY,
        Kind.LONG,
        "300000",
        "Age at which knowledge of brokers and leaders is renewed, in milliseconds.",
        minimum=0,
    ),
    *_idle(
        _ANY,
        "auto.include.jmx.reporter",
        "client.dns.lookup",
        "connections.max.idle.ms",
        "default.api.timeout.ms",
        "enable.metrics.push",
        "metadata.recovery.*",
        "metric.reporters",
        "metrics.num.samples",
        "metrics.recording.level",
        "metrics.sample.window.ms",
        "receive.buffer.bytes",
        "retries",
        "send.buffer.bytes",
        "socket.connection.setup.timeout.max.ms",
    ),
)

_READING = (
    Option(
        "isolation.level",
        _R,
        Kind.STRING,
        "read_committed",
        "read_committed: records of aborted transactions are left out; read_uncommitted: they are copied.",
        mm2_default="read_uncommitted",
        choices=("read_committed", "read_uncommitted"),
    ),
    Option(
        "auto.offset.reset",
        _R,
        Kind.STRING,
        "earliest",
        "Where a partition without a stored position begins: earliest or latest.",
        choices=("earliest", "latest"),
    ),
    Option(
        "fetch.max.bytes",
        _R,
        Kind.INT,
        "4194304",
        "Most bytes asked for in one fetch; on a link with a round trip of 10 ms or more up to half of the window, "
        "where there is a backlog.",
        mm2_default="52428800",
        minimum=1,
    ),
    Option(
        "max.partition.fetch.bytes",
        _R,
        Kind.INT,
        "1048576",
        "Most bytes asked for of one partition; on such a link its part of the fetch, where it has a backlog.",
        minimum=1,
    ),
    Option(
        "fetch.max.wait.ms",
        _R,
        Kind.INT,
        "500",
        "Longest time the broker waits for new records before it answers, in milliseconds.",
        minimum=0,
    ),
    Option("client.rack", _R, Kind.STRING, "", "Rack of this process: records are fetched from replicas in it."),
    *_idle(
        _R,
        "allow.auto.create.topics",
        "auto.commit.interval.ms",
        "check.crcs",
        "enable.auto.commit",
        "exclude.internal.topics",
        "fetch.min.bytes",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "key.deserializer",
        "max.poll.interval.ms",
        "max.poll.records",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "value.deserializer",
    ),
    *_idle(_R, "group.id", without="has no effect: no consumer group is used on the source, positions are kept apart"),
    *_idle(_R, "interceptor.classes", without="names Java classes, which are not run here"),
)

_WRITING = (
    Option(
        "max.request.size",
        _W,
        Kind.INT,
        "1000012",
        "Largest batch made by merging small ones, in bytes; the target topic's max.message.bytes lowers it.",
        mm2_default="1048576",
        minimum=1,
    ),
    Option(
        "compression.type",
        _W,
        Kind.STRING,
        None,
        "Nothing to choose: batches keep the compression that they have on the source.",
        mm2_default="none",
        effect=Effect.NEVER,
        without="has no effect: batches keep the compression that they have on the source",
    ),
    Option(
        "acks",
        _W,
        Kind.STRING,
        "all",
        "Nothing to choose: a record counts as copied when all in-sync replicas have it.",
        effect=Effect.NEVER,
        acts_like=("all", "-1"),
        without="has no effect: a record counts as copied only when all in-sync replicas have it",
    ),
    *_idle(
        _W,
        "batch.size",
        "buffer.memory",
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.zstd.level",
        "delivery.timeout.ms",
        "enable.idempotence",
        "key.serializer",
        "linger.ms",
        "max.block.ms",
        "max.in.flight.requests.per.connection",
        "metadata.max.idle.ms",
        "partitioner.*",
        "transaction.timeout.ms",
        "transaction.two.phase.commit.enable",
        "transactional.id",
        "value.serializer",
    ),
    *_idle(_W, "interceptor.classes", without="names Java classes, which are not run here"),
)

CLIENT_OPTIONS: tuple[Option, ...] = (*_CONNECTION, *_COMMON, *_READING, *_WRITING)
