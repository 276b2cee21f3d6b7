"""A process that always looks the same, and its API asked over a socket."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from heliograph.api.flows.api import Api
from heliograph.api.flows.app import make_flows_app
from heliograph.config.model import Part
from heliograph.errors import NotAuthorized, Unreachable
from heliograph.mirror.moves import Move, Position, Verdict
from heliograph.mirror.topic_changes import Copy, Turn
from heliograph.observe.group_positions import (
    FailedOver,
    FailoverOrder,
    GroupsQuery,
    GroupsTold,
    told_groups,
    told_moves,
)
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, LossCount, LossView, ProcessView
from heliograph.observe.operations import (
    Copier,
    Limited,
    LimitedBy,
    LimitOrder,
    Planned,
    PlannedTopic,
    Progress,
    RestartOrder,
    RewindOrder,
    Rewound,
    RewoundPartition,
    StatusTold,
    Steered,
    SteerOrder,
    VerifyOrder,
)
from rest_server import Client, serving

LANES = tuple(
    LaneView(topic, f"A.{topic}", number, state, settled=10 * number, end_offset=10 * number + 5, lag=5)
    for topic, state in (("orders-1", LaneState.RUNNING), ("pay/ments", LaneState.PAUSED))
    for number in range(11, -1, -1)
)
LOSS = LossView("retention", "orders-1", 3, 5, 9, 1_700_000_000.0, goes_on_at=9)
FLOWS = (
    FlowView(
        "A->B",
        FlowState.RUNNING,
        topics=2,
        lanes=LANES,
        records=7,
        bytes=900,
        losses=(LOSS,),
        loss_counts=(LossCount("retention", "orders-1", 3, 1, 4),),
    ),
    FlowView("B->A", FlowState.WAITING, "B does not answer"),
)


class Still:
    """A process that always looks the same."""

    def __init__(self, *flows: FlowView):
        self._flows = flows

    def view(self) -> ProcessView:
        return ProcessView("1.2.3", "compiled", 5.0, 0.5, 1_000_000, self._flows)


class Told:
    """Flows that keep what they are told."""

    def __init__(self):
        self.orders = []

    async def pause(self, flow: str, order: SteerOrder) -> Steered:
        return self._steered("pause", flow, order)

    async def resume(self, flow: str, order: SteerOrder) -> Steered:
        return self._steered("resume", flow, order)

    async def restart(self, flow: str, order: RestartOrder) -> Steered:
        return self._steered("restart", flow, order)

    def _steered(self, command, flow, order) -> Steered:
        self.orders.append((command, flow, order))
        topics = {topic: tuple(order.partitions) for topic in order.topics} or None
        parts = None if topics else tuple(Part)
        return Steered(
            flow,
            command,
            topics,
            parts,
            changed=True,
            copier=Copier.WORKERS,
            done=True,
            left={},
            notes=(),
            topics_before={"t": (1,)},
        )

    async def rewind(self, flow: str, order: RewindOrder) -> Rewound:
        self.orders.append(("rewind", flow, order))
        step = RewoundPartition(0, "A.t", 0, 10, 10, 4, 6, 0, counted=True)
        return Rewound(flow, order.topic, order.goal, Copier.NOBODY, order.execute, (step,), {}, ("note",))

    async def limit(self, flow: str) -> Limited:
        return Limited(flow, None, LimitedBy.FILE, None, changed=False, copier=Copier.NOBODY)

    async def set_limit(self, flow: str, order: LimitOrder) -> Limited:
        self.orders.append(("limit", flow, order))
        return Limited(
            flow,
            order.bytes_per_second,
            LimitedBy.COMMAND,
            None,
            changed=True,
            copier=Copier.NOBODY,
            bytes_per_second_before=1000,
        )

    async def reset_limit(self, flow: str) -> Limited:
        self.orders.append(("reset", flow, None))
        return await self.limit(flow)

    async def verify(self, flow: str, order: VerifyOrder, report) -> dict[str, object]:
        self.orders.append(("verify", flow, order))
        report(Progress(3, 10, 500))
        if order.wait_s == 0:
            raise Unreachable("B does not answer", remedy="Look at B")
        if order.sample:
            await asyncio.Event().wait()
        return {"verdict": "proven"}

    async def failover(self, flow: str, order: FailoverOrder, report) -> FailedOver:
        self.orders.append(("failover", flow, order))
        report(Progress(2, 2))
        (move,) = told_moves([Move(Position("g", "t", 0, 5, "A.t", 4, exact=True), Verdict.MOVE, "copied")])
        return FailedOver(flow, order.execute, (move,), (), all_good=True)

    async def groups(self, flow: str, query: GroupsQuery) -> GroupsTold:
        position = Position(query.group or "g", query.topic or "t", 0, 5, "A.t", 4, exact=True)
        return told_groups(flow, [position], ["note"], backwards=query.backwards)

    async def status(self, flow: str) -> StatusTold:
        raise NotAuthorized(f"{flow} may not be seen", right="Describe", resource="group A-mm2")

    async def plan(self, flow: str) -> Planned:
        topic = PlannedTopic("t", Turn.BEGINS, 3, "A.t", "", Copy.CREATED, 0, 3, "", "beginning")
        return Planned(flow, Copier.NOBODY, True, (), (topic,), ())


class Everything:
    """Rules by which everybody may do everything; they keep what they are told."""

    def __init__(self):
        self.told = []

    def sees(self, flow: str) -> bool:
        return True

    def check(self, flow: str, *, changes: bool, moves: bool) -> None:
        pass

    def tell(self, what: str, flow: str, before: str, order: object) -> None:
        self.told.append((what, flow, before, order))


@contextmanager
def asking(*flows: FlowView, told: Told | None = None, rules: Everything | None = None) -> Iterator[Client]:
    rules = rules or Everything()
    api = Api(Still(*(flows or FLOWS)), told or Told(), rules)
    with serving(make_flows_app(api, rules)) as port, Client(port) as client:
        yield client
