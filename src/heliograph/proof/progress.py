"""How far a proof is: offsets of the source that were passed, of those that there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from heliograph.proof.model import PartitionProof
from heliograph.proof.prover import Watch
from heliograph.proof.survey import Lane


@dataclass(slots=True)
class ProofProgress:
    """One flow's."""

    changed: Callable[["ProofProgress"], None]
    """Is called whenever it has gone on."""
    total: int = 0
    """Offsets."""
    read_bytes: int = 0
    """From both sides."""
    _done: dict[tuple[str, int], int] = field(default_factory=dict)
    _sizes: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Offsets that were passed."""
        return sum(self._done.values())

    @property
    def watch(self) -> Watch:
        """What a proof is to tell."""
        return Watch(self._planned, self._read, self._passed, self._proved)

    def _planned(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            self._sizes[lane.topic, lane.partition] = lane.ends.source.next - lane.ends.source.first
        self.total = sum(self._sizes.values())
        self.changed(self)

    def _read(self, size_bytes: int) -> None:
        self.read_bytes += size_bytes
        self.changed(self)

    def _passed(self, lane: Lane, offset: int) -> None:
        key = lane.topic, lane.partition
        self._done[key] = min(self._sizes[key], max(self._done.get(key, 0), offset - lane.ends.source.first))

    def _proved(self, lane: Lane, _proof: PartitionProof) -> None:
        self._done[lane.topic, lane.partition] = self._sizes[lane.topic, lane.partition]
        self.changed(self)
