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
    until: tuple[str, str, int | None] | None = None
    """Before the next step: a connector, its state, and how many tasks have that state; None: however many."""
    again_until: str = ""
    """Asked again until the body has this; only the last answer counts."""
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
OF_GROUP = {"partition": 0, "topic": "t", "group": "g"}  # in the order in which Java's messages show it
OF_ALIASES = {"sourceClusterAlias": "west", "targetClusterAlias": "east"}
OFFSET: dict[str, Any] = {
    "partition": {"cluster": "west", "partition": 0, "topic": "{topic}"},
    "offset": {"offset": 41},
}

EMPTY = (
    Step("the root", "GET", "/"),
    Step("health", "GET", "/health"),
    Step("no connectors", "GET", "/connectors"),
    Step("no connectors, with a slash", "GET", "/connectors/"),
    Step("no connectors, expanded", "GET", "/connectors?expand=status&expand=info"),
    Step("list, wanted as a text", "GET", "/connectors", headers={"Accept": "text/plain"}),
    Step("head of the root", "HEAD", "/"),
    Step("head of the list", "HEAD", "/connectors"),
    Step("head of an unknown one", "HEAD", NOBODY),
    Step("head of what is only put", "HEAD", f"{NOBODY}/pause"),
    *(
        Step(f"options of {what}", "OPTIONS", path)
        for what, path in (
            ("the root", "/"),
            ("the list", "/connectors"),
            ("one", NOBODY),
            ("a config", f"{NOBODY}/config"),
            ("offsets", f"{NOBODY}/offsets"),
            ("pause", f"{NOBODY}/pause"),
            ("no such path", "/nowhere"),
        )
    ),
    Step("no such path", "GET", "/nowhere"),
    Step("another letter", "GET", "/Connectors"),
    Step("a path below", "GET", "/connectors/a/b/c/d"),
    Step("a method that is not there", "DELETE", "/connectors"),
    Step("another one", "PATCH", "/"),
    Step("post what is put", "POST", f"{NOBODY}/pause"),
    Step("get what is posted", "GET", f"{NOBODY}/restart"),
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
    Step("unknown, with a slash at the end", "GET", f"{NOBODY}/"),
    Step("unknown, with a blank", "GET", "/connectors/a%20b"),
    Step("unknown, with a plus", "GET", "/connectors/a+b"),
    Step("unknown, with a semicolon", "GET", "/connectors/a%3Bb"),
    Step("unknown, with a slash in it", "GET", "/connectors/a%2Fb"),
    Step("unknown, with a per cent sign in it", "GET", "/connectors/a%25b"),
    Step("task of an unknown one, with a negative number", "GET", f"{NOBODY}/tasks/-1/status"),
    Step("task of an unknown one, with zeros in front", "GET", f"{NOBODY}/tasks/001/status"),
    Step("task of an unknown one, with a huge number", "GET", f"{NOBODY}/tasks/99999999999/status"),
)

