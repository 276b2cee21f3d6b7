"""A process that always looks the same, and its API asked over a socket."""

from collections.abc import Iterator
from contextlib import contextmanager

from heliograph.api.flows.app import make_flows_app
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, LossCount, LossView, ProcessView
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


@contextmanager
def asking(*flows: FlowView) -> Iterator[Client]:
    with serving(make_flows_app(Still(*(flows or FLOWS)))) as port, Client(port) as client:
        yield client
