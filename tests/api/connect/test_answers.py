"""Views and errors in Connect's shapes."""

import json

import pytest

from heliograph.api.connect.answers import (
    answer,
    error_answer,
    info,
    invalid_configuration,
    nothing,
    refused,
    status,
    task_state,
)
from heliograph.errors import ConfigError, ConfigErrors, HeliographError, NotFound, Unreachable
from heliograph.observe.connectors import Conflict, ConnectorView, Invalid, RunState, TaskView

TASK = TaskView(0, RunState.FAILED, "b:1", "orders-0 stands still", {"task.class": "T"})
VIEW = ConnectorView("copy", {"topics": "orders"}, RunState.RUNNING, "a:1", "", "4.3.1", (TASK,))


def test_a_connector_and_its_state():
    assert info(VIEW) == {
        "name": "copy",
        "config": {"topics": "orders"},
        "tasks": [{"connector": "copy", "task": 0}],
        "type": "source",
    }
    assert status(VIEW) == {
        "name": "copy",
        "connector": {"state": "RUNNING", "worker_id": "a:1", "version": "4.3.1"},
        "tasks": [
            {"id": 0, "state": "FAILED", "worker_id": "b:1", "version": "4.3.1", "trace": "orders-0 stands still"}
        ],
        "type": "source",
    }


def test_what_is_not_known_is_left_out():
    assert task_state(TaskView(3, RunState.RUNNING, "b:1"), "") == {"id": 3, "state": "RUNNING", "worker_id": "b:1"}
    told = status(ConnectorView("copy", {}, RunState.FAILED, "a:1", "no such class"))
    assert told["connector"] == {"state": "FAILED", "worker_id": "a:1", "trace": "no such class"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("Connector x not found"), 404),
        (Conflict("Connector x already exists"), 409),
        (Invalid("not stopped"), 400),
        (Unreachable("nobody answers"), 500),
        (HeliographError("something else"), 500),
    ],
)
def test_errors_have_connects_codes(error, code):
    told = refused(error)
    assert (told.status, told.message) == (code, str(error))


def test_mistakes_of_a_configuration_are_counted():
    told = refused(ConfigErrors([ConfigError("a is missing"), ConfigError("b is many", remedy="Correct it")]))
    assert told.status == 400
    assert told.message == invalid_configuration(["a is missing", "b is many. Correct it"])
    assert told.message.startswith(
        "Connector configuration is invalid and contains the following 2 error(s):\na is missing\nb is many. Correct it"
    )
    assert "following 1 error(s):\nalone\n" in refused(ConfigError("alone")).message


def test_answers_are_json_or_nothing():
    told = answer({"ü": [1]}, 201, {"Location": "x"})
    assert (told.status_code, told.body, told.headers["location"]) == (201, '{"ü":[1]}'.encode(), "x")
    assert told.headers["content-type"] == "application/json"
    assert json.loads(error_answer(409, "no").body) == {"error_code": 409, "message": "no"}
    assert (nothing(202).status_code, nothing(202).body) == (202, b"")
