"""How answers look: connectors, tasks and states in Connect's shapes, and errors as it tells them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from heliograph.errors import ConfigError, ConfigErrors, HeliographError, NotFound
from heliograph.observe.connectors import SOURCE, Conflict, ConnectorView, Forbidden, Invalid, Misconfigured, TaskView

_STATUSES: Mapping[type[HeliographError], int] = {NotFound: 404, Forbidden: 403, Conflict: 409, Invalid: 400}


class Refused(Exception):
    """A request that is answered with an error: status, code and words."""

    def __init__(self, status: int, message: str) -> None:
        """``status`` is the HTTP status, and Connect's error code too."""
        super().__init__(message)
        self.status = status
        self.message = message


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return ``body`` as JSON."""
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def nothing(status: int) -> Response:
    """Return an answer without a body."""
    return Response(b"", status)


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in Connect's shape."""
    return answer({"error_code": status, "message": message}, status, headers)


def refused(error: HeliographError) -> Refused:
    """Return how Connect would tell of an error."""
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            return Refused(status, str(error))
    match error:
        case Misconfigured():
            return Refused(400, invalid_configuration(error.problems))
        case ConfigError():
            each = error.errors if isinstance(error, ConfigErrors) else (error,)
            return Refused(400, invalid_configuration([str(one) for one in each]))
        case _:
            return Refused(500, str(error))


def invalid_configuration(errors: Sequence[str]) -> str:
    """Return the words for a configuration with mistakes."""
    told = "\n".join(errors)
    return (
        f"Connector configuration is invalid and contains the following {len(errors)} error(s):\n{told}\n"
        "You can also find the above list of errors at the endpoint "
        "`/connector-plugins/{connectorType}/config/validate`"
    )


def info(connector: ConnectorView) -> dict[str, Any]:
    """Return a connector's ConnectorInfo."""
    return {
        "name": connector.name,
        "config": dict(connector.config),
        "tasks": [{"connector": connector.name, "task": task.number} for task in connector.tasks],
        "type": SOURCE,
    }


def status(connector: ConnectorView) -> dict[str, Any]:
    """Return a connector's ConnectorStateInfo."""
    return {
        "name": connector.name,
        "connector": _state(connector),
        "tasks": [task_state(task, connector.version) for task in connector.tasks],
        "type": SOURCE,
    }


def task_state(task: TaskView, version: str) -> dict[str, Any]:
    """Return a task's state."""
    return {
        "id": task.number,
        "state": task.state,
        "worker_id": task.worker_id,
        **({"version": version} if version else {}),
        **({"trace": task.trace} if task.trace else {}),
    }


def _state(connector: ConnectorView) -> dict[str, Any]:
    return {
        "state": connector.state,
        "worker_id": connector.worker_id,
        **({"version": connector.version} if connector.version else {}),
        **({"trace": connector.trace} if connector.trace else {}),
    }
