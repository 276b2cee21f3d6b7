"""How far a lane has come: its anchor, its counts, and where the difference between both sides' offsets changed.

In a transaction all of it is kept apart until that is committed; if it is not, it never was.
"""

from collections import deque
from dataclasses import dataclass, field

from heliograph.mirror.anchor import Anchor
from heliograph.records import Parcel

RUNS_KEPT = 1_024
"""Changes of the offsets' difference that are kept until they are taken; the oldest are lost first."""


def _runs() -> deque[tuple[int, int]]:
    return deque(maxlen=RUNS_KEPT)


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
    runs: deque[tuple[int, int]] = field(default_factory=_runs)
    """Source and target offset of each record at which their difference changed."""
    torn: bool = False
    """The lane was given another place meanwhile, so the transaction may hold what does not count; it must not be
    committed."""


@dataclass(slots=True)
class Progress:
    """What is acknowledged and, where the lane is transactional, committed."""

    anchor: Anchor | None = None
    """The last record, with its offsets on both sides."""
    new_runs: deque[tuple[int, int]] = field(default_factory=_runs)
    """Source and target offset of each record at which their difference changed, for whoever takes them away."""
    records: int = 0
    bytes: int = 0
    uncommitted: Uncommitted | None = None
    """What the open transaction has added; None while the lane has no part in one."""
    kept: bool = False
    """The anchor stays where it is: what is acknowledged now is no proof of what came before it."""
    _delta: int | None = None

    def begin(self, position: int) -> None:
        """Go on at another position; what the open transaction holds no longer counts."""
        self.kept = False
        if self.uncommitted is not None:
            self.uncommitted = Uncommitted(position, self._delta, torn=True)

    def tear(self) -> None:
        """Take note that what was sent in the open transaction no longer counts."""
        if self.uncommitted is not None:
            self.uncommitted.torn = True

    @property
    def torn(self) -> bool:
        """Whether the open transaction must not be committed."""
        return self.uncommitted is not None and self.uncommitted.torn

    def keep(self, anchor: Anchor | None) -> None:
        """Go back to ``anchor`` and stay there, whatever is acknowledged, until the lane begins again."""
        self.anchor, self.kept = anchor, True

    def add(self, parcel: Parcel, anchor: Anchor) -> bool:
        """Count an acknowledged batch, whose last record is ``anchor``; returns whether the lane's anchor moved."""
        part = self.uncommitted
        if part is not None:
            part.records += parcel.records
            part.bytes += parcel.size
            if not self.kept:
                part.anchor = anchor
            return False
        self.records += parcel.records
        self.bytes += parcel.size
        if self.kept:
            return False
        self.anchor = anchor
        return True

    def note_runs(self, segments: tuple[tuple[int, int], ...], base_offset: int) -> None:
        """Keep where the difference between both sides' offsets changes: the map of offsets is made of that."""
        target = base_offset
        for source, count in segments:
            if target - source != self._delta:
                self._delta = target - source
                runs = self.new_runs if self.uncommitted is None else self.uncommitted.runs
                runs.append((source, target))
            target += count

    def enter(self, position: int) -> None:
        """Become part of a transaction, with everything before ``position`` acknowledged."""
        self.uncommitted = Uncommitted(position, self._delta)

    def commit(self) -> None:
        """Take what the transaction has added."""
        done, self.uncommitted = self.uncommitted, None
        assert done is not None, "only a lane in a transaction is committed"
        self.anchor = done.anchor or self.anchor
        self.records += done.records
        self.bytes += done.bytes
        self.new_runs.extend(done.runs)

    def abort(self) -> int:
        """Forget what the transaction has added; returns the position where it began."""
        undone, self.uncommitted = self.uncommitted, None
        assert undone is not None, "only a lane in a transaction is aborted"
        self._delta = undone.delta
        return undone.position
