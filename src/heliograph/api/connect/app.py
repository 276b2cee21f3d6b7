"""The paths of Connect's REST API."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from heliograph.api.connect.answers import Refused, answer, error_answer, info, nothing, refused, status, task_state
from heliograph.api.paths import Segments, segment
from heliograph.errors import HeliographError
from heliograph.observe.connectors import Connectors, ConnectorView, StoredOffset, TaskView, Wanted

BODY_BYTES_MAX = 1 << 20
VERSION = "4.3.1"
"""Of Kafka Connect, whose API this is."""
COMMIT = "unknown"

Handler = Callable[[Request], Awaitable[Response]]


def make_connect_app(connectors: Connectors) -> ASGIApp:
    """Return the application that speaks Connect's API for ``connectors``."""
    api = _Api(connectors)
    one = "/connectors/{name}"
    routes = [
        Route("/", _told(api.root)),
        Route("/health", _told(api.health)),
        Route("/connectors", _told(api.list)),
        Route("/connectors", _told(api.create), methods=["POST"]),
        Route(one, _told(api.info)),
        Route(one, _told(api.delete), methods=["DELETE"]),
        Route(f"{one}/config", _told(api.config)),
        Route(f"{one}/config", _told(api.put_config), methods=["PUT"]),
        Route(f"{one}/config", _told(api.patch_config), methods=["PATCH"]),
        Route(f"{one}/status", _told(api.status)),
        Route(f"{one}/restart", _told(api.restart), methods=["POST"]),
        Route(f"{one}/pause", _told(api.pause), methods=["PUT"]),
        Route(f"{one}/resume", _told(api.resume), methods=["PUT"]),
        Route(f"{one}/stop", _told(api.stop), methods=["PUT"]),
        Route(f"{one}/tasks", _told(api.tasks)),
        Route(f"{one}/tasks/{{number}}/status", _told(api.task_status)),
        Route(f"{one}/tasks/{{number}}/restart", _told(api.restart_task), methods=["POST"]),
        Route(f"{one}/topics", _told(api.topics)),
        Route(f"{one}/topics/reset", _told(api.reset_topics), methods=["PUT"]),
        Route(f"{one}/offsets", _told(api.offsets)),
        Route(f"{one}/offsets", _told(api.alter_offsets), methods=["PATCH"]),
        Route(f"{one}/offsets", _told(api.reset_offsets), methods=["DELETE"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    app.router.redirect_slashes = False
    return Segments(app)


def _told(handler: Handler) -> Handler:
    """Tell errors as Connect does."""

    async def handle(request: Request) -> Response:
        try:
            try:
                return await handler(request)
            except HeliographError as error:
                raise refused(error) from error
        except Refused as error:
            return error_answer(error.status, error.message)

    return handle


async def _not_found(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "HTTP 404 Not Found", 405: "HTTP 405 Method Not Allowed"}
    return error_answer(error.status_code, words.get(error.status_code, f"HTTP {error.status_code}"))


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
        body = await _object(request)
        name, config, state = body.get("name"), body.get("config"), body.get("initial_state")
        config = _texts(config)
        name = str(name if name is not None else config.get("name", "")).strip()
        if config.get("name", name) != name:
            raise Refused(
                400, f"Connector name configuration ({config['name']}) doesn't match connector name in the URL ({name})"
            )
        wanted = Wanted.RUNNING if state is None else Wanted(str(state).upper())
        connector = await self._connectors.create(name, {**config, "name": name}, wanted)
        return answer(info(connector), 201, {"Location": f"/connectors/{name}"})

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
        name, config = _name(request), _texts(await _object(request))
        if config.get("name", name) != name:
            raise Refused(
                400, f"Connector name configuration ({config['name']}) doesn't match connector name in the URL ({name})"
            )
        connector, new = await self._connectors.configure(name, {**config, "name": name})
        return answer(info(connector), 201 if new else 200, {"Location": f"/connectors/{name}"} if new else None)

    async def patch_config(self, request: Request) -> Response:
        changes = await _object(request)
        texts = {key: None if value is None else _text(value) for key, value in changes.items()}
        return answer(info(await self._connectors.patch(_name(request), texts)))

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
        tasks, failed = _flag(request, "includeTasks"), _flag(request, "onlyFailed")
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
        told = [{"partition": dict(each.partition), "offset": dict(each.offset or {})} for each in found]
        return answer({"offsets": told})

    async def alter_offsets(self, request: Request) -> Response:
        body = await _object(request)
        rows = body.get("offsets")
        if not isinstance(rows, list) or not rows:
            raise Refused(400, "Partitions / offsets need to be provided for an alter offsets request")
        await self._connectors.alter_offsets(_name(request), [_stored(row) for row in rows])
        return answer({"message": "The offsets for this connector have been altered successfully"})

    async def reset_offsets(self, request: Request) -> Response:
        await self._connectors.reset_offsets(_name(request))
        return answer({"message": "The offsets for this connector have been reset successfully"})


def _task(connector: ConnectorView | None, number: int) -> TaskView | None:
    tasks: Sequence[TaskView] = () if connector is None else connector.tasks
    return next((task for task in tasks if task.number == number), None)


async def _object(request: Request) -> Mapping[str, Any]:
    """Return the body, a JSON object."""
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise Refused(413, f"A body may have {BODY_BYTES_MAX} bytes at most")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(500, f"The body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(500, "The body must be a JSON object")
    return body


def _texts(config: object) -> dict[str, str]:
    """Return a configuration with every value as a text, as Connect's parser makes it."""
    if not isinstance(config, Mapping):
        raise Refused(500, "A configuration must be a JSON object")
    return {str(key): _text(value) for key, value in config.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise Refused(500, "The values of a configuration must be texts")


def _stored(row: object) -> StoredOffset:
    match row:
        case {"partition": dict(partition), **rest}:
            offset = rest.get("offset")
            if offset is None or isinstance(offset, dict):
                return StoredOffset(partition, offset)
    raise Refused(400, "Each of offsets has a partition and an offset")


def _number(request: Request) -> int:
    text = str(request.path_params["number"])
    if not text.isascii() or not text.isdecimal():
        raise Refused(404, "HTTP 404 Not Found")
    return int(text)


def _flag(request: Request, name: str) -> bool:
    return str(request.query_params.get(name, "")).lower() == "true"