WRONG_KINDS = {
    "tasks.max": " x ",
    "offset.lag.max": "",
    "admin.timeout.ms": "1.5",
    "replication.factor": "3000000000",
    "offset-syncs.topic.replication.factor": "40000",
    "sasl.kerberos.ticket.renew.jitter": "x",
    "sasl.login.refresh.window.factor": "x",
    "sasl.login.read.timeout.ms": "0x10",
    "enabled": "yes",
    "emit.offset-syncs.enabled": " TRUE ",
    "transaction.boundary.interval.ms": "x",
}
WRONG_WORDS = {
    "config.action.reload": "RESTART",
    "errors.tolerance": "most",
    "security.protocol": "tls",
    "offset-syncs.topic.location": "moon",
    "exactly.once.support": "perhaps",
    "transaction.boundary": "",
    "offsets.storage.topic": " ",
    "sasl.oauthbearer.assertion.algorithm": "none",
}
WRONG_LISTS = {
    "topics": "a,,b",
    "topics.exclude": "a,a",
    "metric.reporters": " , ",
    "metric.names.formats": "legacy,old",
    "topic.creation.groups": "a,a",
    "ssl.enabled.protocols": "",
    "config.providers": "file,,",
}
WRONG_RANGES = {
    "tasks.max": "-1",
    "transaction.boundary.interval.ms": "-1",
    "sasl.login.refresh.window.factor": "0.2",
    "sasl.login.refresh.window.jitter": "0.5",
    "sasl.login.refresh.min.period.seconds": "1000",
    "sasl.login.refresh.buffer.seconds": "-1",
    "sasl.oauthbearer.assertion.claim.exp.seconds": "100000",
    "sasl.oauthbearer.assertion.claim.nbf.seconds": "-1",
    "errors.retry.delay.max.ms": "-5",
}
WRONG_CLASSES = {
    "key.converter": "org.example.Nothing",
    "value.converter": " No ",
    "header.converter": "",
    "replication.policy.class": "org.example.Nothing",
    "topic.filter.class": "org.example.Nothing",
    "config.property.filter.class": "",
    "forwarding.admin.class": "org.example.Nothing",
}
EXACTLY_ONCE = {"exactly.once.support": "required", "source.consumer.isolation.level": "read_committed"}

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
    *(
        Step(f"validate {what}", "PUT", f"/connector-plugins/Mirror{kind}Connector/config/validate", {**config, **more})
        for what, kind, config, more in (
            ("by a short name", "Source", SOURCE_CONFIG, {"connector.class": "MirrorSource"}),
            ("an empty class", "Source", SOURCE_CONFIG, {"connector.class": ""}),
            ("numbers and flags", "Source", SOURCE_CONFIG, {"tasks.max": 7, "enabled": True, "admin.timeout.ms": 5}),
            ("null", "Source", SOURCE_CONFIG, {"name": None, "topics": None, "offset.lag.max": None}),
            ("values with blanks", "Source", SOURCE_CONFIG, {"tasks.max": " 3 ", "name": " x ", "topics": " a , b "}),
            ("a name with a control character", "Source", SOURCE_CONFIG, {"name": "a\x01\x02b"}),
            ("an empty name", "Source", SOURCE_CONFIG, {"name": ""}),
            ("wrong kinds", "Source", SOURCE_CONFIG, WRONG_KINDS),
            ("wrong words", "Source", SOURCE_CONFIG, WRONG_WORDS),
            ("wrong lists", "Source", SOURCE_CONFIG, WRONG_LISTS),
            ("wrong ranges", "Source", SOURCE_CONFIG, WRONG_RANGES),
            ("wrong classes", "Source", SOURCE_CONFIG, WRONG_CLASSES),
            ("secrets", "Source", SOURCE_CONFIG, {"sasl.jaas.config": "hush", "ssl.keystore.password": "hush"}),
            ("other converters", "Source", SOURCE_CONFIG, {"value.converter": BYTES, "header.converter": BYTES}),
            ("a converter by its short name", "Source", SOURCE_CONFIG, {"key.converter": "ByteArray"}),
            ("a converter's version", "Source", SOURCE_CONFIG, {"key.converter.plugin.version": "4.3.1"}),
            (
                "another policy",
                "Source",
                SOURCE_CONFIG,
                {"replication.policy.class": f"{MIRROR}.IdentityReplicationPolicy"},
            ),
            ("no offset syncs", "Source", SOURCE_CONFIG, {"emit.offset-syncs.enabled": "false"}),
            ("exactly once where it is off", "Source", SOURCE_CONFIG, EXACTLY_ONCE),
            ("boundaries of its own", "Heartbeat", HEARTBEAT_CONFIG, {"transaction.boundary": "connector"}),
            ("no checkpoints", "Checkpoint", CHECKPOINT_CONFIG, {"emit.checkpoints.enabled": "false"}),
            ("checkpoints without syncs", "Checkpoint", CHECKPOINT_CONFIG, {"emit.offset-syncs.enabled": "false"}),
            ("the version that there is", "Source", SOURCE_CONFIG, {"connector.plugin.version": "4.3.1"}),
            ("another version", "Source", SOURCE_CONFIG, {"connector.plugin.version": "3.9.0"}),
            ("a transformation", "Source", SOURCE_CONFIG, {"transforms": "a"}),
            ("a setting of the producer", "Source", SOURCE_CONFIG, {"producer.override.linger.ms": "5"}),
            ("keys that nobody knows", "Source", SOURCE_CONFIG, {"nothing.known": "5", "source.cluster.x": "y"}),
        )
    ),
    *(
        Step(f"validate with {what}", "PUT", "/connector-plugins/MirrorSourceConnector/config/validate", body)
        for what, body in (
            ("no JSON", b"{nothing"),
            ("a list", []),
            ("null for a body", b"null"),
            ("no body", None),
            ("an object in it", {**SOURCE_CONFIG, "topics": {"a": 1}}),
            ("the configuration wrapped", {"name": SOURCE, "config": SOURCE_CONFIG}),
        )
    ),
    Step(
        "validate with another content type",
        "PUT",
        "/connector-plugins/MirrorSourceConnector/config/validate",
        b"{}",
        {"Content-Type": "text/plain"},
    ),
    Step("definitions of a converter", "GET", f"/connector-plugins/{BYTES}/config"),
    Step("definitions of a converter by its short name", "GET", "/connector-plugins/ByteArrayConverter/config"),
    Step("definitions of a version", "GET", "/connector-plugins/MirrorSource/config?version=4.3.1"),
    Step("definitions of another version", "GET", "/connector-plugins/MirrorSource/config?version=1"),
    Step("plugins, with a slash", "GET", "/connector-plugins/"),
    Step("plugins, connectors only", "GET", "/connector-plugins?connectorsOnly=TRUE"),
    Step("plugins, without a value", "GET", "/connector-plugins?connectorsOnly"),
    Step("plugins are not posted", "POST", "/connector-plugins", {}),
    Step("options of plugins", "OPTIONS", "/connector-plugins"),
    Step("head of plugins", "HEAD", "/connector-plugins"),
    Step("a plugin by itself", "GET", "/connector-plugins/MirrorSourceConnector"),
    Step("get what is validated", "GET", "/connector-plugins/MirrorSourceConnector/config/validate"),
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
    Step("create with a flat body", "POST", "/connectors", SOURCE_CONFIG),
    *(
        Step(f"create with {what}", "POST", "/connectors", body)
        for what, body in (
            ("null for a body", b"null"),
            ("more behind the body", b'{"name":"n"} and'),
            ("a name that is a list", {"name": ["a"], "config": SOURCE_CONFIG}),
            ("null for a name", {"name": None, "config": SOURCE_CONFIG}),
            ("the name in the config only", {"config": SOURCE_CONFIG}),
            ("blanks around the name", {"name": f" {SOURCE} ", "config": {**SOURCE_CONFIG, "name": f" {SOURCE} "}}),
            ("a control character", {"name": "a\u0001b", "config": {**SOURCE_CONFIG, "name": "a\u0001b"}}),
            ("null for a config", {"name": SOURCE, "config": None}),
            ("a config that is a list", {"name": SOURCE, "config": []}),
            ("a config that is a text", {"name": SOURCE, "config": "x"}),
            ("an object in the config", {"name": SOURCE, "config": {**SOURCE_CONFIG, "topics": {"a": 1}}}),
            ("a list in the config", {"name": SOURCE, "config": {**SOURCE_CONFIG, "topics": ["a"]}}),
            ("an empty initial state", {"name": SOURCE, "config": SOURCE_CONFIG, "initial_state": ""}),
            ("a list of initial states", {"name": SOURCE, "config": SOURCE_CONFIG, "initial_state": ["PAUSED"]}),
        )
    ),
    *(
        Step(f"{what} with another content type", method, path, b"{}", {"Content-Type": kind})
        for what, method, path, kind in (
            ("create", "POST", "/connectors", "text/plain"),
            ("create as a form is sent", "POST", "/connectors", "application/x-www-form-urlencoded"),
            ("put", "PUT", f"{NOBODY}/config", "text/plain"),
            ("patch", "PATCH", f"{NOBODY}/config", "application/merge-patch+json"),
            ("alter offsets", "PATCH", f"{NOBODY}/offsets", "text/plain"),
            ("pause", "PUT", f"{NOBODY}/pause", "text/plain"),
        )
    ),
    Step(
        "create with a character set",
        "POST",
        "/connectors",
        {"name": SOURCE},
        {"Content-Type": "application/json; charset=utf-8"},
    ),
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
        until=(CHECKPOINT, RUNNING, 1),
    ),
    Step(
        "create the heartbeat connector, stopped",
        "POST",
        "/connectors",
        {"name": HEARTBEAT, "config": HEARTBEAT_CONFIG, "initial_state": "Stopped"},
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
    Step("list, with something unknown beside", "GET", "/connectors?expand=nothing&expand=status"),
    Step("list, with nothing", "GET", "/connectors?expand="),
    Step("list, in capital letters", "GET", "/connectors?expand=STATUS"),
    Step("list, with a comma", "GET", "/connectors?expand=status,info"),
    Step("head", "HEAD", at(SOURCE)),
    Step("info", "GET", at(SOURCE)),
    Step("info, encoded by nobody", "GET", f"/connectors/{SOURCE}"),
    Step("info, encoded in all letters", "GET", "/connectors/" + "".join(f"%{ord(each):02x}" for each in SOURCE)),
    Step("info, encoded twice", "GET", f"/connectors/{quote(quote(SOURCE, safe=''), safe='')}"),
    Step("config", "GET", at(SOURCE, "/config")),
    Step("status", "GET", at(SOURCE, "/status")),
    Step("status of the checkpoint connector", "GET", at(CHECKPOINT, "/status")),
    Step("tasks", "GET", at(SOURCE, "/tasks")),
    Step("tasks of the heartbeat connector", "GET", at(HEARTBEAT, "/tasks")),
    Step("tasks of the checkpoint connector", "GET", at(CHECKPOINT, "/tasks")),
    Step("tasks' configs, as before 4.0", "GET", at(SOURCE, "/tasks-config")),
    Step("a task's status", "GET", at(SOURCE, "/tasks/0/status")),
    Step("status of a task that is not there", "GET", at(SOURCE, "/tasks/7/status")),
    Step("status of a task that is no number", "GET", at(SOURCE, "/tasks/x/status")),
    Step("a task's status, with a zero in front", "GET", at(SOURCE, "/tasks/00/status")),
    Step("topics", "GET", at(SOURCE, "/topics"), again_until="west.{topic}"),
    Step("topics of the heartbeat connector", "GET", at(HEARTBEAT, "/topics"), again_until='["heartbeats"]'),
    Step("topics of the checkpoint connector", "GET", at(CHECKPOINT, "/topics")),
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
    Step("put a config with an object in it", "PUT", at(SOURCE, "/config"), {**SOURCE_CONFIG, "topics": {}}),
    Step(
        "put a config with null in it",
        "PUT",
        at(HEARTBEAT, "/config"),
        {**HEARTBEAT_CONFIG, "emit.heartbeats.enabled": None},
    ),
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
    Step("patch without a body", "PATCH", at(SOURCE, "/config")),
    Step("patch with an object", "PATCH", at(SOURCE, "/config"), {"topics": {}}),
    Step("patch with nothing", "PATCH", at(SOURCE, "/config"), {}, until=(SOURCE, RUNNING, 2)),
    Step("patch the name", "PATCH", at(SOURCE, "/config"), {"name": "other"}),
    Step("put the name back", "PUT", at(SOURCE, "/config"), SOURCE_CONFIG, until=(SOURCE, RUNNING, 2)),
    Step("restart", "POST", at(SOURCE, "/restart"), until=(SOURCE, RUNNING, 2)),
    Step("restart with tasks", "POST", at(SOURCE, "/restart?includeTasks=true"), until=(SOURCE, RUNNING, 2)),
    Step("restart what has failed", "POST", at(SOURCE, "/restart?onlyFailed=true"), until=(SOURCE, RUNNING, 2)),
    Step(
        "restart what has failed with tasks",
        "POST",
        at(SOURCE, "/restart?includeTasks=true&onlyFailed=true"),
        until=(SOURCE, RUNNING, 2),
    ),
    Step(
        "restart in capital letters",
        "POST",
        at(SOURCE, "/restart?includeTasks=TRUE&includeTasks=false"),
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
            ("null in the list", {"offsets": [None]}),
            ("a number in the list", {"offsets": [5]}),
            ("a word too many", {"offsets": [{**OFFSET, "more": 1}]}),
            ("another word too many", {"offsets": [OFFSET], "more": 1}),
            ("a partition that is a text", {"offsets": [{**OFFSET, "partition": "x"}]}),
            ("an offset that is a text", {"offsets": [{**OFFSET, "offset": "x"}]}),
            *(
                (f"{key} {what}", {"offsets": [{**OFFSET, "partition": {**OFFSET["partition"], key: value}}]})
                for key, what, value in (
                    ("cluster", "that is a number", 5),
                    ("topic", "that is null", None),
                    ("partition", "that is null", None),
                    ("partition", "with a point", 1.0),
                    ("partition", "that is true", True),
                    ("partition", "that is too large", 2**31),
                    ("more", "that is a list", [1]),
                    ("more", "that is an object", {"a": 1}),
                    ("more", "that means nothing", 1),
                    ("cluster", "of another one", "other"),
                )
            ),
            ("no topic", {"offsets": [{**OFFSET, "partition": {"cluster": "west", "partition": 0}}]}),
            ("no number", {"offsets": [{**OFFSET, "partition": {"cluster": "west", "topic": "t"}}]}),
            ("an offset that is null inside", {"offsets": [{**OFFSET, "offset": {"offset": None}}]}),
            ("an offset with a point", {"offsets": [{**OFFSET, "offset": {"offset": 5.5}}]}),
            ("an offset that is true", {"offsets": [{**OFFSET, "offset": {"offset": True}}]}),
            ("a partition that was never there", {"offsets": [{"partition": {"garbage": 1}, "offset": None}]}),
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
    Step("stop the checkpoint connector", "PUT", at(CHECKPOINT, "/stop"), until=(CHECKPOINT, STOPPED, 0)),
    Step("stop the heartbeat connector", "PUT", at(HEARTBEAT, "/stop"), until=(HEARTBEAT, STOPPED, 0)),
    *(
        Step(f"alter offsets of the {kind} connector: {what}", "PATCH", at(name, "/offsets"), {"offsets": [offset]})
        for kind, name, what, offset in (
            ("checkpoint", CHECKPOINT, "good", {"partition": OF_GROUP, "offset": {"offset": 0}}),
            ("checkpoint", CHECKPOINT, "not 0", {"partition": OF_GROUP, "offset": {"offset": 5}}),
            ("checkpoint", CHECKPOINT, "no offset", {"partition": OF_GROUP, "offset": {"x": 0}}),
            ("checkpoint", CHECKPOINT, "of the source", {**OFFSET, "offset": {"offset": 0}}),
            ("checkpoint", CHECKPOINT, "forgotten", {"partition": OF_GROUP, "offset": None}),
            ("heartbeat", HEARTBEAT, "good", {"partition": OF_ALIASES, "offset": {"offset": 0}}),
            ("heartbeat", HEARTBEAT, "not 0", {"partition": OF_ALIASES, "offset": {"offset": 1}}),
            ("heartbeat", HEARTBEAT, "of the source", {**OFFSET, "offset": {"offset": 0}}),
            ("heartbeat", HEARTBEAT, "forgotten", {"partition": OF_ALIASES, "offset": None}),
        )
    ),
    Step("offsets of the heartbeat connector, forgotten", "GET", at(HEARTBEAT, "/offsets")),
    Step("reset offsets of the checkpoint connector", "DELETE", at(CHECKPOINT, "/offsets")),
    Step("forget an offset", "PATCH", at(SOURCE, "/offsets"), {"offsets": [{**OFFSET, "offset": None}]}),
    Step("reset offsets", "DELETE", at(SOURCE, "/offsets")),
    Step("offsets after that", "GET", at(SOURCE, "/offsets"), again_until='"offsets": []'),
    Step("restart a stopped one with tasks", "POST", at(SOURCE, "/restart?includeTasks=true")),
    Step("status of the stopped one afterwards", "GET", at(SOURCE, "/status")),
    Step("pause a stopped one", "PUT", at(SOURCE, "/pause"), until=(SOURCE, PAUSED, None)),
    Step("status of the stopped one that is paused", "GET", at(SOURCE, "/status")),
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
    Step("set a logger of the worker", "PUT", "/admin/loggers/org.example.Some?scope=worker", {"level": "ERROR"}),
    Step("set a logger of nothing known", "PUT", "/admin/loggers/org.example.Some?scope=moon", {"level": "INFO"}),
    Step("set the root", "PUT", "/admin/loggers/root", {"level": "WARN"}),
    Step("the logger that was set with the root", "GET", "/admin/loggers/org.example.Some"),
    *(
        Step(f"set {what}", "PUT", f"/admin/loggers/{name}", {"level": level})
        for what, name, level in (
            ("a.b", "a.b", "TRACE"),
            ("a.bc", "a.bc", "OFF"),
            ("a.c", "a.c", " ALL "),
            ("what two begin with", "a.b", "FATAL"),
            ("what all begin with", "a", "WARN"),
            ("what has that level", "a", "WARN"),
            ("a number", "a", 5),
            ("a flag", "a", True),
            ("null", "a", None),
            ("an empty level", "a", ""),
            ("a list", "a", ["INFO"]),
        )
    ),
    Step("all loggers", "GET", "/admin/loggers"),
    Step("all loggers, with a slash", "GET", "/admin/loggers/"),
    Step("set a logger of the cluster to nothing known", "PUT", "/admin/loggers/a?scope=CLUSTER", {"level": "LOUD"}),
    Step("set a logger of the cluster without a level", "PUT", "/admin/loggers/a?scope=cluster", {}),
    Step("set a logger with more", "PUT", "/admin/loggers/a", {"level": "ERROR", "more": 1}),
    Step("set a logger with no JSON", "PUT", "/admin/loggers/a", b"{nothing"),
    Step("set a logger by a list", "PUT", "/admin/loggers/a", []),
    Step("set a logger with another content type", "PUT", "/admin/loggers/a", b"{}", {"Content-Type": "text/plain"}),
    Step("loggers are not posted", "POST", "/admin/loggers/a", {"level": "INFO"}),
    Step("loggers are not deleted", "DELETE", "/admin/loggers/a"),
    Step("options of a logger", "OPTIONS", "/admin/loggers/a"),
    Step("admin by itself", "GET", "/admin"),
    Step("set a logger of the cluster", "PUT", "/admin/loggers/org.example.All?scope=cluster", {"level": "WARN"}),
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
