"""The routes: metrics, health and status, each made from a fresh picture of the process.

========= ===========================================================================================
path      answer
========= ===========================================================================================
/metrics  Prometheus' text format, see :mod:`heliograph.observe.metrics`
/live     200 as long as the process answers: a broker that is away is no reason to restart it
/ready    200 when every flow runs or stands by and no cause holds that is told to count, else 503; and all causes
/status   the picture as JSON
========= ===========================================================================================
"""

from collections.abc import Iterator

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from heliograph.config.model import CauseKind
from heliograph.observe import metrics
from heliograph.observe.control import Control
from heliograph.observe.health import GOOD, words_of
from heliograph.observe.model import FlowView


def make_app(control: Control, requires: frozenset[CauseKind]) -> Starlette:
    """Return the application that shows the process behind ``control``.

    It is not ready while a flow does not run, or is degraded by a cause of ``requires``.
    """

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.exposition(control.view()), media_type=metrics.CONTENT_TYPE)

    async def live(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> Response:
        told = [each for flow in control.view().flows for each in _told(flow, requires)]
        late = [words for counts, words in told if counts]
        degraded = [words for counts, words in told if not counts]
        return PlainTextResponse("\n".join([*(late or ["ready"]), *degraded]) + "\n", 503 if late else 200)

    async def status(_: Request) -> Response:
        return Response(msgspec.json.encode(control.view()), media_type="application/json")

    return Starlette(
        routes=[
            Route("/metrics", show_metrics),
            Route("/live", live),
            Route("/ready", ready),
            Route("/status", status),
        ]
    )


def _told(flow: FlowView, requires: frozenset[CauseKind]) -> Iterator[tuple[bool, str]]:
    """Say what is wrong with a flow, one line each, and whether it counts."""
    if flow.state not in GOOD:
        yield True, f"{flow.name}: {flow.state} {flow.cause}".strip()
        return
    for each in flow.degraded:
        yield each.kind in requires, f"{flow.name}: degraded: {words_of(each)}"
