"""The routes: metrics, health and status, each made from a fresh picture of the process.

========= ===========================================================================================
path      answer
========= ===========================================================================================
/metrics  Prometheus' text format, see :mod:`heliograph.observe.metrics`
/live     200 as long as the process answers: a broker that is away is no reason to restart it
/ready    200 when every flow runs or stands by, else 503 with the flows that do not; then what is degraded
/status   the picture as JSON
========= ===========================================================================================
"""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from heliograph.observe import metrics
from heliograph.observe.control import Control
from heliograph.observe.health import GOOD


def make_app(control: Control) -> Starlette:
    """Return the application that shows the process behind ``control``."""

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.exposition(control.view()), media_type=metrics.CONTENT_TYPE)

    async def live(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> Response:
        flows = control.view().flows
        late = [f"{flow.name}: {flow.state} {flow.cause}".strip() for flow in flows if flow.state not in GOOD]
        degraded = [
            f"{flow.name}: degraded: {each.kind}, partitions={each.partitions}: {each.cause}"
            for flow in flows
            if flow.state in GOOD
            for each in flow.degraded
        ]
        return PlainTextResponse("\n".join([*(late or ["ready"]), *degraded]) + "\n", 503 if late else 200)

    async def status(_: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(control.view()))

    return Starlette(
        routes=[
            Route("/metrics", show_metrics),
            Route("/live", live),
            Route("/ready", ready),
            Route("/status", status),
        ]
    )
