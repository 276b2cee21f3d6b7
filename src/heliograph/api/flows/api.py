"""The work behind each route, and the table of all of them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from starlette.responses import Response

from heliograph.api.flows.events import EVENT_STREAM, Event, EventsQuery, EventStream, Streams
from heliograph.api.flows.jobs import Job, JobKind, JobList, Jobs, no_job
from heliograph.api.flows.routes import ACCEPTED, Call, Route, Rules
from heliograph.api.flows.shapes import (
    Flow,
    Flows,
    Lanes,
    LanesQuery,
    Losses,
    Process,
    flow_of,
    lanes_of,
    process_of,
)
from heliograph.errors import NotFound
from heliograph.observe.control import Control
from heliograph.observe.group_positions import FailoverOrder, GroupsQuery, GroupsTold
from heliograph.observe.model import FlowView, ProcessView
from heliograph.observe.operations import (
    TIMEOUT_S_MAX,
    Limited,
    LimitOrder,
    Operations,
    Planned,
    RestartOrder,
    RewindOrder,
    Rewound,
    StatusTold,
    Steered,
    SteerOrder,
    VerifyOrder,
)
from heliograph.observe.recent import Recent

Waits = TypeVar("Waits", SteerOrder, RewindOrder)


class Api:
    """What the routes do."""

    def __init__(self, control: Control, operations: Operations, rules: Rules) -> None:
        """Show the process behind ``control``, and tell its flows by ``operations``.

        ``rules`` say what the user may see and do of it.
        """
        self._jobs = Jobs()
        self._rules = rules
        self._recent = Recent(control.view)
        self._streams = Streams(self._recent.now)
        self._operations = operations

    async def end(self) -> None:
        """End what goes on by itself: jobs, and streams of events."""
        await self._jobs.end()
        await self._streams.end()

    def _now(self) -> ProcessView:
        """Return a recent picture of what the user may see."""
        view = self._recent.now()
        return replace(view, flows=tuple(flow for flow in view.flows if self._rules.sees(flow.name)))

    async def process(self, _: Call) -> Process:
        """Show the process itself."""
        return process_of(self._now())

    async def flows(self, _: Call) -> Flows:
        """Show all flows."""
        return Flows(tuple(map(flow_of, self._now().flows)))

    async def flow(self, call: Call) -> Flow:
        """Show one flow."""
        return flow_of(self._flow(call.flow))

    async def lanes(self, call: Call) -> Lanes:
        """Show lanes."""
        return lanes_of(self._flow(call.flow), call.query)

    async def losses(self, call: Call) -> Losses:
        """Show what was lost."""
        view = self._flow(call.flow)
        return Losses(view.losses, view.loss_counts)

    async def status(self, call: Call) -> StatusTold:
        """Look at the clusters."""
        return await self._operations.status(call.flow)

    async def groups(self, call: Call) -> GroupsTold:
        """Look at the clusters."""
        return await self._operations.groups(call.flow, call.query)

    async def plan(self, call: Call) -> Planned:
        """Look at the clusters."""
        return await self._operations.plan(call.flow)

    async def pause(self, call: Call) -> Steered:
        """Tell the flow."""
        return await self._operations.pause(call.flow, _bounded(call.body))

    async def resume(self, call: Call) -> Steered:
        """Tell the flow."""
        return await self._operations.resume(call.flow, _bounded(call.body))

    async def restart(self, call: Call) -> Steered:
        """Tell the flow."""
        return await self._operations.restart(call.flow, call.body)

    async def rewind(self, call: Call) -> Rewound:
        """Tell the flow, or only look."""
        return await self._operations.rewind(call.flow, _bounded(call.body))

    async def limit(self, call: Call) -> Limited:
        """Look at what the flow was told."""
        return await self._operations.limit(call.flow)

    async def set_limit(self, call: Call) -> Limited:
        """Tell the flow."""
        return await self._operations.set_limit(call.flow, call.body)

    async def reset_limit(self, call: Call) -> Limited:
        """Tell the flow."""
        return await self._operations.reset_limit(call.flow)

    def _wanted(self, flow: str | None) -> Callable[[str], bool]:
        """Return which flows' events the user wants and may see."""
        return lambda name: flow in (None, name) and self._rules.sees(name)

    async def events(self, call: Call) -> Response:
        """Begin a stream."""
        if call.query.flow is not None:
            self._flow(call.query.flow)
        self._streams.check_room()
        return EventStream(self._streams, self._wanted(call.query.flow))

    async def verify(self, call: Call) -> Job:
        """Begin a job."""
        name = self._flow(call.flow).name
        return self._jobs.begin(JobKind.VERIFY, name, partial(self._operations.verify, name, call.body))

    async def failover(self, call: Call) -> Job:
        """Begin a job."""
        name = self._flow(call.flow).name
        return self._jobs.begin(JobKind.FAILOVER, name, partial(self._operations.failover, name, call.body))

    async def jobs(self, _: Call) -> JobList:
        """Show all jobs."""
        return JobList(tuple(job for job in self._jobs.all() if self._rules.sees(job.flow)))

    async def job(self, call: Call) -> Job:
        """Show one job."""
        return self._job(call.id)

    async def cancel(self, call: Call) -> Job:
        """End one job."""
        job = self._job(call.id)
        self._rules.check(job.flow, changes=True, moves=job.kind is JobKind.FAILOVER)
        return await self._jobs.cancel(call.id)

    def _job(self, number: str) -> Job:
        """Return a job that the user may see. Raises NotFound."""
        job = self._jobs.one(number)
        if not self._rules.sees(job.flow):
            raise no_job(number)
        return job

    def _flow(self, name: str) -> FlowView:
        flows = {flow.name: flow for flow in self._now().flows}
        if name not in flows:
            raise NotFound(f"There is no flow {name}", remedy=f"There are: {', '.join(flows) or 'none'}")
        return flows[name]


