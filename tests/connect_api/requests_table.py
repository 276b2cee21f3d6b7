"""One list of requests, played against a real Kafka Connect worker and against Heliograph: every route, right and wrong.

``SOURCE``, ``CHECKPOINT`` and ``HEARTBEAT`` are names of connectors with all that clients find hard to encode.
``{source}``, ``{target}`` and ``{topic}`` in bodies are filled in by the player.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

SOURCE, CHECKPOINT, HEARTBEAT = (f"west->east.Mirror{kind}Connector" for kind in ("Source", "Checkpoint", "Heartbeat"))
PLAIN = "second"
MIRROR = "org.apache.kafka.connect.mirror"
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


@dataclass(frozen=True, slots=True)
class Step:
    """One request."""

    what: str
    """Names it, in the table and in the differences."""
    method: str
    path: str
    """As it goes over the line, encoded."""
    body: Any = None
    """Sent as JSON; bytes are sent as they are; None: there is none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    until: tuple[str, str, int] | None = None
    """Before the next step: a connector, its state, and how many tasks have that state."""
    gone: str = ""
    """Before the next step: a connector that is not there any more."""


def _config(kind: str, name: str, **more: str) -> dict[str, str]:
    return {
        "connector.class": f"{MIRROR}.Mirror{kind}Connector",
        "name": name,
        "source.cluster.alias": "west",
        "target.cluster.alias": "east",
        "source.cluster.bootstrap.servers": "{source}",
        "target.cluster.bootstrap.servers": "{target}",
        "key.converter": BYTES,
        "value.converter": f" {BYTES}",  # as it is found in the field
        **more,
    }


SOURCE_CONFIG = _config(
    "Source",
    SOURCE,
    **{
        "topics": "{topic}",
        "tasks.max": "2",
        "replication.factor": "1",
        "offset-syncs.topic.replication.factor": "1",
        "sync.topic.acls.enabled": "false",
        "refresh.topics.interval.seconds": "1",
    },
)
CHECKPOINT_CONFIG = _config(
    "Checkpoint",
    CHECKPOINT,
    **{"groups": ".*", "checkpoints.topic.replication.factor": "1", "offset-syncs.topic.replication.factor": "1"},
)
HEARTBEAT_CONFIG = _config("Heartbeat", HEARTBEAT, **{"heartbeats.topic.replication.factor": "1"})


def at(name: str, rest: str = "") -> str:
    """Return the path of a connector."""
    return f"/connectors/{quote(name, safe='')}{rest}"


def _without(config: Mapping[str, str], *keys: str) -> dict[str, str]:
    return {key: value for key, value in config.items() if key not in keys}


NOBODY = at("nobody")
RUNNING, PAUSED, STOPPED = "RUNNING", "PAUSED", "STOPPED"
OFFSET = {"partition": {"cluster": "west", "partition": 0, "topic": "{topic}"}, "offset": {"offset": 41}}

