"""The paths of Connect's REST API."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from heliograph.api.connect.answers import (
    Refused,
    answer,
    error_answer,
    info,
    invalid_configuration,
    nothing,
    status,
    task_state,
)
from heliograph.api.connect.loggers import logger_routes
from heliograph.api.connect.plugins import plugin_routes
from heliograph.api.connect.requests import flag, object_of, route, text, texts
from heliograph.api.paths import Segments, segment
from heliograph.config.connectors.definitions import VERSION
from heliograph.observe.connectors import Connectors, ConnectorView, StoredOffset, TaskView, Wanted

COMMIT = "unknown"
NOT_FOUND = "HTTP 404 Not Found"
_BLANK = ord(" ")
_IN_PATHS = "!$&'()*+,;=:@"
"""What a segment of a path may hold as it is, beside letters, digits and ``-._~``."""
_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_NUMBER_MAX = 2**31 - 1


def make_connect_app(connectors: Connectors) -> ASGIApp:
    """Return the application that speaks Connect's API for ``connectors``."""
    api = _Api(connectors)
    one = "/connectors/{name}"
    routes = [
        route("/", {"GET": api.root}),
        route("/health", {"GET": api.health}),
        route("/connectors", {"GET": api.list, "POST": api.create}),
        route(one, {"GET": api.info, "DELETE": api.delete}),
        route(f"{one}/config", {"GET": api.config, "PUT": api.put_config, "PATCH": api.patch_config}),
        route(f"{one}/status", {"GET": api.status}),
        route(f"{one}/restart", {"POST": api.restart}),
        route(f"{one}/pause", {"PUT": api.pause}),
        route(f"{one}/resume", {"PUT": api.resume}),
        route(f"{one}/stop", {"PUT": api.stop}),
        route(f"{one}/tasks", {"GET": api.tasks}),
        route(f"{one}/tasks/{{number}}/status", {"GET": api.task_status}),
        route(f"{one}/tasks/{{number}}/restart", {"POST": api.restart_task}),
        route(f"{one}/topics", {"GET": api.topics}),
        route(f"{one}/topics/reset", {"PUT": api.reset_topics}),
        route(f"{one}/offsets", {"GET": api.offsets, "PATCH": api.alter_offsets, "DELETE": api.reset_offsets}),
        *plugin_routes(connectors),
        *logger_routes(connectors),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    app.router.redirect_slashes = False
    return Segments(app)


async def _not_found(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    assert error.status_code == 404, "each path takes every method"
    return error_answer(404, NOT_FOUND)


def _name(request: Request) -> str:
    return segment(request, "name")


class _Api:
    """The routes' work."""

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors

    async def root(self, _: Request) -> Response:
        return answer({"version": VERSION, "commit": COMMIT, "kafka_cluster_id": self._connectors.cluster_id})

    async def health(self, _: Request) -> Response:
        if not self._connectors.cluster_id:
            return answer({"status": "starting", "message": "Worker is still starting up."}, 503)
        return answer({"status": "healthy", "message": "Worker has completed startup and is ready to handle requests."})

    async def list(self, request: Request) -> Response:
        connectors = self._connectors.all()
        if "expand" not in request.query_params:
            return answer(list(connectors))
        wanted = request.query_params.getlist("expand")
        shapes = {"status": status, "info": info}
        return answer(
            {
                name: {each: shapes[each](connector) for each in wanted if each in shapes}
                for name, connector in connectors.items()
            }
        )

    async def create(self, request: Request) -> Response:
        body = await object_of(request, "name", "config", "initial_state")
        told = body.get("name")
        name = "" if told is None else text(told).strip()
        config = named(name, texts(body.get("config")))
        connector = await self._connectors.create(name, config, _initial(body.get("initial_state")))
        return _created(request, connector)

    def _connector(self, request: Request, words: str = "Connector {} not found") -> ConnectorView:
        name = _name(request)
        found = self._connectors.all().get(name)
        if found is None:
            raise Refused(404, words.format(name))
        return found

    async def info(self, request: Request) -> Response:
        return answer(info(self._connector(request)))

    async def config(self, request: Request) -> Response:
        return answer(dict(self._connector(request).config))

    async def status(self, request: Request) -> Response:
        return answer(status(self._connector(request, "No status found for connector {}")))

    async def delete(self, request: Request) -> Response:
        await self._connectors.delete(_name(request))
        return nothing(204)

    async def put_config(self, request: Request) -> Response:
        name = _name(request)
        config = named(name, texts(await object_of(request)))
        connector, new = await self._connectors.configure(name, config)
        return _created(request, connector) if new else answer(info(connector))

    async def patch_config(self, request: Request) -> Response:
        name = _name(request)
        body = await object_of(request)
        changes = {key: None if value is None else text(value) for key, value in body.items()}
        if "name" in changes:
            named(name, {"name": changes["name"] or ""})
        return answer(info(await self._connectors.patch(name, changes)))

    async def pause(self, request: Request) -> Response:
        await self._connectors.want(_name(request), Wanted.PAUSED)
        return nothing(202)

    async def resume(self, request: Request) -> Response:
        await self._connectors.want(_name(request), Wanted.RUNNING)
        return nothing(202)

    async def stop(self, request: Request) -> Response:
        await self._connectors.want(_name(request), Wanted.STOPPED)
        return nothing(204)

    async def restart(self, request: Request) -> Response:
        tasks, failed = flag(request, "includeTasks"), flag(request, "onlyFailed")
        connector = await self._connectors.restart(_name(request), include_tasks=tasks, only_failed=failed)
        return answer(status(connector), 202) if tasks or failed else nothing(204)

    async def tasks(self, request: Request) -> Response:
        connector = self._connector(request)
        return answer(
            [
                {"id": {"connector": connector.name, "task": task.number}, "config": dict(task.config)}
                for task in connector.tasks
            ]
        )

    async def task_status(self, request: Request) -> Response:
        name, number = _name(request), _number(request)
        connector = self._connectors.all().get(name)
        task = _task(connector, number)
        if connector is None or task is None:
            raise Refused(404, f"No status found for task {name}-{number}")
        return answer(task_state(task, connector.version))

    async def restart_task(self, request: Request) -> Response:
        await self._connectors.restart_task(_name(request), _number(request))
        return nothing(204)

    async def topics(self, request: Request) -> Response:
        name = _name(request)
        found = self._connectors.all().get(name)
        return answer({name: {"topics": list(found.topics) if found is not None else []}})

    async def reset_topics(self, _: Request) -> Response:
        return nothing(202)

    async def offsets(self, request: Request) -> Response:
        found = await self._connectors.offsets(_name(request))
        told = [{"partition": each.partition, "offset": each.offset or {}} for each in found]
        return answer({"offsets": told})

    async def alter_offsets(self, request: Request) -> Response:
        rows = (await object_of(request, "offsets")).get("offsets")
        if rows is not None and not isinstance(rows, list):
            raise Refused(400, "offsets must be a list")
        if not rows:
            raise Refused(400, "Partitions / offsets need to be provided for an alter offsets request")
        await self._connectors.alter_offsets(_name(request), [_stored(row) for row in rows])
        return answer({"message": "The offsets for this connector have been altered successfully"})

    async def reset_offsets(self, request: Request) -> Response:
        await self._connectors.reset_offsets(_name(request))
        return answer({"message": "The offsets for this connector have been reset successfully"})


def _task(connector: ConnectorView | None, number: int) -> TaskView | None:
    tasks: Sequence[TaskView] = () if connector is None else connector.tasks
    return next((task for task in tasks if task.number == number), None)


def named(name: str, config: Mapping[str, str]) -> dict[str, str]:
    """Return a configuration with the connector's name in it, which may stand there already."""
    there = config.get("name", name)
    if there != name:
        raise Refused(400, f"Connector name configuration ({there}) doesn't match connector name in the URL ({name})")
    if not name:
        raise Refused(400, invalid_configuration(["Invalid value  for configuration name: String may not be empty"]))
    if controls := ", ".join(str(ord(char)) for char in name if ord(char) < _BLANK):
        problem = f"String may not contain control sequences but had the following ASCII chars: {controls}"
        raise Refused(400, invalid_configuration([f"Invalid value {name} for configuration name: {problem}"]))
    return {**config, "name": name}


def _initial(state: object) -> Wanted:
    """Return what a new connector is to do."""
    if state is None:
        return Wanted.RUNNING
    if isinstance(state, str) and state.upper() in Wanted.__members__:
        return Wanted(state.upper())
    raise Refused(400, f"initial_state may be {', '.join(Wanted)}, not {state!r}")


def _created(request: Request, connector: ConnectorView) -> Response:
    """Show a connector that is new, and so has no tasks yet, and say where it is."""
    place = f"{request.base_url}connectors/{quote(connector.name, safe=_IN_PATHS)}"
    return answer(info(replace(connector, tasks=())), 201, {"Location": place})


def _stored(row: object) -> StoredOffset:
    match row:
        case dict() if row.keys() <= {"partition", "offset"}:
            partition, offset = row.get("partition"), row.get("offset")
            if partition is None and offset is not None:
                raise Refused(400, "Source partitions may not be null")
            if isinstance(partition, dict | None) and isinstance(offset, dict | None):
                return StoredOffset(partition or {}, offset)
    raise Refused(400, "Each of offsets is an object with partition and offset, which are objects or null")


def _number(request: Request) -> int:
    text = str(request.path_params["number"])
    if not _NUMBER.fullmatch(text) or abs(int(text)) > _NUMBER_MAX:
        raise Refused(404, NOT_FOUND)
    return int(text)
