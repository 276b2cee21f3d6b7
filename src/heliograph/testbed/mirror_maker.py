"""Real MirrorMaker 2, as operators run it: the dedicated driver with one properties file (KIP-382).

It is here to be compared with, taken over from, and stopped at awkward moments. It exists from Kafka 2.4 on.
"""

from collections.abc import Sequence

from heliograph.errors import HeliographError
from heliograph.testbed.programs import DISCOVERY, ConnectProgram
from heliograph.testbed.releases import DEFAULT_VERSION
from heliograph.testbed.servers import SMALL_JVM

STARTED = "Kafka MirrorMaker started"
"""What it logs when all its herders have been started."""


class MirrorMaker(ConnectProgram):
    """One MirrorMaker 2 process."""

    title = "MirrorMaker"
    main_class = "org.apache.kafka.connect.mirror.MirrorMaker"
    """What ``connect-mirror-maker.sh`` runs."""

    def __init__(
        self,
        properties: str,
        *,
        version: str = DEFAULT_VERSION,
        clusters: Sequence[str] = (),
        jvm_options: Sequence[str] = SMALL_JVM,
    ) -> None:
        """Describe it; nothing is started or written yet.

        ``properties`` is the text of ``mm2.properties``; :data:`DISCOVERY` holds where it says nothing else.
        ``clusters`` are the aliases for ``--clusters``: the targets that this process is near to. Raises
        HeliographError.
        """
        # Of a key that is there twice the last one counts.
        before = [f"{prefix}{DISCOVERY}" for prefix in ("", *(f"{alias}." for alias in clusters))]
        near = ["--clusters", *clusters] if clusters else []
        super().__init__("\n".join([*before, properties]), version, near, jvm_options)
        if not self.version.at_least(2, 4):
            raise HeliographError(f"Kafka {version} has no MirrorMaker 2", remedy="Use 2.4.0 or newer")

    def _starts(self) -> int:
        return self.log().count(STARTED)