EMPTY = (
    Step("the root", "GET", "/"),
    Step("health", "GET", "/health"),
    Step("no connectors", "GET", "/connectors"),
    Step("no connectors, with a slash", "GET", "/connectors/"),
    Step("no connectors, expanded", "GET", "/connectors?expand=status&expand=info"),
    Step("no such path", "GET", "/nowhere"),
    Step("a path below", "GET", "/connectors/a/b/c/d"),
    Step("a method that is not there", "DELETE", "/connectors"),
    Step("another one", "PATCH", "/"),
    Step("unknown", "GET", NOBODY),
    Step("status of an unknown one", "GET", f"{NOBODY}/status"),
    Step("config of an unknown one", "GET", f"{NOBODY}/config"),
    Step("tasks of an unknown one", "GET", f"{NOBODY}/tasks"),
    Step("task of an unknown one", "GET", f"{NOBODY}/tasks/0/status"),
    Step("topics of an unknown one", "GET", f"{NOBODY}/topics"),
    Step("offsets of an unknown one", "GET", f"{NOBODY}/offsets"),
    Step("pause an unknown one", "PUT", f"{NOBODY}/pause"),
    Step("resume an unknown one", "PUT", f"{NOBODY}/resume"),
    Step("stop an unknown one", "PUT", f"{NOBODY}/stop"),
    Step("restart an unknown one", "POST", f"{NOBODY}/restart"),
    Step("restart an unknown one with tasks", "POST", f"{NOBODY}/restart?includeTasks=true"),
    Step("restart a task of an unknown one", "POST", f"{NOBODY}/tasks/0/restart"),
    Step("delete an unknown one", "DELETE", NOBODY),
    Step("patch an unknown one", "PATCH", f"{NOBODY}/config", {"a": "b"}),
    Step("alter offsets of an unknown one", "PATCH", f"{NOBODY}/offsets", {"offsets": [OFFSET]}),
    Step("reset offsets of an unknown one", "DELETE", f"{NOBODY}/offsets"),
    Step("reset topics of an unknown one", "PUT", f"{NOBODY}/topics/reset"),
)

PLUGINS = (
    Step("plugins", "GET", "/connector-plugins"),
    Step("plugins of all kinds", "GET", "/connector-plugins?connectorsOnly=false"),
    *(
        Step(f"definitions of the {kind} connector", "GET", f"/connector-plugins/Mirror{kind}Connector/config")
        for kind in ("Source", "Checkpoint", "Heartbeat")
    ),
    Step("definitions by the whole name", "GET", f"/connector-plugins/{MIRROR}.MirrorSourceConnector/config"),
    Step("definitions by half the name", "GET", "/connector-plugins/MirrorSource/config"),
    Step("definitions of an unknown plugin", "GET", "/connector-plugins/Nothing/config"),
    *(
        Step(
            f"validate a {kind} connector",
            "PUT",
            f"/connector-plugins/Mirror{kind}Connector/config/validate",
            config,
        )
        for kind, config in (
            ("Source", SOURCE_CONFIG),
            ("Checkpoint", CHECKPOINT_CONFIG),
            ("Heartbeat", HEARTBEAT_CONFIG),
        )
    ),
    Step(
        "validate with mistakes",
        "PUT",
        "/connector-plugins/MirrorSourceConnector/config/validate",
        {**_without(SOURCE_CONFIG, "name"), "tasks.max": "0", "offset.lag.max": "many", "replication.factor": "x"},
    ),
    Step("validate nothing", "PUT", "/connector-plugins/MirrorSourceConnector/config/validate", {}),
    Step(
        "validate another class",
        "PUT",
        "/connector-plugins/MirrorSourceConnector/config/validate",
        CHECKPOINT_CONFIG,
    ),
    Step("validate an unknown plugin", "PUT", "/connector-plugins/Nothing/config/validate", SOURCE_CONFIG),
    Step(
        "validate an unknown class",
        "PUT",
        "/connector-plugins/Nothing/config/validate",
        {**SOURCE_CONFIG, "connector.class": "Nothing"},
    ),
)

