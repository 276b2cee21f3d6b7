"""Plug-ins and validation over HTTP; that the answers are a real Connect worker's is tested with one."""

import json

import pytest
from asking_app import ask
from hypothesis import given
from hypothesis import strategies as some
from small_process import HOSTILE, assert_refused, connectors

from heliograph.api.connect.app import make_connect_app
from heliograph.config.connectors.definitions import definitions_of
from heliograph.config.model import Part

MIRROR = "org.apache.kafka.connect.mirror."
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
VALIDATE = "/connector-plugins/MirrorSourceConnector/config/validate"
APP = make_connect_app(connectors())
SOURCE = {"connector.class": f"{MIRROR}MirrorSourceConnector", "name": "copy", "source.cluster.alias": "west"}


def test_plugins():
    told = ask(APP, "GET", "/connector-plugins")
    assert told.status == 200
    assert [each["class"].removeprefix(MIRROR) for each in told.body] == [
        "MirrorCheckpointConnector",
        "MirrorHeartbeatConnector",
        "MirrorSourceConnector",
    ]
    assert {(each["type"], each["version"]) for each in told.body} == {("source", "4.3.1")}


@pytest.mark.parametrize(
    ("query", "count"), [("connectorsOnly=true", 3), ("connectorsOnly=", 3), ("connectorsOnly=false", 5), ("a=b", 3)]
)
def test_plugins_of_all_kinds(query, count):
    assert len(ask(APP, "GET", f"/connector-plugins?{query}").body) == count


@pytest.mark.parametrize("name", ["MirrorSource", "MirrorSourceConnector", f"{MIRROR}MirrorSourceConnector"])
def test_definitions(name):
    told = ask(APP, "GET", f"/connector-plugins/{name}/config")
    assert told.status == 200
    assert [each["name"] for each in told.body] == [each.name for each in definitions_of(Part.SOURCE)]
    assert told.body[3] == {
        "name": "tasks.max",
        "type": "INT",
        "required": False,
        "default_value": "1",
        "importance": "HIGH",
        "documentation": definitions_of(Part.SOURCE)[3].documentation,
        "group": "Common",
        "order_in_group": 4,
        "width": "SHORT",
        "display_name": "Tasks max",
        "dependents": [],
    }


def test_definitions_of_a_converter():
    (only,) = ask(APP, "GET", f"/connector-plugins/{BYTES}/config").body
    assert (only["name"], only["required"]) == ("converter.type", True)


def test_definitions_of_what_is_not_there():
    told = ask(APP, "GET", "/connector-plugins/Nothing/config")
    assert (told.status, told.body) == (404, {"error_code": 404, "message": "Unknown plugin Nothing."})


@pytest.mark.parametrize(("version", "status"), [("4.3.1", 200), ("[4,5)", 200), ("", 200), ("1", 400)])
def test_definitions_of_a_version(version, status):
    told = ask(APP, "GET", f"/connector-plugins/MirrorSource/config?version={version}")
    assert told.status == status
    if status == 400:
        assert told.body["message"] == (
            f"Plugin {MIRROR}MirrorSourceConnector not found that matches the version range [1,1], "
            "available versions: [4.3.1]"
        )


def test_a_configuration_with_mistakes():
    told = ask(APP, "PUT", VALIDATE, {**SOURCE, "tasks.max": 0, "offset.lag.max": "many", "ssl.key.password": "hush"})
    assert told.status == 200
    assert (told.body["name"], told.body["error_count"]) == (SOURCE["connector.class"], 2)
    assert told.body["groups"] == [
        "Common",
        "Transforms",
        "Predicates",
        "Error Handling",
        "Topic Creation",
        "Exactly Once Support",
        "offsets.topic",
    ]
    values = {each["value"]["name"]: each["value"] for each in told.body["configs"]}
    assert values["tasks.max"] == {
        "name": "tasks.max",
        "value": "0",
        "recommended_values": [],
        "errors": ["Invalid value 0 for configuration tasks.max: Value must be at least 1"],
        "visible": True,
    }
    assert values["offset.lag.max"]["value"] is None
    assert "hush" not in json.dumps(told.body)


def test_what_must_be_told_of_a_key_that_the_connector_does_not_have():
    wrong = {**SOURCE, "connector.class": "MirrorCheckpointConnector", "emit.offset-syncs.enabled": False}
    told = ask(APP, "PUT", "/connector-plugins/MirrorCheckpoint/config/validate", wrong)
    assert told.body["error_count"] == 1
    (extra,) = [each for each in told.body["configs"] if each["definition"] is None]
    assert extra["value"]["errors"] == ["MirrorCheckpointConnector can't run without offset syncs"]


@pytest.mark.parametrize(
    ("plugin", "named", "status", "words"),
    [
        ("Nothing", f"{MIRROR}MirrorSourceConnector", 400, "does not match request type Nothing"),
        (f"{MIRROR}MirrorSource", "MirrorSource", 400, "Included connector type MirrorSource does not match"),
        ("MirrorSource", "", 400, "Included connector type  does not match request type MirrorSource"),
        ("Nothing", "Nothing", 400, "Failed to find any class that implements Connector and which name matches"),
        ("MirrorSource", None, 400, "contains no connector type"),
    ],
)
def test_another_class(plugin, named, status, words):
    told = ask(APP, "PUT", f"/connector-plugins/{plugin}/config/validate", {**SOURCE, "connector.class": named})
    assert told.status == status
    assert words in told.body["message"]


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_configuration_is_told(what):
    if what == "a huge number":  # Python reads no number of so many digits, Java any
        assert "Not a number" in str(ask(APP, "PUT", VALIDATE, {**SOURCE, "tasks.max": "1" * 10_000}).body)
    assert_refused(ask(APP, "PUT", VALIDATE, HOSTILE[what]))


@given(
    some.dictionaries(
        some.sampled_from([each.name for each in definitions_of(Part.SOURCE)]) | some.text(max_size=20),
        some.text(max_size=20) | some.integers() | some.floats() | some.booleans() | some.none(),
        max_size=20,
    )
)
def test_anything_is_judged(config):
    given = {**config, "connector.class": "MirrorSource"}
    told = ask(APP, "PUT", VALIDATE, json.dumps(given).encode())
    if told.status == 200:
        assert told.body["error_count"] == sum(len(each["value"]["errors"]) for each in told.body["configs"])
    else:
        assert_refused(told)
