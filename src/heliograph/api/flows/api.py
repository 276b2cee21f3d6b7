"""The work behind each route, and the table of all of them."""

from heliograph.api.flows.routes import Call, Route
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
from heliograph.observe.model import FlowView
from heliograph.observe.recent import Recent


class Api:
    """What the routes do."""

    def __init__(self, control: Control) -> None:
        """Show and steer the process behind ``control``."""
        self._recent = Recent(control.view)

    async def process(self, _: Call) -> Process:
        """Show the process itself."""
        return process_of(self._recent.now())

    async def flows(self, _: Call) -> Flows:
        """Show all flows."""
        return Flows(tuple(map(flow_of, self._recent.now().flows)))

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

    def _flow(self, name: str) -> FlowView:
        flows = {flow.name: flow for flow in self._recent.now().flows}
        if name not in flows:
            raise NotFound(f"There is no flow {name}", remedy=f"There are: {', '.join(flows) or 'none'}")
        return flows[name]


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
)
"""All of them, in the order of the reference."""