WRONG_BODIES = (
    Step("create without a body", "POST", "/connectors"),
    Step("create with no JSON", "POST", "/connectors", b"{nothing"),
    Step("create with a list", "POST", "/connectors", []),
    Step("create with nothing in it", "POST", "/connectors", {}),
    Step("create without a name", "POST", "/connectors", {"config": _without(SOURCE_CONFIG, "name")}),
    Step("create without a config", "POST", "/connectors", {"name": SOURCE}),
    Step("create without a class", "POST", "/connectors", {"name": SOURCE, "config": {"topics": "a"}}),
    Step(
        "create with two names", "POST", "/connectors", {"name": SOURCE, "config": {**SOURCE_CONFIG, "name": "other"}}
    ),
    Step(
        "create with an unknown class",
        "POST",
        "/connectors",
        {"name": SOURCE, "config": {**SOURCE_CONFIG, "connector.class": "org.example.Nothing"}},
    ),
    Step(
        "create with mistakes",
        "POST",
        "/connectors",
        {"name": SOURCE, "config": {**SOURCE_CONFIG, "tasks.max": "0", "offset.lag.max": "many"}},
    ),
    Step("create with a word too many", "POST", "/connectors", {"name": "x", "config": SOURCE_CONFIG, "more": 1}),
    Step(
        "create with a wrong initial state",
        "POST",
        "/connectors",
        {"name": SOURCE, "config": SOURCE_CONFIG, "initial_state": "ASLEEP"},
    ),
    Step(
        "create with another content type",
        "POST",
        "/connectors",
        b"{}",
        {"Content-Type": "text/plain"},
    ),
    Step("create with a flat body", "POST", "/connectors", SOURCE_CONFIG),
)

