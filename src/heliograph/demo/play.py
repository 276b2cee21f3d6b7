"""The play in five acts: clusters, records, replication, proof, and an empty stage.

It says what it does in a few lines on standard output; bars on standard error show that it moves, where somebody looks.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import javaproperties
import psutil
from rich.console import Console
from rich.text import Text

from heliograph.demo import sample, stage
from heliograph.demo.proof import Pair, Proved, Side, prove
from heliograph.errors import HeliographError
from heliograph.observe import text
from heliograph.observe.progress import Bars, bars
from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.artifacts import class_path
from heliograph.testbed.java import find_java
from heliograph.testbed.releases import KafkaVersion

STILL_S_MAX = 60.0
"""The longest wait without a record arriving."""
LOOK_S = 0.02
DIGEST_SHOWN = 16

PAIRS = (
    Pair(sample.PRODUCTS_TOPIC, f"source.{sample.PRODUCTS_TOPIC}", 1),
    Pair(sample.ORDERS_TOPIC, f"source.{sample.ORDERS_TOPIC}", sample.ORDERS_PARTITIONS),
)


@dataclass(frozen=True, slots=True)
class Copying:
    """How the replication went."""

    first_s: float
    """From the start of the process until records were seen on the target."""
    all_s: float
    """From the start of the process until all were there."""
    cpu_s: float
    """Processor time of the replicator until then, its start included."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo showed."""

    kafka: str
    """Version of the brokers."""
    copying: Copying
    proofs: tuple[Proved, ...]

    @property
    def records(self) -> int:
        """Records that agree."""
        return sum(each.records for each in self.proofs)

    @property
    def size_bytes(self) -> int:
        """Keys, values and headers of all records."""
        return sum(each.size_bytes for each in self.proofs)

    @property
    def bytes_per_s(self) -> float:
        """From the start of the process until all were there: its start counts, too."""
        return self.size_bytes / self.copying.all_s if self.copying.all_s else 0.0


class Narrator:
    """Prints lines for people; says nothing when standard output is for a program."""

    def __init__(self, *, quiet: bool) -> None:
        """Print unless ``quiet``."""
        self._lines = Console(highlight=False, soft_wrap=True)
        self._bars = Console(stderr=True)
        self._quiet = quiet

    def title(self, line: str) -> None:
        """Begin an act."""
        self._print(Text(line, style="bold"))

    def say(self, line: str, style: str = "") -> None:
        """Say one thing."""
        self._print(Text(f"   {line}", style=style))

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        """Show bars while the block runs; they vanish after it."""
        with bars(self._bars, transient=True) as shown:
            yield shown

    def _print(self, line: Text) -> None:
        if not self._quiet:
            self._lines.print(line)