def _bounded(order: Waits) -> Waits:
    """Return an order that does not wait too long. Raises ValueError for another."""
    if order.timeout_s > TIMEOUT_S_MAX:
        raise ValueError(f"timeout_s is {TIMEOUT_S_MAX:g} at most, not {order.timeout_s:g}")
    return order


FLOW = "/flows/{flow}"
_on_clusters = partial(Route, asks_clusters=True)

ROUTES = (
    Route("GET", "", "getProcess", "The process that answers.", Api.process, Process),
    Route("GET", "/flows", "listFlows", "All flows.", Api.flows, Flows),
    Route("GET", "/flows/{flow}", "getFlow", "One flow: what it does, and how well.", Api.flow, Flow),
    Route(
        "GET",
        "/flows/{flow}/lanes",
        "listLanes",
        "Partitions on their way, page by page.",
        Api.lanes,
        Lanes,
        query=LanesQuery,
    ),
    Route("GET", "/flows/{flow}/losses", "listLosses", "What was lost, as far as it was noticed.", Api.losses, Losses),
    _on_clusters(
        "GET",
        f"{FLOW}/status",
        "getStatus",
        "Who copies it and how far it is, by its clusters.",
        Api.status,
        StatusTold,
    ),
    _on_clusters(
        "GET", f"{FLOW}/plan", "getPlan", "What this process's configuration would change in it.", Api.plan, Planned
    ),
    _on_clusters(
        "GET",
        f"{FLOW}/groups",
        "listGroups",
        "Where consumer groups would go on on the other cluster.",
        Api.groups,
        GroupsTold,
        query=GroupsQuery,
    ),
    _on_clusters(
        "POST", f"{FLOW}/pause", "pause", "Pause it, topics or partitions.", Api.pause, Steered, body=SteerOrder
    ),
    _on_clusters(
        "POST", f"{FLOW}/resume", "resume", "Go on with what was paused.", Api.resume, Steered, body=SteerOrder
    ),
    _on_clusters(
        "POST",
        f"{FLOW}/restart",
        "restart",
        "Start it, topics or partitions again.",
        Api.restart,
        Steered,
        body=RestartOrder,
    ),
    _on_clusters(
        "POST",
        f"{FLOW}/rewind",
        "rewind",
        "Copy a topic again from somewhere, or leave a part of it out; or only say what that would do.",
        Api.rewind,
        Rewound,
        body=RewindOrder,
        moves=True,
    ),
    _on_clusters("GET", f"{FLOW}/limit", "getLimit", "The limit of bandwidth that holds.", Api.limit, Limited),
    _on_clusters(
        "PUT", f"{FLOW}/limit", "setLimit", "Have another limit hold for now.", Api.set_limit, Limited, body=LimitOrder
    ),
    _on_clusters("DELETE", f"{FLOW}/limit", "resetLimit", "Have the file's limit hold.", Api.reset_limit, Limited),
    Route(
        "POST",
        f"{FLOW}/verify",
        "verify",
        "Begin to prove that both sides hold the same records; its address is in `Location`.",
        Api.verify,
        Job,
        body=VerifyOrder,
        status=ACCEPTED,
        may_be_busy=True,
    ),
    Route(
        "POST",
        f"{FLOW}/failover",
        "failover",
        "Begin to move consumer groups from source to target, or only to say what that would do; its address is in "
        "`Location`.",
        Api.failover,
        Job,
        body=FailoverOrder,
        status=ACCEPTED,
        may_be_busy=True,
        moves=True,
    ),
    Route(
        "GET",
        "/events",
        "streamEvents",
        "What changes, as it happens: at first the state of each flow.",
        Api.events,
        Event,
        query=EventsQuery,
        media=EVENT_STREAM,
        may_be_busy=True,
    ),
    Route("GET", "/jobs", "listJobs", "Long work, newest first.", Api.jobs, JobList),
    Route("GET", "/jobs/{id}", "getJob", "How far a job is, and its result.", Api.job, Job),
    Route("DELETE", "/jobs/{id}", "cancelJob", "End a job, if it still runs.", Api.cancel, Job),
)
"""All of them, in the order of the reference."""
