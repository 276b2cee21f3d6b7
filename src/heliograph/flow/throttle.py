"""How many bytes a second may be read, and whose turn it is.

A partition that is at its end has little to read at a time, and somebody waits for it; one that is behind has much, and
nobody notices half a second. So the first go before the others::

    at their end ──────> read at once, as long as all of them together stay within the limit
    behind ──> turns ──> one after another, a chunk each, with what the first leave; a tenth of the limit at least

A limit is kept by buckets that fill while time passes, and are emptied by what has come. A bucket may be in debt, by an
answer that was larger than what was in it: then the next one waits until the debt is paid. All is counted in seconds of
the limit, so that a debt is not longer when the limit becomes smaller.

Who waits for a turn says how many partitions it stands for, and comes so much more often: start-time fair queueing
(Goyal, Vin, Cheng 1996).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

BURST_S = 0.25
"""What is not used is kept for so long."""
LIVE_BURST_S = 0.1
CHUNK_S = 0.1
"""What is asked for at a time, so that several answers come in a second."""
CHUNK_BYTES_MIN = 16 << 10
LEAST_SHARE = 0.1
"""Of the limit, for those that are behind, whatever the others read."""
LEAST_AFTER_S = 2.0
"""They are given it when they had less for so long."""
NAP_S_MIN, NAP_S_MAX = 0.001, 0.1
"""Whoever waits looks again so often: the limit may have changed."""
HELD_S = 2.0
"""A limit counts as holding back for so long after somebody had to wait for it."""


@dataclass(slots=True)
class _Bucket:
    """Seconds of a limit that may be used up."""

    most_s: float
    level_s: float = 0.0
    """Negative: a debt."""

    def fill(self, passed_s: float) -> None:
        """Put in what time has brought."""
        self.level_s = min(self.most_s, self.level_s + passed_s)


@dataclass(slots=True)
class _Queue:
    """Who is to come next, on a scale of bytes by weight."""

    now: float = 0.0
    """Where the latest turn has begun."""
    waiting: dict[object, float] = field(default_factory=dict)
    """Where the next turn of each begins."""
    ends: dict[object, float] = field(default_factory=dict)
    """Where the last turn of each has ended, if that is not passed."""

    def join(self, who: object) -> None:
        self.waiting[who] = max(self.now, self.ends.pop(who, 0.0))

    def is_first(self, who: object) -> bool:
        return min(self.waiting, key=self.waiting.__getitem__) is who

    def leave(self, who: object) -> float:
        """Wait no longer; returns where the turn begins."""
        return self.waiting.pop(who)

    def served(self, who: object, end: float) -> None:
        self.ends = {each: at for each, at in self.ends.items() if at > self.now}
        self.ends[who] = end


async def nap(pause_s: float) -> None:
    """Wait about so long, but look again soon."""
    await asyncio.sleep(min(max(pause_s, NAP_S_MIN), NAP_S_MAX))


class Throttle:
    """One limit, of a flow or of all flows of the process together; it may be changed at any time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Without a limit as yet. ``clock`` tells a steady time in seconds."""
        self.bytes_per_s: float | None = None
        """The limit; None: there is none."""
        self._clock = clock
        self._now_s = clock()
        self._whole = _Bucket(BURST_S)
        """What all read."""
        self._live = _Bucket(LIVE_BURST_S)
        """What those at their end read, and what the others have in any case."""
        self._least = _Bucket(0.0, -LEAST_AFTER_S)
        """What those behind have in any case, in seconds of their part; at 0 it is their turn."""
        self._queue = _Queue()
        self._held_at_s = self._now_s - HELD_S

    def set(self, bytes_per_s: float | None) -> None:
        """Have another limit from now on; None: none."""
        if bytes_per_s is not None and bytes_per_s <= 0:
            raise ValueError("a limit is more than 0 bytes a second")
        self._fill()
        self.bytes_per_s = bytes_per_s

    @property
    def holds_back(self) -> bool:
        """Whether more would be read without it."""
        return self.bytes_per_s is not None and self._clock() - self._held_at_s < HELD_S

    @property
    def pause_s(self) -> float:
        """For how long those at their end must wait; 0: not at all."""
        if self.bytes_per_s is None:
            return 0.0
        self._fill()
        pause_s = max(0.0, -self._live.level_s)
        if pause_s:
            self._held_at_s = self._now_s
        return pause_s

    @property
    def free_bytes(self) -> int:
        """Bytes that might have been read and were not; 0 where there is no limit."""
        self._fill()
        return int(max(0.0, self._whole.level_s) * (self.bytes_per_s or 0.0))

    def took(self, size_bytes: int) -> None:
        """Count what came for those at their end."""
        if self.bytes_per_s is not None:
            self._fill()
            self._whole.level_s -= size_bytes / self.bytes_per_s
            self._live.level_s -= size_bytes / self.bytes_per_s

    async def turn(self, who: object) -> "Turn":
        """Wait for the turn of ``who``, which reads partitions that are behind; without a limit it is at once."""
        self._queue.join(who)
        try:
            while (pause_s := self._turn_in_s(who)) > 0:
                self._held_at_s = self._now_s
                await nap(pause_s)
        except BaseException:
            self._queue.leave(who)
            raise
        self._queue.now = self._queue.leave(who)
        return Turn(self, who, self._queue.now, in_any_case=self._whole.level_s < 0)

    def _turn_in_s(self, who: object) -> float:
        if self.bytes_per_s is None:
            return 0.0
        self._fill()
        if not self._queue.is_first(who):
            return NAP_S_MIN if self._whole.level_s >= 0 else -self._whole.level_s
        return max(0.0, min(-self._whole.level_s, -self._least.level_s))

    def charge(self, size_bytes: int, *, in_any_case: bool) -> None:
        """Count what came for those behind; negative: give back."""
        if self.bytes_per_s is None:
            return
        self._fill()
        cost_s = size_bytes / self.bytes_per_s
        self._whole.level_s -= cost_s
        if in_any_case:
            self._live.level_s -= cost_s
            self._least.level_s -= cost_s / LEAST_SHARE
        else:
            self._least.level_s = max(-LEAST_AFTER_S, self._least.level_s - cost_s / LEAST_SHARE)

    def served(self, who: object, end: float) -> None:
        """Take that the turn of ``who`` is over, which ends there on the scale of turns."""
        self._queue.served(who, end)

    def _fill(self) -> None:
        now_s = self._clock()
        passed_s, self._now_s = max(0.0, now_s - self._now_s), now_s
        for bucket in (self._whole, self._live, self._least):
            bucket.fill(passed_s)


@dataclass(slots=True)
class Turn:
    """A reader's turn at one limit: what it asks for is counted at once, what came when it is known."""

    throttle: Throttle
    who: object
    began: float
    in_any_case: bool
    """It is part of what those behind have, however much others read."""
    size_bytes: int = 0

    def takes(self, size_bytes: int) -> None:
        """Take so much and not what was said before."""
        self.throttle.charge(size_bytes - self.size_bytes, in_any_case=self.in_any_case)
        self.size_bytes = size_bytes

    def end(self, size_bytes: int, weight: int) -> None:
        """Be over: so much has come for ``weight`` partitions."""
        self.takes(size_bytes)
        self.throttle.served(self.who, self.began + size_bytes / max(1, weight))


