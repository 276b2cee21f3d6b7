"""A real Kafka Connect worker, distributed, with MirrorMaker 2's connectors on its class path: as Strimzi runs it."""

import http.client
from collections.abc import Sequence

from heliograph.testbed.ports import Ports
from heliograph.testbed.programs import DISCOVERY, ConnectProgram
from heliograph.testbed.releases import DEFAULT_VERSION
from heliograph.testbed.servers import SMALL_JVM

CONVERTER = "org.apache.kafka.connect.converters.ByteArrayConverter"
HEALTHY_FROM = (3, 9)
"""The version from which ``/health`` exists."""


def worker_properties(bootstrap: str, name: str, listener: str, more: str = "") -> str:
    """Return a worker's file for the Connect cluster ``name``, with topics of one replica; ``more`` ends it."""
    return "\n".join(
        [
            f"bootstrap.servers={bootstrap}",
            f"group.id={name}",
            *(f"{kind}.storage.topic={name}-{kind}s" for kind in ("config", "offset")),
            f"status.storage.topic={name}-status",
            *(f"{kind}.storage.replication.factor=1" for kind in ("config", "offset", "status")),
            "offset.storage.partitions=5",
            "status.storage.partitions=1",
            *(f"{kind}.converter={CONVERTER}" for kind in ("key", "value", "header")),
            f"listeners={listener}",
            "rest.advertised.host.name=127.0.0.1",
            more,
        ]
    )


class ConnectWorker(ConnectProgram):
    """One worker; it answers on a port of its own."""

    title = "Kafka Connect"
    main_class = "org.apache.kafka.connect.cli.ConnectDistributed"

    def __init__(
        self,
        bootstrap: str,
        name: str,
        *,
        more: str = "",
        version: str = DEFAULT_VERSION,
        jvm_options: Sequence[str] = SMALL_JVM,
    ) -> None:
        """Describe it; nothing is started yet. Raises HeliographError."""
        self._ports = Ports()
        self.port = self._ports.take()
        """Of its REST API."""
        file = worker_properties(bootstrap, name, f"http://127.0.0.1:{self.port}", f"{DISCOVERY}\n{more}")
        super().__init__(file, version, (), jvm_options)

    def _starts(self) -> int:
        return int(self.running and self._answers())

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health" if self.version.at_least(*HEALTHY_FROM) else "/connectors")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def close(self) -> None:
        """End it at once, delete its files, and give its port back."""
        super().close()
        self._ports.close()
