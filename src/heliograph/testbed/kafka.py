"""A real Kafka cluster on this machine.

``KafkaCluster`` joins the parts of the room: it takes ports, writes each server's properties, formats the storage,
starts ZooKeeper where the version needs it, starts the brokers, and waits until each of them has answered and named
all the others. Its ports stay the same when a broker is stopped and started again. Leaving the ``with`` block ends
all processes at once and deletes what was written, unless the caller gave a folder; then an orderly stop comes first,
so that the next start finds a clean log.
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import javaproperties

from heliograph.errors import HeliographError
from heliograph.testbed import readiness
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.broker import READY_LIMIT_S, Broker
from heliograph.testbed.certificates import ServerCertificate
from heliograph.testbed.clients import Access, access, java_properties, librdkafka_properties
from heliograph.testbed.java import SECURITY_MANAGER_GONE, find_java
from heliograph.testbed.layout import (
    CONTROLLER,
    INTERNAL,
    MECHANISMS,
    ClientAuth,
    Layout,
    Node,
    Security,
    check_listeners,
    check_users,
    needs_certificates,
    server_properties,
)
from heliograph.testbed.ports import LOOPBACK, Ports
from heliograph.testbed.processes import Completed, run_to_end
from heliograph.testbed.proxy import Proxy
from heliograph.testbed.releases import DEFAULT_VERSION, KafkaVersion
from heliograph.testbed.servers import LOGGING, SMALL_JVM, JavaProgram, Server
from heliograph.testbed.storage import format_storage
from heliograph.testbed.storefiles import write_private
from heliograph.testbed.tlsfiles import TlsFiles
from heliograph.testbed.tools import QUIET_TOOLS, TOOL_LIMIT_S, connection_options, main_class

BROKERS_MAX = 9
"""More would be a mistake on one machine."""

PASSWORD_BYTES = 12
"""The length of the super user's password before it is encoded."""