LIFE = (
    Step(
        "create the source connector",
        "POST",
        "/connectors",
        {"name": SOURCE, "config": SOURCE_CONFIG},
        until=(SOURCE, RUNNING, 2),
    ),
    Step("create it again", "POST", "/connectors", {"name": SOURCE, "config": SOURCE_CONFIG}),
    Step(
        "put the checkpoint connector",
        "PUT",
        at(CHECKPOINT, "/config"),
        CHECKPOINT_CONFIG,
        until=(CHECKPOINT, RUNNING, 0),
    ),
    Step(
        "create the heartbeat connector, stopped",
        "POST",
        "/connectors",
        {"name": HEARTBEAT, "config": HEARTBEAT_CONFIG, "initial_state": "STOPPED"},
        until=(HEARTBEAT, STOPPED, 0),
    ),
    Step("status of a stopped one", "GET", at(HEARTBEAT, "/status")),
    Step("tasks of a stopped one", "GET", at(HEARTBEAT, "/tasks")),
    Step("resume it", "PUT", at(HEARTBEAT, "/resume"), until=(HEARTBEAT, RUNNING, 1)),
    Step("list", "GET", "/connectors"),
    Step("list, with status", "GET", "/connectors?expand=status"),
    Step("list, with info", "GET", "/connectors?expand=info"),
    Step("list, with both", "GET", "/connectors?expand=info&expand=status"),
    Step("list, with something unknown", "GET", "/connectors?expand=nothing"),
    Step("info", "GET", at(SOURCE)),
    Step("info, encoded by nobody", "GET", f"/connectors/{SOURCE}"),
    Step("info, encoded in all letters", "GET", "/connectors/" + "".join(f"%{ord(each):02x}" for each in SOURCE)),
    Step("info, encoded twice", "GET", f"/connectors/{quote(quote(SOURCE, safe=''), safe='')}"),
    Step("config", "GET", at(SOURCE, "/config")),
    Step("status", "GET", at(SOURCE, "/status")),
    Step("status of the checkpoint connector", "GET", at(CHECKPOINT, "/status")),
    Step("tasks", "GET", at(SOURCE, "/tasks")),
    Step("tasks of the heartbeat connector", "GET", at(HEARTBEAT, "/tasks")),
    Step("tasks' configs, as before 4.0", "GET", at(SOURCE, "/tasks-config")),
    Step("a task's status", "GET", at(SOURCE, "/tasks/0/status")),
    Step("status of a task that is not there", "GET", at(SOURCE, "/tasks/7/status")),
    Step("status of a task that is no number", "GET", at(SOURCE, "/tasks/x/status")),
    Step("topics", "GET", at(SOURCE, "/topics")),
    Step("reset topics", "PUT", at(SOURCE, "/topics/reset")),
    Step("put the same config", "PUT", at(SOURCE, "/config"), SOURCE_CONFIG, until=(SOURCE, RUNNING, 2)),
    Step(
        "put a config with mistakes",
        "PUT",
        at(SOURCE, "/config"),
        {**SOURCE_CONFIG, "offset.lag.max": "many"},
    ),
    Step("put a config under another name", "PUT", at(SOURCE, "/config"), {**SOURCE_CONFIG, "name": "other"}),
    Step("put a config that is no object", "PUT", at(SOURCE, "/config"), []),
    Step("put a config without a body", "PUT", at(SOURCE, "/config")),
    Step(
        "put numbers and flags",
        "PUT",
        at(HEARTBEAT, "/config"),
        {**HEARTBEAT_CONFIG, "emit.heartbeats.interval.seconds": 2, "emit.heartbeats.enabled": True},
        until=(HEARTBEAT, RUNNING, 1),
    ),
    Step("config with numbers and flags", "GET", at(HEARTBEAT, "/config")),
    Step(
        "patch",
        "PATCH",
        at(SOURCE, "/config"),
        {"refresh.topics.interval.seconds": "2", "sync.topic.acls.enabled": None},
        until=(SOURCE, RUNNING, 2),
    ),
    Step(
        "patch back", "PATCH", at(SOURCE, "/config"), {"sync.topic.acls.enabled": "false"}, until=(SOURCE, RUNNING, 2)
    ),
    Step("patch with a mistake", "PATCH", at(SOURCE, "/config"), {"offset.lag.max": "many"}),
    Step("patch with a list", "PATCH", at(SOURCE, "/config"), []),
    Step("restart", "POST", at(SOURCE, "/restart"), until=(SOURCE, RUNNING, 2)),
    Step("restart with tasks", "POST", at(SOURCE, "/restart?includeTasks=true"), until=(SOURCE, RUNNING, 2)),
    Step("restart what has failed", "POST", at(SOURCE, "/restart?onlyFailed=true"), until=(SOURCE, RUNNING, 2)),
    Step(
        "restart what has failed with tasks",
        "POST",
        at(SOURCE, "/restart?includeTasks=true&onlyFailed=true"),
        until=(SOURCE, RUNNING, 2),
    ),
    Step("restart with a word that is no flag", "POST", at(SOURCE, "/restart?includeTasks=perhaps")),
    Step("restart a task", "POST", at(SOURCE, "/tasks/0/restart"), until=(SOURCE, RUNNING, 2)),
    Step("restart a task that is not there", "POST", at(SOURCE, "/tasks/9/restart")),
    Step("alter offsets of a running one", "PATCH", at(SOURCE, "/offsets"), {"offsets": [OFFSET]}),
    Step("reset offsets of a running one", "DELETE", at(SOURCE, "/offsets")),
    Step("pause", "PUT", at(SOURCE, "/pause"), until=(SOURCE, PAUSED, 2)),
    Step("status of a paused one", "GET", at(SOURCE, "/status")),
    Step("pause a paused one", "PUT", at(SOURCE, "/pause")),
    Step("alter offsets of a paused one", "PATCH", at(SOURCE, "/offsets"), {"offsets": [OFFSET]}),
    Step("resume", "PUT", at(SOURCE, "/resume"), until=(SOURCE, RUNNING, 2)),
    Step("stop", "PUT", at(SOURCE, "/stop"), until=(SOURCE, STOPPED, 0)),
    Step("info of a stopped one", "GET", at(SOURCE)),
    Step("status of the stopped source", "GET", at(SOURCE, "/status")),
    Step("offsets", "GET", at(SOURCE, "/offsets")),
    Step("alter offsets", "PATCH", at(SOURCE, "/offsets"), {"offsets": [OFFSET]}),
    Step("offsets afterwards", "GET", at(SOURCE, "/offsets")),
    *(
        Step(f"alter offsets: {what}", "PATCH", at(SOURCE, "/offsets"), body)
        for what, body in (
            ("no body", None),
            ("nothing", {}),
            ("an empty list", {"offsets": []}),
            ("no list", {"offsets": "all"}),
            ("no partition", {"offsets": [{"offset": {"offset": 1}}]}),
            ("null partition", {"offsets": [{"partition": None, "offset": {"offset": 1}}]}),
            ("no cluster", {"offsets": [{"partition": {"partition": 0, "topic": "t"}, "offset": {"offset": 1}}]}),
            (
                "a partition that is no number",
                {
                    "offsets": [
                        {"partition": {"cluster": "west", "partition": "x", "topic": "t"}, "offset": {"offset": 1}}
                    ]
                },
            ),
            (
                "a negative partition",
                {
                    "offsets": [
                        {"partition": {"cluster": "west", "partition": -1, "topic": "t"}, "offset": {"offset": 1}}
                    ]
                },
            ),
            ("a negative offset", {"offsets": [{**OFFSET, "offset": {"offset": -1}}]}),
            ("no offset in it", {"offsets": [{**OFFSET, "offset": {}}]}),
            ("an offset that is a word", {"offsets": [{**OFFSET, "offset": {"offset": "x"}}]}),
            ("the same twice", {"offsets": [OFFSET, OFFSET]}),
        )
    ),
    Step("forget an offset", "PATCH", at(SOURCE, "/offsets"), {"offsets": [{**OFFSET, "offset": None}]}),
    Step("reset offsets", "DELETE", at(SOURCE, "/offsets")),
    Step("offsets after that", "GET", at(SOURCE, "/offsets")),
    Step("pause a stopped one", "PUT", at(SOURCE, "/pause"), until=(SOURCE, PAUSED, 2)),
    Step("resume it again", "PUT", at(SOURCE, "/resume"), until=(SOURCE, RUNNING, 2)),
    Step("delete the heartbeat connector", "DELETE", at(HEARTBEAT), gone=HEARTBEAT),
    Step("delete the checkpoint connector", "DELETE", at(CHECKPOINT), gone=CHECKPOINT),
    Step("delete the source connector", "DELETE", at(SOURCE), gone=SOURCE),
    Step("status of a deleted one", "GET", at(SOURCE, "/status")),
    Step("list at the end", "GET", "/connectors"),
)