class Play:
    """Everything that the demo starts, and its end."""

    def __init__(self, orders: int, narrator: Narrator) -> None:
        """Nothing is started yet; ``orders`` is the size of the larger topic."""
        self._orders = orders
        self._narrator = narrator
        self._resources = ExitStack()
        self._source, self._target, self._api_key = stage.make_clusters()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def perform(self) -> Outcome:
        """Play the first four acts. Raises HeliographError, and ProofFailed when a record differs."""
        self._open_stage()
        self._fill()
        copying = self._copy()
        outcome = Outcome(DEFAULT_VERSION, copying, self._prove())
        self._narrator.say(
            f"in all {text.count(outcome.records)} records, {text.size(outcome.size_bytes)}: "
            f"{text.byte_rate(outcome.bytes_per_s)}, counted from the start of the process"
        )
        return outcome

    def stop_replicator(self) -> float:
        """Stop Heliograph as an operator would; gives the seconds it took."""
        return self._replicator.stop()

    # ---- acts --------------------------------------------------------------------------------------------------

    def _open_stage(self) -> None:
        # Before the bars: the first time, jars are fetched, which shows progress of its own.
        class_path(KafkaVersion.parse(DEFAULT_VERSION))
        find_java()
        self._narrator.title(f"1  Two Kafka clusters on this machine (Apache Kafka {DEFAULT_VERSION}, a broker each)")
        self.folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="heliograph-demo-")))
        clusters = (self._source, self._target)
        for cluster in clusters:
            self._resources.callback(cluster.close)
        with self._narrator.bars() as shown:
            bar = shown.bar("starting the clusters", len(clusters))
            stage.start_together(clusters, bar.at)
        self._narrator.say(f"source  {self._source.bootstrap()}  PLAINTEXT")
        self._narrator.say(f"target  {self._target.bootstrap(stage.LISTENER)}  SASL_SSL, PLAIN as {stage.USER}")

    def _fill(self) -> None:
        config = self._source.librdkafka_config()
        # Not older than this, or the brokers' retention would delete the records while they are looked at.
        begin_ms = time.time_ns() // 1_000_000 - self._orders
        stage.create_topics(config, {pair.topic: pair.partitions for pair in PAIRS})
        with self._narrator.bars() as shown:
            bar = shown.bar("writing records", self._orders)
            stage.send(config, sample.PRODUCTS_TOPIC, sample.products(begin_ms), lambda _done: None)
            stage.send(config, sample.ORDERS_TOPIC, sample.orders(self._orders, begin_ms), bar.at)
        self._narrator.title("2  Records on the source")
        self._narrator.say("products: P01 to P05 as JSON, keyed by product_id")
        self._narrator.say(
            f"orders: {text.count(self._orders)} in {sample.ORDERS_PARTITIONS} partitions, with headers, "
            "missing keys, empty values and tombstones"
        )

    def _copy(self) -> Copying:
        file = self.folder / "mm2.properties"
        file.write_text(f"{stage.CONFIGURATION}{stage.ADDITIONS}", encoding="latin-1")
        self._narrator.title("3  heliograph run mm2.properties")
        for line in file.read_text(encoding="latin-1").splitlines():
            self._narrator.say(line, "dim")
        target = self._target.librdkafka_config(stage.LISTENER, stage.USER)
        arrivals = stage.Arrivals(target, {pair.copy: pair.partitions for pair in PAIRS})
        self._resources.callback(arrivals.close)
        self._replicator = stage.Replicator(self.folder, file, self.environment())
        self._resources.callback(self._replicator.close)
        with self._narrator.bars() as shown:
            copying = self._wait_for_all(arrivals, shown)
        records = self._orders + sample.PRODUCTS
        self._narrator.say(
            f"{text.count(records)} records arrived within {text.duration(copying.all_s)} of its start "
            f"(the first after {text.duration(copying.first_s)}), for {text.duration(copying.cpu_s)} of CPU time"
        )
        return copying

    def _wait_for_all(self, arrivals: stage.Arrivals, shown: Bars) -> Copying:
        wanted = self._orders + sample.PRODUCTS
        bar = shown.bar("copying", wanted)
        begin = moved = time.monotonic()
        first_s: float | None = None
        arrived = 0
        while arrived < wanted:
            time.sleep(LOOK_S)
            self._replicator.check()
            seen, now = arrivals.count(), time.monotonic()
            if seen > arrived:
                first_s = first_s if first_s is not None else now - begin
                arrived, moved = seen, now
                bar.at(arrived)
            elif now - moved > STILL_S_MAX:
                raise HeliographError(
                    f"Only {arrived:,} of {wanted:,} records arrived; heliograph says: {self._replicator.last_line()}"
                )
        all_s = time.monotonic() - begin
        used = psutil.Process(self._replicator.pid).cpu_times()
        return Copying(first_s or 0.0, all_s, used.user + used.system)

    def _prove(self) -> tuple[Proved, ...]:
        self._narrator.title("4  Proof: both clusters read again with librdkafka, record by record")
        source = Side(self._source.librdkafka_config())
        self._resources.callback(source.close)
        target = Side(self._target.librdkafka_config(stage.LISTENER, stage.USER))
        self._resources.callback(target.close)
        wanted = {sample.PRODUCTS_TOPIC: sample.PRODUCTS, sample.ORDERS_TOPIC: self._orders}
        proofs = []
        with self._narrator.bars() as shown:
            for pair in PAIRS:
                bar = shown.bar(f"comparing {pair.topic}", wanted[pair.topic])
                proofs.append(prove(pair, source, target, bar.advance))
                bar.finish()
        for proved in proofs:
            digests = {proved.source_sha256[:DIGEST_SHOWN], proved.target_sha256[:DIGEST_SHOWN]}
            self._narrator.say(
                f"{proved.pair.topic} = {proved.pair.copy}  {text.count(proved.records)} records, "
                f"{text.size(proved.size_bytes)}, SHA-256 {' / '.join(sorted(digests))}... on both sides"
            )
        self._narrator.say("partition, order, key, value, headers and timestamp agree in every record", "green")
        return tuple(proofs)

    # ---- what others need --------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Return the variables that the configuration file refers to."""
        return {
            "KAFKA_SOURCE_BROKERS": self._source.bootstrap(),
            "KAFKA_TARGET_BROKERS": self._target.bootstrap(stage.LISTENER),
            "KAFKA_TARGET_APIKEY": self._api_key,
            "DEMO_AUTHORITY": str(self._target.tls.trust.pem),
        }

    def write_client_files(self) -> dict[str, Path]:
        """Write a properties file for Kafka's own tools for each cluster, which only the owner may read."""
        files = {}
        for name, told in (
            ("source", self._source.client_properties()),
            ("target", self._target.client_properties(stage.LISTENER, stage.USER)),
        ):
            path = self.folder / f"{name}-client.properties"
            path.touch(mode=0o600)
            path.write_text(javaproperties.dumps(told, timestamp=None), encoding="latin-1")
            files[name] = path
        return files

    def watch(self) -> None:
        """Wait for as long as Heliograph runs. Raises HeliographError when it ends by itself."""
        while True:
            self._replicator.check()
            time.sleep(1.0)
