"""Connectors of a small file for tests of routes, and bodies that no route takes."""

from pathlib import Path

from asking_app import Told

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.connect.file_connectors import FileConnectors

FILE = b"""
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
"""

HOSTILE = {
    "nothing": b"",
    "no JSON": b"{nothing",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"7",
    "no UTF-8": b"\xff\xfe",
    "half a character": b'{"level": "\\ud800", "connector.class": "\\ud800"}',
    "no number": b'{"level": NaN, "connector.class": NaN}',
    "a huge number": b'{"connector.class": "MirrorSource", "tasks.max": ' + b"1" * 10_000 + b"}",
    "a huge level": b'{"level": ' + b"1" * 10_000 + b"}",
    "deep": b'{"connector.class":' * 50_000,
    "deep lists": b"[" * 100_000,
    "deep and whole": b'{"level":' * 5_000 + b"1" + b"}" * 5_000,
    "a list within": b'{"level": [1], "connector.class": "MirrorSource"}',
    "an object within": b'{"level": {}, "connector.class": "MirrorSource", "name": {"a": 1}}',
    "wrapped": b'{"name": "x", "config": {"connector.class": "MirrorSource"}}',
    "too long": b" " * (2 << 20),
}
"""Each must be told in one line."""


def connectors() -> FileConnectors:
    """Return those of the file."""
    config = make_config(parse_properties(FILE, Path("mm2.properties")), environ={})
    return FileConnectors("127.0.0.1:8083", lambda: config)


def assert_refused(told: Told) -> None:
    assert 400 <= told.status < 500
    assert told.body["error_code"] == told.status
    assert told.body["message"]
    assert "Traceback" not in told.body["message"]
