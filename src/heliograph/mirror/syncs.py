"""When an offset sync is written: the rules of MirrorMaker 2, and at each change of the delta besides.

MM2 looks at every acknowledged record. It writes a sync for the first one of a process, for one that lies more than
``offset.lag.max`` behind the last sync on the target, for the first behind a hole on the source, and where the target
went back; whatever comes last waits for the next commit of positions. Here records come as runs, of which the rules
find the same offsets by arithmetic.

Where the delta changes, two syncs are written: the last record before the hole and the first one after it. Between
them nothing is missing on the target, so a reader of the topic knows the hole, and not merely that there is one.

A partition's syncs are written a few at a time. Where there are more, changes of the delta stay before others, and
newer ones before older; the newest is never left out.
"""

from dataclasses import dataclass

PENDING_MAX = 64
"""Syncs of one partition that may wait; the oldest are given up."""
ALIKE_MAX = 4
"""Syncs of one run that are written by the rule of ``offset.lag.max``."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One pair of offsets to be written."""

    upstream: int
    downstream: int
    turn: bool = False
    """The delta changes here: the last record before a hole, or the first after it."""


class SyncRules:
    """The syncs of one partition, for one process; MM2 forgets its state at a restart too."""

    __slots__ = ("_delayed", "_lag_max", "_last_sync_down", "_newest", "_pending", "_previous")

    def __init__(self, lag_max: int) -> None:
        """``lag_max`` is ``offset.lag.max``: offsets on the target between two syncs, not counting either."""
        assert lag_max >= 0, "offset.lag.max is not negative"
        self._lag_max = lag_max
        self._previous: Sync | None = None
        self._last_sync_down = -1
        self._pending: list[Sync] = []
        self._delayed: Sync | None = None
        self._newest = Sync(-1, -1)
        """The last one that became pending."""

    def acknowledged(self, upstream: int, downstream: int, count: int) -> None:
        """Take a run of ``count`` acknowledged records that begins with this pair."""
        assert count > 0, "a run has records"
        previous = self._previous
        last = Sync(upstream + count - 1, downstream + count - 1)
        if previous is None:
            self._emit(Sync(upstream, downstream, turn=True))
        elif (upstream - previous.upstream, downstream - previous.downstream) != (1, 1):
            self._turn(previous, Sync(upstream, downstream, turn=True))
        step = self._lag_max + 1
        due = (last.downstream - self._last_sync_down) // step
        # Of many syncs of one run, which all say the same, a few of the newest will do.
        for index in range(max(1, due - ALIKE_MAX + 1), due + 1):
            down = self._last_sync_down + index * step
            self._add(Sync(down - downstream + upstream, down))
        if due > 0:
            self._last_sync_down += due * step
        self._previous = last
        self._delayed = None if self._newest.upstream == last.upstream else last

    def commit(self) -> None:
        """Positions are committed: the last record is due, whether the rules ask for it or not."""
        if self._delayed is not None:
            self._add(self._delayed)
            self._delayed = None

    @property
    def pending(self) -> int:
        """Syncs that wait to be written."""
        return len(self._pending)

    def take(self, limit: int) -> tuple[Sync, ...]:
        """Return at most ``limit`` syncs to be written now, rising; nothing is pending afterwards."""
        assert limit > 0, "something may be written"
        taken, self._pending = _choose(self._pending, limit), []
        return tuple(taken)

    def _turn(self, before: Sync, after: Sync) -> None:
        """End what was and start over: the delta changes, or the lane goes back."""
        if self._newest.upstream != before.upstream:
            self._add(Sync(before.upstream, before.downstream, turn=True))
        self._emit(after)

    def _emit(self, sync: Sync) -> None:
        self._add(sync)
        self._last_sync_down = sync.downstream

    def _add(self, sync: Sync) -> None:
        self._pending.append(sync)
        self._newest = sync
        if len(self._pending) > PENDING_MAX:
            self._pending = _choose(self._pending, PENDING_MAX // 2)


def _choose(pending: list[Sync], limit: int) -> list[Sync]:
    """Keep ``limit`` of ``pending``: the last, then turns before others, newer before older."""
    if len(pending) <= limit:
        return pending
    ranked = sorted(range(len(pending) - 1), key=lambda index: (pending[index].turn, index), reverse=True)
    return [pending[index] for index in sorted([*ranked[: limit - 1], len(pending) - 1])]
