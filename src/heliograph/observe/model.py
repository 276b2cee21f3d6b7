"""What the process looks like at one moment: frozen snapshots, made by the worker and shown by everyone else.

A snapshot owns nothing and asks nothing. The live view, ``status``, metrics and the web all read the same one, so they
cannot disagree.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import CauseKind, Part


class FlowState(StrEnum):
    """What a flow is doing."""

    STARTING = "starting"
    """Connecting, reading positions."""
    WAITING = "waiting"
    """For something outside: a cluster that does not answer, a running MirrorMaker, a permission."""
    STANDBY = "standby"
    """Another process has the flow's lanes."""
    RUNNING = "running"
    PAUSED = "paused"
    """All that it would copy is paused, until a person has it go on."""
    FAILED = "failed"
    STOPPED = "stopped"


class LaneState(StrEnum):
    """What a lane is doing."""

    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    """An error that may pass; the cause says which, and it is tried again."""
    FAILED = "failed"
    """An error that will not pass by itself."""
    HALTED = "halted by a loss"
    """Records were lost, and the flow is told to wait for a person then (``heliograph.stop.on.loss``)."""
    HELD_UP = "held up"
    """A transaction on the source stays open: what lies behind it may not be read until it ends. No error."""
    PAUSED = "paused"
    """Until a person has it go on."""
    STOPPED = "stopped"
    GONE = "source gone"
    """The source has the topic no longer; its copy stays as it is."""


@dataclass(frozen=True, slots=True)
class LaneView:
    """One source partition on its way to one target partition."""

    topic: str
    """Name on the source."""
    target_topic: str
    partition: int
    state: LaneState
    cause: str = ""
    """Why the state is what it is; empty where there is nothing to say."""
    settled: int = 0
    """Source offset up to which everything is acknowledged by the target."""
    end_offset: int | None = None
    """End of the source partition (its high watermark) as last seen, whether or not all of it may be read."""
    lag: int | None = None
    """Offsets between settled and end."""
    records: int = 0
    """Acknowledged since the start of the process."""
    bytes: int = 0
    records_per_s: float = 0.0
    bytes_per_s: float = 0.0
    target_partition: int | None = None
    """Where its records go, if that is not the target partition of its own: it shares that one with others."""
    held_up_s: float = 0.0
    """For how long an open transaction on the source has held it up; 0: it is not held up."""
    standing_s: float = 0.0
    """For how long it has not moved because of an error; 0: it moves."""
    stands_still: bool = False
    """Whether that has lasted for longer than retries take, or will last until a person does something."""


@dataclass(frozen=True, slots=True)
class LossView:
    """Something that was lost."""

    kind: str
    """``retention``, ``truncation``, ``recreation``, ``target-deletion``, ``target-truncation``, ``foreign-write``."""
    topic: str
    """Name on the side where it happened."""
    partition: int
    first_offset: int
    next_offset: int
    """The offset after the last one concerned; the same as the first: none are known."""
    at_s: float
    """When it was noticed, seconds since the epoch."""
    goes_on_at: int | None = None
    """Source offset at which copying went on, or would; None: where it was."""
    on_target: bool = False


@dataclass(frozen=True, slots=True)
class LossCount:
    """How often something was lost, since the process began."""

    kind: str
    topic: str
    """Name on the side where it happened; empty: those of many topics together."""
    partition: int
    times: int
    offsets: int
    """Offsets concerned, all together."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of thing that keeps a flow from copying all that it should."""

    kind: CauseKind
    cause: str
    """In words; of several partitions or jobs, those of the one that it has lasted longest for."""
    partitions: int
    """Concerned by it; 0 for a job."""
    for_s: float = 0.0
    """For how many seconds it has lasted."""


@dataclass(frozen=True, slots=True)
class JobView:
    """Work that is done again and again beside the copying."""

    name: str
    succeeded_at_s: float | None = None
    """When it was last done, seconds since the epoch; None: not yet."""
    failures: int = 0
    """In a row, since it was last done."""
    failing_s: float = 0.0
    """For how long it has failed; 0: it does not."""
    error: str = ""
    """Of the last failure; empty: none since it was last done."""
    part: Part | None = None
    """Of the flow that it belongs to, where that may be paused by itself."""


@dataclass(frozen=True, slots=True)
class FlowView:
    """One direction of replication."""

    name: str
    """``source->target``."""
    state: FlowState
    cause: str = ""
    topics: int = 0
    """Topics mirrored, whoever has their lanes."""
    lanes: tuple[LaneView, ...] = ()
    """Those of this process."""
    records: int = 0
    bytes: int = 0
    records_per_s: float = 0.0
    bytes_per_s: float = 0.0
    latency_p50_ms: float | None = None
    """From the record's timestamp to the target's acknowledgement, over the last samples."""
    latency_p99_ms: float | None = None
    errors: tuple[str, ...] = ()
    """Newest first, one line each."""
    losses: tuple[LossView, ...] = ()
    """The newest, newest first."""
    loss_counts: tuple[LossCount, ...] = ()
    degraded: tuple[Cause, ...] = ()
    """Why not everything is copied; empty: all is well."""
    jobs: tuple[JobView, ...] = ()
    """Periodic jobs, while it copies."""
    limit_bytes_per_s: float | None = None
    """What the workers shown may read of it in a second; None: as much as they can."""
    held_back: bool = False
    """Whether a limit, its own or the one for all flows, has kept it from reading more in the last seconds."""

    @property
    def lag(self) -> int | None:
        """Sum of the lags that are known; None where none is."""
        lags = [lane.lag for lane in self.lanes if lane.lag is not None]
        return sum(lags) if lags else None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One of the processes that a parent runs (``--workers``)."""

    number: int
    """From 1."""
    pid: int | None
    """Its process id; None: it does not run at the moment."""
    restarts: int = 0
    ended: str = ""
    """How its latest end came, as long as it does not copy again."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """The whole process; of a parent, all its workers together."""

    version: str
    kernel: str
    """Which implementation of the inner loops runs: ``compiled`` or ``pure Python``."""
    uptime_s: float
    cpu_s: float
    """Processor time used since the start, user and system."""
    rss_bytes: int
    flows: tuple[FlowView, ...] = ()
    workers: tuple[WorkerView, ...] = ()
    """Of a parent; empty: the process copies by itself."""
    limit_bytes_per_s: float | None = None
    """What all flows together may read in a second; None: as much as they can."""