@dataclass(slots=True)
class Asked:
    """What may be asked for in a turn, and what came."""

    size_bytes: int
    came_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits that hold for one flow: its own, and the one for all."""

    throttles: tuple[Throttle, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether there is any at the moment; asked for every answer of every partition, so it must cost nothing."""
        for each in self.throttles:  # noqa: SIM110 - a generator costs several times as much
            if each.bytes_per_s is not None:
                return True
        return False

    @property
    def bytes_per_s(self) -> float | None:
        """The smallest; None: there is none."""
        return min((each.bytes_per_s for each in self.throttles if each.bytes_per_s is not None), default=None)

    @property
    def chunk_bytes(self) -> int | None:
        """Most bytes to ask for at a time; None: there is no limit."""
        bytes_per_s = self.bytes_per_s if self.limited else None
        return None if bytes_per_s is None else max(CHUNK_BYTES_MIN, int(bytes_per_s * CHUNK_S))

    @property
    def pause_s(self) -> float:
        """For how long those at their end must wait; 0: not at all."""
        return max((each.pause_s for each in self.throttles), default=0.0)

    @property
    def hold_back(self) -> bool:
        """Whether more would be read without them."""
        return any(each.holds_back for each in self.throttles)

    def took(self, size_bytes: int) -> None:
        """Count what came for those at their end."""
        for each in self.throttles:
            each.took(size_bytes)

    @asynccontextmanager
    async def turn(self, who: object, weight: int, chunks: int = 1) -> AsyncIterator[Asked]:
        """Wait for the turn of ``who``, which reads ``weight`` partitions that are behind.

        Yields how much it may ask for, ``chunks`` at least; it must say there what came.
        """
        turns: list[Turn] = []
        asked = Asked(0)
        try:
            for throttle in self.throttles:
                turn = await throttle.turn(who)
                turn.takes(chunks * (self.chunk_bytes or 0))
                turns.append(turn)
            free = min((each.free_bytes for each in self.throttles if each.bytes_per_s is not None), default=0)
            asked.size_bytes = chunks * (self.chunk_bytes or 0) + free
            for turn in turns:
                turn.takes(asked.size_bytes)
            yield asked
        finally:
            for turn in turns:
                turn.end(asked.came_bytes, weight)
