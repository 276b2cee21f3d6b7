"""Loggers over HTTP; that the answers are a real Connect worker's is tested with one."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from asking_app import ask as asked
from small_process import HOSTILE, assert_refused, connectors

from heliograph.api.connect.app import make_connect_app
from heliograph.observe.log import ROOT

LOGGERS = "/admin/loggers"


def ask(*request: Any) -> tuple[int, Any]:
    """Return status and body of an answer."""
    told = asked(*request)
    return told.status, told.body


@pytest.fixture(autouse=True)
def restored_level() -> Iterator[None]:
    program = logging.getLogger(ROOT)
    before = program.level
    program.setLevel(logging.INFO)
    yield
    program.setLevel(before)


@pytest.fixture
def api():
    return make_connect_app(connectors())


def test_loggers_are_set_and_shown(api):
    assert ask(api, "GET", LOGGERS) == (200, {"root": {"level": "INFO", "last_modified": None}})
    assert ask(api, "PUT", f"{LOGGERS}/root", {"level": "debug"}) == (200, ["root"])
    shown = asked(api, "GET", f"{LOGGERS}/heliograph").body
    assert shown["level"] == "DEBUG"
    assert shown["last_modified"] > 1_700_000_000_000
    assert ask(api, "PUT", f"{LOGGERS}/org.example", {"level": "WARN", "more": 1}) == (200, ["org.example"])
    assert list(asked(api, "GET", LOGGERS).body) == ["org.example", "root"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 200), ("?scope=worker", 200), ("?scope=moon", 200), ("?scope=cluster", 204), ("?scope=CLUSTER", 204)],
)
def test_scopes(api, query, status):
    told = ask(api, "PUT", f"{LOGGERS}/org.example{query}", {"level": "WARN"})
    assert told == (status, ["org.example"] if status == 200 else None)
    assert ask(api, "GET", f"{LOGGERS}/org.example")[1]["level"] == "WARN"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/org.example", None, 404, "Logger org.example not found."),
        ("PUT", "/org.example", {"level": "LOUD"}, 404, "invalid log level 'LOUD'."),
        ("PUT", "/org.example", {"level": 5}, 404, "invalid log level '5'."),
        ("PUT", "/org.example", {"level": True}, 404, "invalid log level 'true'."),
        ("PUT", "/org.example", {}, 400, "Desired 'level' parameter was not specified in request."),
        ("PUT", "/org.example", {"level": None}, 400, "Desired 'level' parameter was not specified in request."),
        ("PUT", "/org.example?scope=cluster", {"level": "LOUD"}, 404, "invalid log level 'LOUD'."),
    ],
)
def test_what_cannot_be(api, method, path, body, status, message):
    assert ask(api, method, LOGGERS + path, body) == (status, {"error_code": status, "message": message})


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_level_is_told(api, what):
    assert_refused(asked(api, "PUT", f"{LOGGERS}/root", HOSTILE[what]))
