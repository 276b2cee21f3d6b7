"""``/admin/loggers``: levels of loggers, in this worker or in all (KIP-495, KIP-976)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from heliograph.api.connect.answers import Refused, answer, nothing
from heliograph.api.connect.requests import object_of, route, text
from heliograph.api.paths import segment
from heliograph.observe.connectors import Connectors, LoggerView

CLUSTER = "cluster"
"""The scope that concerns all workers; any other is this one."""


def logger_routes(connectors: Connectors) -> list[Route]:
    """Return the paths of loggers."""

    async def list_all(_: Request) -> Response:
        return answer({name: _shown(logger) for name, logger in connectors.loggers().items()})

    async def show(request: Request) -> Response:
        name = segment(request, "logger")
        logger = connectors.logger(name)
        if logger is None:
            raise Refused(404, f"Logger {name} not found.")
        return answer(_shown(logger))

    async def change(request: Request) -> Response:
        level = (await object_of(request)).get("level")
        if level is None:
            raise Refused(400, "Desired 'level' parameter was not specified in request.")
        everywhere = request.query_params.get("scope", "").lower() == CLUSTER
        changed = await connectors.set_logger(segment(request, "logger"), text(level), everywhere=everywhere)
        return nothing(204) if everywhere else answer(list(changed))

    return [
        route("/admin/loggers", {"GET": list_all}),
        route("/admin/loggers/{logger}", {"GET": show, "PUT": change}),
    ]


def _shown(logger: LoggerView) -> dict[str, Any]:
    return {"level": logger.level, "last_modified": logger.modified_ms}