class KafkaCluster:
    """Brokers of one version on the loopback address, and ZooKeeper where the version needs it."""

    def __init__(
        self,
        version: str = DEFAULT_VERSION,
        *,
        brokers: int = 1,
        listeners: Sequence[str] = ("PLAINTEXT",),
        users: Mapping[str, str] | None = None,
        authorizer: bool = False,
        ssl_client_auth: ClientAuth = "none",
        server_certificate: ServerCertificate = "valid",
        properties: Mapping[str, str] | None = None,
        directory: Path | None = None,
        proxied: bool = False,
        jvm_options: Sequence[str] = SMALL_JVM,
    ) -> None:
        """Describe a cluster; nothing is started or written yet.

        ``users`` are SASL users and passwords, for PLAIN and SCRAM alike. With ``authorizer`` nobody but the super
        user may do anything until ACLs say otherwise. ``properties`` are added to every broker's and win over the
        testbed's own. With ``directory``, an existing cluster there is continued and nothing is deleted; without, a
        temporary folder is used. With ``proxied``, clients reach every listener through a ``Proxy`` of its broker.
        Raises HeliographError.
        """
        if not 1 <= brokers <= BROKERS_MAX:
            raise HeliographError(f"A cluster cannot have {brokers} brokers", remedy=f"Choose 1 to {BROKERS_MAX}")
        self.version = KafkaVersion.parse(version)
        self.brokers: tuple[Broker, ...] = ()
        self._count = brokers
        self._listeners = check_listeners(listeners)
        self._users = check_users(users or {})
        self._authorizer = authorizer
        self._client_auth: ClientAuth = ssl_client_auth
        self._certificate: ServerCertificate = server_certificate
        self._properties = dict(properties or {})
        self._directory = directory
        self._proxied = proxied
        self._proxies: dict[int, dict[str, Proxy]] = {}
        self._jvm_options = tuple(jvm_options)
        self._resources: ExitStack | None = ExitStack()
        self._zookeeper: Server | None = None
        self._tls: TlsFiles | None = None

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs to use the running cluster: it may not start, stop or close it."""
        self._started()
        return {**self.__dict__, "_resources": None, "_zookeeper": None, "_proxies": {}}

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self, limit_s: float = READY_LIMIT_S) -> Self:
        """Start everything and wait until every broker serves. Raises HeliographError; nothing is left running then."""
        self._ours()
        try:
            if not self.brokers:
                self._prepare()
            deadline = time.monotonic() + limit_s
            self._start_zookeeper(limit_s)
            for broker in self.brokers:
                if not broker.running:
                    broker.launch()
            self.wait_ready(deadline - time.monotonic())
        except BaseException:
            self.close()
            raise
        return self

    def wait_ready(self, limit_s: float = READY_LIMIT_S) -> None:
        """Wait until every broker answers and knows all the others. Raises HeliographError."""
        deadline = time.monotonic() + limit_s
        everyone = frozenset(broker.node_id for broker in self.brokers)
        for broker in self.brokers:
            broker.wait_ready(everyone, max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Stop all brokers in order, then ZooKeeper. Ports and files stay, and ``start()`` continues."""
        self._ours()
        running = [broker for broker in self.brokers if broker.running]
        if running:
            # Together: one that is stopped last would wait for a quorum that is gone.
            with ThreadPoolExecutor(len(running)) as pool:
                list(pool.map(Broker.stop, running))
        if self._zookeeper is not None:
            self._zookeeper.stop()

    def close(self) -> None:
        """End all processes and give back ports and temporary files; the cluster is as it was before ``start()``."""
        resources = self._ours()
        try:
            if self._directory is not None:
                self.stop()
        finally:
            resources.close()
            self.brokers, self._zookeeper, self._tls, self._proxies = (), None, None, {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- clients -------------------------------------------------------------------------------------------------------

    def bootstrap(self, listener: str = "PLAINTEXT") -> str:
        """Return the ``bootstrap.servers`` for one listener."""
        return self._access(listener, None, "PLAIN").bootstrap

    def client_properties(
        self, listener: str = "PLAINTEXT", user: str | None = None, mechanism: str = "PLAIN"
    ) -> dict[str, str]:
        """Return what a Java client must be told to connect as ``user``.

        Without ``user``, a SASL listener is entered as the super user and an SSL listener without a certificate.
        """
        return java_properties(self._access(listener, user, mechanism), self.version)

    def librdkafka_config(
        self, listener: str = "PLAINTEXT", user: str | None = None, mechanism: str = "PLAIN"
    ) -> dict[str, str]:
        """Return the same for a confluent-kafka client."""
        return librdkafka_properties(self._access(listener, user, mechanism))

    @property
    def tls(self) -> TlsFiles:
        """Authority, certificates and stores. Raises HeliographError without a TLS listener."""
        if self._tls is None:
            raise HeliographError(
                "The cluster has no TLS listener, or is not started", remedy="Ask for SSL or SASL_SSL"
            )
        return self._tls

    def tool(
        self,
        name: str,
        *arguments: str,
        listener: str = INTERNAL,
        user: str | None = None,
        mechanism: str = "PLAIN",
        text: str | None = None,
        limit_s: float = TOOL_LIMIT_S,
    ) -> Completed:
        """Run one of Apache's tools, such as ``tool("kafka-topics", "--list")``; by default as the super user.

        ``name`` is that of the script or of a class; a class is told nothing of the cluster, a script where it is.
        ``text`` goes to standard input. The exit code is for the caller to judge. Raises HeliographError for an
        unknown tool, and TimeoutError.
        """
        layout = self._started()
        way = self._access(listener, user, mechanism)
        program = self._program
        with tempfile.TemporaryDirectory(prefix="tool-", dir=layout.nodes[0].folder.parent) as folder:
            config = Path(folder) / "client.properties"
            _write_properties(config, java_properties(way, self.version))
            connection = (
                connection_options(name, self.version, way.bootstrap, layout.zookeeper, config)
                if "." not in name
                else []
            )
            command = program.command(
                main_class(name, program.class_path), *connection, *arguments, jvm_options=QUIET_TOOLS
            )
            return run_to_end(command, text=text, timeout_s=limit_s)

    # -- making --------------------------------------------------------------------------------------------------------

    def _ours(self) -> ExitStack:
        """Return what ends with the cluster. Raises HeliographError in a process that only uses it."""
        if self._resources is None:
            raise HeliographError(
                "The cluster belongs to another process, and others use it too", remedy="Start one of your own"
            )
        return self._resources

    def _started(self) -> Layout:
        if not self.brokers:
            raise HeliographError("The cluster is not started", remedy="Call start() first")
        return self._layout

    def _access(self, listener: str, user: str | None, mechanism: str) -> Access:
        layout = self._started()
        stores = self._tls.client_stores(user) if self._tls else None
        return access(layout, listener, user, mechanism, stores)

    def _prepare(self) -> None:
        """Choose the places, write the files and format the storage."""
        java = find_java(self._newest_java())
        self._program = JavaProgram(java, tuple(class_path(self.version)), (*self._jvm_options, *LOGGING))
        root = self._root()
        self._layout = self._lay_out(root)
        nodes = self._layout.nodes
        for node in nodes:
            node.folder.mkdir(exist_ok=True)
            _write_properties(node.folder / "server.properties", server_properties(self._layout, node))
        scratch = None if self._directory else root
        inner = self._layout.security.super_password if self._authorizer else None
        brokers = []
        for node in nodes:
            command = self._program.command("kafka.Kafka", str(node.folder / "server.properties"))
            server = Server(f"Kafka {self.version} broker {node.node_id}", command, node.folder, scratch)
            self._ours().callback(server.close)
            registered = partial(readiness.is_registered, self._layout.zookeeper_port, node.node_id)
            brokers.append(Broker(node, server, inner, self._proxies[node.node_id], registered))
        self._prepare_storage(root)
        self.brokers = tuple(brokers)

    def _newest_java(self) -> int | None:
        """Return the newest Java that will do: brokers that are SASL clients of each other may need an older one."""
        return SECURITY_MANAGER_GONE - 1 if self._authorizer and self.version.needs_security_manager else None

    def _root(self) -> Path:
        """Make the cluster's folder, deleted in the end when it is temporary."""
        if self._directory is None:
            root = Path(tempfile.mkdtemp(prefix="heliograph-kafka-"))
            self._ours().callback(shutil.rmtree, root, ignore_errors=True)
        else:
            root = self._directory.resolve()
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return root

    def _lay_out(self, root: Path) -> Layout:
        """Assign ports and secrets to every server."""
        ports = self._ours().enter_context(Ports())
        names = [INTERNAL, *([CONTROLLER] if self.version.uses_kraft else []), *self._listeners]
        nodes = []
        for node_id in range(1, self._count + 1):
            taken = {name: ports.take() for name in names}
            proxies = self._start_proxies(taken) if self._proxied else {}
            told = {name: proxies[name].port if name in proxies else port for name, port in taken.items()}
            self._proxies[node_id] = proxies
            nodes.append(Node(node_id, root / f"broker-{node_id}", taken, told))
        if needs_certificates(self._listeners):
            self._tls = TlsFiles(root / "tls", self._certificate)
        security = Security(
            super_password=_lasting_password(root / "super-user"),
            users=self._users,
            authorizer=self._authorizer,
            ssl_client_auth=self._client_auth,
            key_store=self._tls.server.pkcs12 if self._tls else None,
            trust_store=self._tls.trust.pkcs12 if self._tls else None,
            store_password=self._tls.password if self._tls else "",
        )
        zookeeper_port = None if self.version.uses_kraft else ports.take()
        return Layout(self.version, self._listeners, tuple(nodes), security, self._properties, zookeeper_port)

    def _start_proxies(self, ports: Mapping[str, int]) -> dict[str, Proxy]:
        """Put a proxy in front of each listener that clients use."""
        return {name: self._ours().enter_context(Proxy(ports[name])) for name in self._listeners}

    def _prepare_storage(self, root: Path) -> None:
        """Format new storage, with all SCRAM users where this version takes them here."""
        if self._layout.zookeeper_port is not None:
            self._prepare_zookeeper(root)
            return
        scram = self.version.scram_at_format and any(name.startswith("SASL") for name in self._listeners)
        users = self._layout.security.credentials if scram else {}
        format_storage(self._layout.nodes, self.version, self._program, users)

    def _prepare_zookeeper(self, root: Path) -> None:
        """Write ZooKeeper's properties: alone, on the loopback address, without its web console."""
        folder = root / "zookeeper"
        folder.mkdir(exist_ok=True)
        told = {
            "dataDir": str(folder / "data"),
            "clientPort": str(self._layout.zookeeper_port),
            "clientPortAddress": LOOPBACK,
            "maxClientCnxns": "0",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "dump",
        }
        _write_properties(folder / "zookeeper.properties", told)
        command = self._program.command(
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            str(folder / "zookeeper.properties"),
            # Its JMX beans for log4j ask for classes that this class path does not have.
            jvm_options=("-Dzookeeper.jmx.log4j.disable=true",),
        )
        self._zookeeper = Server("ZooKeeper", command, folder, None if self._directory else root)
        self._ours().callback(self._zookeeper.close)

    def _start_zookeeper(self, limit_s: float) -> None:
        """Start ZooKeeper and write the SCRAM users into it, before brokers ask for them."""
        port = self._layout.zookeeper_port
        if self._zookeeper is None or port is None or self._zookeeper.running:
            return
        self._zookeeper.launch()
        self._zookeeper.wait_until(lambda: readiness.accepts(port), limit_s, "its port")
        if any(name.startswith("SASL") for name in self._listeners):
            for user, password in self._layout.security.credentials.items():
                self._add_scram_user(user, password)

    def _add_scram_user(self, user: str, password: str) -> None:
        """Write one user's SCRAM credentials into ZooKeeper."""
        added = ",".join(f"{mechanism}=[password={password}]" for mechanism in MECHANISMS[1:])
        command = self._program.command(
            main_class("kafka-configs", self._program.class_path),
            *("--zookeeper", str(self._layout.zookeeper), "--alter"),
            *("--entity-type", "users", "--entity-name", user, "--add-config", added),
            jvm_options=QUIET_TOOLS,
        )
        outcome = run_to_end(command, timeout_s=TOOL_LIMIT_S)
        if outcome.exit_code:
            raise HeliographError(
                f"The SCRAM user {user} cannot be made: {outcome.stderr.strip()[-500:]}", remedy="See the message"
            )


def _lasting_password(path: Path) -> str:
    """Return the password kept in a file, made on first use: a cluster that is continued knows its super user by it."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(PASSWORD_BYTES).encode())
    return path.read_text()


def _write_properties(path: Path, told: Mapping[str, str]) -> None:
    """Write a Java properties file that only its owner may read."""
    write_private(path, javaproperties.dumps(dict(told), timestamp=None).encode("latin-1"))
