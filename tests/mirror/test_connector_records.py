"""Records of a Connect cluster's topics: written as Connect writes them, and any bytes read without harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from heliograph.errors import DataError
from heliograph.mirror.connector_records import (
    Kept,
    Status,
    connector_row,
    deleted_rows,
    kept,
    logger_row,
    read_status,
    status_key,
    status_value,
    told_level,
)
from heliograph.mirror.steering import TargetState, state_row


def after(*rows):
    now = Kept()
    for key, value in rows:
        now = kept(now, key, value)
    return now


def test_a_connector_is_stored_changed_and_deleted():
    row = connector_row("a->b.x", {"topics": "t", "key": "\u00e9"})
    assert row == (b"connector-a->b.x", '{"properties":{"topics":"t","key":"\u00e9"}}'.encode())
    now = after(row, state_row("a->b.x", TargetState.STOPPED))
    assert now.connectors == {"a->b.x": {"topics": "t", "key": "\u00e9"}}
    assert now.states == {"a->b.x": TargetState.STOPPED}
    assert after(row, connector_row("a->b.x", {"a": "b"})).connectors == {"a->b.x": {"a": "b"}}
    assert after(row, state_row("a->b.x", TargetState.PAUSED), *deleted_rows("a->b.x")) == Kept()


def test_levels_are_told():
    assert told_level(*logger_row("org.example", "DEBUG")) == ("org.example", "DEBUG")
    assert after(logger_row("org.example", "DEBUG")) == Kept()
    assert told_level(*connector_row("a", {})) is None
    assert told_level(b"logger-cluster-org.example", None) is None
    assert told_level(None, b"{}") is None


@pytest.mark.parametrize("value", [b"{nothing", b"{}", b"[]", b'{"level": 7}', b"\xff"])
def test_a_level_that_cannot_be_read(value):
    with pytest.raises(DataError, match="logger-cluster-x of a Connect cluster's topic cannot be read"):
        told_level(b"logger-cluster-x", value)


def test_what_connect_keeps_beside_changes_nothing():
    rows = [(b"task-x-0", b'{"properties":{}}'), (b"commit-x", b'{"tasks":1}'), (b"session-key", b"{}"), (None, None)]
    assert after(*rows) == Kept()


def test_states_have_connects_form():
    assert status_key("x") == b"status-connector-x"
    assert status_key("x", 3) == b"status-task-x-3"
    status = Status("RUNNING", "127.0.0.1:8083", generation=2)
    value = b'{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:8083","generation":2}'
    assert status_value(status) == value
    assert read_status(value) == status


@given(some.binary(max_size=60))
@pytest.mark.parametrize("key", [b"connector-x", b"logger-cluster-x", b"target-state-x"])
def test_any_bytes_are_understood_or_refused(key, value):
    try:
        kept(Kept(), key, value)
    except DataError as error:
        assert "cannot be read" in str(error)
    with pytest.raises(DataError):
        read_status(value)
