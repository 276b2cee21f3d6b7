"""What the API takes and gives beside the objects of :mod:`heliograph.observe`; OpenAPI schemas are made of these."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from heliograph.observe.model import (
    Cause,
    FlowState,
    FlowView,
    JobView,
    LaneState,
    LaneView,
    LossCount,
    LossView,
    ProcessView,
    WorkerView,
)

LANES_MAX = 1000
"""Lanes in one answer."""


@dataclass(frozen=True, slots=True)
class Process:
    """The process that answers."""

    version: str
    """Of Heliograph."""
    kernel: str
    """Which implementation of the inner loops runs: ``compiled`` or ``pure Python``."""
    uptime_s: float
    cpu_s: float
    """Processor time used since the start, user and system."""
    rss_bytes: int
    """Memory in use."""
    limit_bytes_per_s: float | None
    """What all flows together may read in a second; null: as much as they can."""
    workers: tuple[WorkerView, ...]
    """Of a parent (``--workers``); empty: the process copies by itself."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow, with what this process does of it."""

    name: str
    """``source->target``."""
    state: FlowState
    cause: str
    """Why the state is what it is; empty where there is nothing to say."""
    topics: int
    """Topics that are copied, whoever has their lanes."""
    lanes: int
    """Partitions that this process copies."""
    lag: int | None
    """Sum of the lags that are known; null where none is."""
    records: int
    """Acknowledged by the target since the start of the process."""
    bytes: int
    """Of these records, as they lie in their batches."""
    records_per_s: float
    bytes_per_s: float
    latency_p50_ms: float | None
    """From the record's timestamp to the target's acknowledgement, over the last samples."""
    latency_p99_ms: float | None
    errors: tuple[str, ...]
    """Newest first."""
    degraded: tuple[Cause, ...]
    """Why not everything is copied; empty: all is well."""
    jobs: tuple[JobView, ...]
    """Work that is done again and again beside the copying."""
    limit_bytes_per_s: float | None
    """What may be read of it in a second; null: as much as can be."""
    held_back: bool
    """Whether a limit has kept it from reading more in the last seconds."""


@dataclass(frozen=True, slots=True)
class Flows:
    """All flows of the process."""

    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """Some lanes of a flow, by topic and partition."""

    lanes: tuple[LaneView, ...]
    total: int
    """How many there are that the request is about, on all pages."""
    next: str | None
    """What to ask for with ``after`` to get the next ones; null: there are no more."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What a flow has lost."""

    losses: tuple[LossView, ...]
    """The newest, newest first."""
    counts: tuple[LossCount, ...]
    """All since the process began."""


class LanesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which lanes."""

    topic: str | None = None
    """Only those of this topic, by its name on the source."""
    state: LaneState | None = None
    """Only those in this state."""
    after: str | None = None
    """Only those behind this one: ``next`` of the page before."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LANES_MAX)] = 100
    """How many at most."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was not done (RFC 9457)."""

    status: int
    """The HTTP status once more."""
    title: str
    """What that status means."""
    detail: str
    """What was asked, of whom, and what went wrong."""
    remedy: str = ""
    """What may be done next; empty: nothing in particular."""
    error: str = ""
    """Name of the error, as the reference of messages has it; empty: the request itself is wrong."""
    exit_code: int = 2
    """With which the command line ends when it meets this."""
    type: str = "about:blank"


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """Why a request got to nobody: said in front of this API and Connect's alike, in Connect's shape."""

    error_code: int
    """The HTTP status once more."""
    message: str


def process_of(view: ProcessView) -> Process:
    """Return what there is to say of the process alone."""
    return Process(
        view.version, view.kernel, view.uptime_s, view.cpu_s, view.rss_bytes, view.limit_bytes_per_s, view.workers
    )


def flow_of(view: FlowView) -> Flow:
    """Return a flow without its lanes and losses."""
    return Flow(
        view.name,
        view.state,
        view.cause,
        view.topics,
        len(view.lanes),
        view.lag,
        view.records,
        view.bytes,
        view.records_per_s,
        view.bytes_per_s,
        view.latency_p50_ms,
        view.latency_p99_ms,
        view.errors,
        view.degraded,
        view.jobs,
        view.limit_bytes_per_s,
        view.held_back,
    )


def lanes_of(view: FlowView, query: LanesQuery) -> Lanes:
    """Return a page of lanes. Raises ValueError for an ``after`` that is none."""
    chosen = [
        lane
        for lane in view.lanes
        if query.topic in (None, lane.topic) and (query.state is None or lane.state is query.state)
    ]
    chosen.sort(key=_place)
    total = len(chosen)
    if query.after is not None:
        topic, _, number = query.after.rpartition("-")
        if not number.isdecimal():
            raise ValueError(f"after is {query.after[:100]!r}, which no page has given as next")
        chosen = [lane for lane in chosen if _place(lane) > (topic, int(number))]
    page = tuple(chosen[: query.limit])
    more = f"{page[-1].topic}-{page[-1].partition}" if len(chosen) > len(page) else None
    return Lanes(page, total, more)


def _place(lane: LaneView) -> tuple[str, int]:
    return lane.topic, lane.partition