LOGGERS = (
    Step("a logger", "GET", "/admin/loggers/root"),
    Step("a logger that nobody has named", "GET", "/admin/loggers/org.example.Nothing"),
    Step("set a logger", "PUT", "/admin/loggers/org.example.Some", {"level": "DEBUG"}),
    Step("the logger that was set", "GET", "/admin/loggers/org.example.Some"),
    Step("set a logger, in small letters", "PUT", "/admin/loggers/org.example.Some", {"level": "debug"}),
    Step("set a logger to nothing known", "PUT", "/admin/loggers/org.example.Some", {"level": "LOUD"}),
    Step("set a logger without a level", "PUT", "/admin/loggers/org.example.Some", {}),
    Step("set a logger without a body", "PUT", "/admin/loggers/org.example.Some"),
    Step("set a logger of the cluster", "PUT", "/admin/loggers/org.example.Some?scope=cluster", {"level": "WARN"}),
    Step("set a logger of the worker", "PUT", "/admin/loggers/org.example.Some?scope=worker", {"level": "ERROR"}),
    Step("set a logger of nothing known", "PUT", "/admin/loggers/org.example.Some?scope=moon", {"level": "ERROR"}),
    Step("set the root", "PUT", "/admin/loggers/root", {"level": "INFO"}),
)

ALL = (*EMPTY, *PLUGINS, *WRONG_BODIES, *LIFE, *LOGGERS)


def filled(body: Any, words: Mapping[str, str]) -> Any:
    """Return ``body`` with the player's words in place of ``{source}`` and the like."""
    if body is None or isinstance(body, bytes):
        return body
    text = json.dumps(body)
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return json.loads(text)
