"""The connectors of MirrorMaker 2's file: shown, and changed nowhere but there."""

import asyncio
from pathlib import Path

import pytest

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.connect.file_connectors import FileConnectors
from heliograph.errors import NotFound
from heliograph.observe.connectors import Conflict, Invalid, RunState, Wanted

FILE = b"""
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
west->east.topics = orders
"""
NAME = "west->east.MirrorSourceConnector"


@pytest.fixture
def connectors() -> FileConnectors:
    config = make_config(parse_properties(FILE, Path("mm2.properties")), environ={})
    return FileConnectors("127.0.0.1:8083", lambda: config)


def test_a_flow_is_three_connectors(connectors):
    shown = connectors.all()
    assert list(shown) == [f"west->east.Mirror{kind}Connector" for kind in ("Checkpoint", "Heartbeat", "Source")]
    assert shown[NAME].config["topics"] == "orders"
    assert shown[NAME].config["connector.class"] == "org.apache.kafka.connect.mirror.MirrorSourceConnector"
    assert shown[NAME].state is RunState.UNASSIGNED


def test_what_is_given_back_changes_nothing(connectors):
    config = connectors.all()[NAME].config
    view, new = asyncio.run(connectors.configure(NAME, config))
    assert (view.config, new) == (config, False)
    assert asyncio.run(connectors.patch(NAME, {"topics": "orders"})).config == config


def test_the_file_says_what_they_are(connectors):
    for refused, words in (
        (connectors.configure(NAME, {"topics": "other"}), "its configuration is in mm2.properties"),
        (connectors.patch(NAME, {"topics": "other"}), "its configuration is in mm2.properties"),
        (connectors.configure("another", {}), "the connectors of this process are the flows of its file"),
        (connectors.create("another", {}, Wanted.RUNNING), "the connectors of this process are the flows of its file"),
        (connectors.create(NAME, {}, Wanted.RUNNING), "already exists"),
        (connectors.delete(NAME), "stop it instead"),
    ):
        with pytest.raises(Conflict, match=words):
            asyncio.run(refused)


@pytest.mark.parametrize("what", ["delete", "patch", "want"])
def test_what_is_not_there(connectors, what):
    more = {"delete": (), "patch": ({},), "want": (Wanted.PAUSED,)}[what]
    with pytest.raises(NotFound, match="another"):
        asyncio.run(getattr(connectors, what)("another", *more))


def test_a_level_for_all_workers_holds_for_this_one(connectors):
    assert asyncio.run(connectors.set_logger("org.example", "DEBUG", everywhere=True)) == ()
    assert connectors.logger("org.example").level == "DEBUG"


def test_a_configuration_is_judged_without_being_taken(connectors):
    wrong = {"connector.class": "MirrorSource", "name": "x", "source.cluster.alias": "a", "tasks.max": "0"}
    assert connectors.validate(wrong).errors == (
        "Invalid value 0 for configuration tasks.max: Value must be at least 1",
    )
    with pytest.raises(Invalid, match="contains no connector type"):
        connectors.validate({"name": "x"})
