"""What the open transaction has added to a lane, kept apart until it is committed; if it is not, it never was."""

from collections import deque
from dataclasses import dataclass, field

from heliograph.mirror.anchor import Anchor

RUNS_KEPT = 1_024
"""Changes of the offsets' difference that are kept until they are taken; the oldest are lost first."""


@dataclass(slots=True)
class Uncommitted:
    """A lane's part of the open transaction."""

    position: int
    """Source offset where the lane begins again if the transaction is aborted."""
    delta: int | None
    """Difference of both sides' offsets before it."""
    anchor: Anchor | None = None
    """The last record that was acknowledged in it."""
    records: int = 0
    bytes: int = 0
    runs: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))
    """Source and target offset of each record at which their difference changed."""
    torn: bool = False
    """The lane was given another place meanwhile, so the transaction may hold what does not count; it must not be
    committed."""

    def add(self, anchor: Anchor | None, records: int, size: int) -> None:
        """Take an acknowledged batch; without an anchor, the one before it stays."""
        self.anchor = anchor or self.anchor
        self.records += records
        self.bytes += size
