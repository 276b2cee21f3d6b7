"""Lanes that stand still, until they move again: when each is tried next, and who has been told.

Pure: it knows no brokers and no clock. It says with every look what is due, and the data plane does it.

::

    RUNNING ── failed ──> FAILED ── retry_at is over ──> RUNNING ── acknowledged, or quiet for a while ──> recovered
                             │  its place is in doubt        ^
                             └────────> RESUMING ── resumed ─┘
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

from heliograph.errors import HeliographError
from heliograph.flow.events import LaneFailed, LaneRecovered, Listener
from heliograph.flow.lane import Lane
from heliograph.flow.lane_model import State

QUIET_FAILURES = 4
"""Failures in a row of a kind that passes by itself, such as a leader's move, before anybody is told."""
WELL_S = 1.0
"""A lane that failed and has nothing left to copy is well so long after its next try, if nothing more is heard."""
WELL_UNPROVEN_S = 30.0
"""The same where nothing has been acknowledged yet, though records may be there: as long as a request may take."""
RESUME_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at the lanes in trouble found."""

    retried: tuple[Lane, ...]
    """These try again from now on, from another position perhaps."""
    to_resume: tuple[Lane, ...]
    """The positions of these must be found: see :meth:`Recovery.resuming`."""


class Recovery:
    """The lanes of a data plane that are in trouble."""

    def __init__(self, listener: Listener, attention: Callable[[], None]) -> None:
        """``attention`` is called when a lane needs :meth:`due` to be asked again and again."""
        self._listener = listener
        self._attention = attention
        self._troubled: dict[Lane, None] = {}
        self._told: set[Lane] = set()

    @property
    def at_rest(self) -> bool:
        """Whether no lane is in trouble."""
        return not self._troubled

    # ---- into trouble -------------------------------------------------------------------------------------------

    def watch(self, lane: Lane) -> None:
        """Look at ``lane`` until it is well."""
        self._troubled[lane] = None
        self._attention()

    def fail(self, lane: Lane, cause: HeliographError, now: float) -> None:
        """Have ``lane`` stand still and tell why; it tries again by itself."""
        lane.fail(cause, now)
        self.tell(lane, now)

    def fail_quietly(self, lane: Lane, cause: HeliographError, now: float) -> None:
        """Have ``lane`` stand still because of what mostly passes; only where it does not, somebody is told."""
        if lane.failures >= QUIET_FAILURES:
            self.fail(lane, cause, now)
            return
        lane.fail(cause, now)
        self.watch(lane)

    def sent_again(self, lane: Lane, now: float) -> None:
        """Take note that a batch of ``lane`` is to be sent again; one that is refused too often is told."""
        if lane.failures == QUIET_FAILURES:
            self.tell(lane, now)

    def tell(self, lane: Lane, now: float) -> None:
        """Tell that ``lane`` has failed."""
        self.watch(lane)
        assert lane.cause is not None, "a failed lane has a cause"
        self._told.add(lane)
        self._listener(LaneFailed(lane.source_topic, lane.partition, lane.cause, max(0.0, lane.retry_at - now)))

    def doubt(self, lane: Lane, cause: HeliographError, now: float) -> None:
        """Have the lane's position found once what is under way is answered."""
        lane.doubt(cause, now)
        self.watch(lane)

    def halt(self, lane: Lane, cause: HeliographError) -> None:
        """Have ``lane`` stand still until a person decides."""
        lane.halt(cause)
        self._troubled.pop(lane, None)
        self._listener(LaneFailed(lane.source_topic, lane.partition, cause, None))

    # ---- and out of it ------------------------------------------------------------------------------------------

    def hasten(self, lane: Lane, now: float) -> None:
        """Have a lane that failed try again at the next look."""
        if lane.state is State.FAILED:
            lane.wait_until(min(lane.retry_at, now))

    def acknowledged(self, lane: Lane) -> None:
        """Take note that records of ``lane`` move."""
        if lane.cause is not None and lane.state is State.RUNNING:
            self._recovered(lane)

    def was_written(self, lane: Lane) -> None:
        """Take note that a batch which was sent again had been written before."""
        if lane.idle:
            self.acknowledged(lane)

    def forget(self, lane: Lane) -> None:
        """Look at ``lane`` no more."""
        self._troubled.pop(lane, None)
        self._told.discard(lane)

    def due(self, now: float) -> Due:
        """Have lanes try again whose time has come."""
        retried: list[Lane] = []
        to_resume: list[Lane] = []
        for lane in list(self._troubled):
            if lane.state is State.FAILED and now >= lane.retry_at:
                lane.retry()
                retried.append(lane)
            elif lane.state is State.RUNNING and now >= lane.retry_at + _well_after_s(lane):
                self._recovered(lane)
            if lane.state is State.RESUMING and now >= lane.retry_at:
                lane.wait_until(now + RESUME_AGAIN_S)  # the next try, should this one not change the state
                to_resume.append(lane)
        return Due(tuple(retried), tuple(to_resume))

    @staticmethod
    def resuming(lanes: Iterable[Lane]) -> None:
        """Leave ``lanes`` alone while their positions are being found."""
        for lane in lanes:
            lane.wait_until(inf)

    @staticmethod
    def resumed(lanes: Iterable[Lane], now: float) -> list[Lane]:
        """Return those of ``lanes`` that run now; the others are tried again."""
        running: list[Lane] = []
        for lane in lanes:
            if lane.state is State.RUNNING:
                lane.wait_until(now)
                running.append(lane)
            elif lane.retry_at == inf:
                lane.wait_until(now + RESUME_AGAIN_S)
        return running

    def _recovered(self, lane: Lane) -> None:
        lane.recovered()
        self._troubled.pop(lane, None)
        if lane in self._told:
            self._told.discard(lane)
            self._listener(LaneRecovered(lane.source_topic, lane.partition))


def _well_after_s(lane: Lane) -> float:
    """Return how long after its next try a lane of which nothing more is heard counts as well."""
    if not lane.idle:
        return inf  # what waits or is under way will tell
    return WELL_S if lane.lag == 0 or lane.held_at is not None else WELL_UNPROVEN_S
