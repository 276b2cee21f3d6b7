"""Where Heliograph's answers differ from Kafka Connect's, and why: held against both by test_same_as_connect.py.

``python docs/generate.py`` writes the table into docs/connect.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is answered otherwise, in some steps of the list of requests."""

    what: str
    theirs: str
    ours: str
    why: str
    aspects: tuple[str, ...]
    """``status``, ``message`` of an error, ``body`` of anything else, or a header."""
    steps: tuple[str, ...]
    """All of them differ in each of the aspects."""


_NO_JSON = (
    "create without a body",
    "create with no JSON",
    "create with a list",
    "create with null for a body",
    "create with more behind the body",
    "put a config that is no object",
    "put a config without a body",
    "patch with a list",
    "patch without a body",
    "alter offsets: no body",
    "validate with no JSON",
    "validate with a list",
    "validate with null for a body",
    "validate with no body",
    "set a logger without a body",
    "set a logger with no JSON",
    "set a logger by a list",
)
_OTHER_SHAPES = (
    "create with nothing in it",
    "create without a config",
    "create with null for a config",
    "create with a character set",
    "create with a config that is a list",
    "create with a config that is a text",
    "create with an object in the config",
    "create with a list in the config",
    "create with a name that is a list",
    "create with a wrong initial state",
    "create with an empty initial state",
    "create with a list of initial states",
    "put a config with an object in it",
    "patch with an object",
    "alter offsets: no list",
    "alter offsets: null in the list",
    "alter offsets: a number in the list",
    "alter offsets: a partition that is a text",
    "alter offsets: an offset that is a text",
    "validate with an object in it",
    "validate with the configuration wrapped",
    "set an empty level",
    "set a list",
)
_OTHER_FIELDS = (
    "create with a word too many",
    "create with a flat body",
    "alter offsets: a word too many",
    "alter offsets: another word too many",
)
_WRONG_OFFSETS = (
    "alter offsets: no partition",
    "alter offsets: null partition",
    "alter offsets: cluster that is a number",
    "alter offsets: topic that is null",
    "alter offsets: partition that is null",
    "alter offsets: partition with a point",
    "alter offsets: partition that is true",
    "alter offsets: partition that is too large",
    "alter offsets: more that is a list",
    "alter offsets: more that is an object",
    "alter offsets: no topic",
    "alter offsets: no number",
    "alter offsets: an offset that is null inside",
    "alter offsets: an offset with a point",
    "alter offsets: an offset that is true",
    "alter offsets: no cluster",
    "alter offsets: a partition that is no number",
    "alter offsets: a negative partition",
    "alter offsets: a negative offset",
    "alter offsets: no offset in it",
    "alter offsets: an offset that is a word",
    "alter offsets of the checkpoint connector: not 0",
    "alter offsets of the checkpoint connector: no offset",
    "alter offsets of the checkpoint connector: of the source",
    "alter offsets of the heartbeat connector: not 0",
    "alter offsets of the heartbeat connector: of the source",
)
_NO_SUCH_PATH = (
    "options of no such path",
    "no such path",
    "another letter",
    "a path below",
    "tasks' configs, as before 4.0",
    "a plugin by itself",
    "admin by itself",
)
_NO_SUCH_METHOD = (
    "head of what is only put",
    "a method that is not there",
    "another one",
    "post what is put",
    "get what is posted",
    "plugins are not posted",
    "get what is validated",
    "loggers are not posted",
    "loggers are not deleted",
)
_OTHER_FORMATS = (
    "create with another content type",
    "create as a form is sent with another content type",
    "put with another content type",
    "patch with another content type",
    "alter offsets with another content type",
    "pause with another content type",
    "validate with another content type",
    "set a logger with another content type",
)

DIFFERENCES = (
    Difference(
        "A body that is no JSON object",
        "500, with the words of its JSON library or of a null pointer",
        "400, says what is wrong",
        "It is the client's mistake, and clients repeat what was answered with 500.",
        ("status", "message"),
        _NO_JSON,
    ),
    Difference(
        "A field of a body that has another type or value than it may have",
        "500, with the words of its JSON library or of a null pointer",
        "400, says what it may be",
        "It is the client's mistake.",
        ("status", "message"),
        _OTHER_SHAPES,
    ),
    Difference(
        "A field that a body does not have, such as a configuration that is not within `config`",
        "500, with the name of a Java class",
        "400, names the fields that there are",
        "It is the client's mistake.",
        ("status", "message"),
        _OTHER_FIELDS,
    ),
    Difference(
        "Offsets that cannot be right",
        "500",
        "400, with the same words",
        "It is the client's mistake.",
        ("status",),
        _WRONG_OFFSETS,
    ),
    Difference(
        "Offsets of another cluster than the connector's source, or with more keys than a partition has",
        "stored, and never looked at",
        "400",
        "A spelling mistake would go unnoticed, and the connector go on at the old place.",
        ("status", "body"),
        ("alter offsets: cluster of another one", "alter offsets: more that means nothing"),
    ),
    Difference(
        "PATCH of a configuration with another `name`",
        "200; the connector's configuration has another name than the connector from then on",
        "400, as with PUT",
        "A connector cannot be renamed.",
        ("status", "body"),
        ("patch the name",),
    ),
    Difference(
        "A configuration with null as a value",
        "kept, and the connector fails",
        "the key counts as not given",
        "There is nothing else that null could mean.",
        ("body",),
        ("put a config with null in it",),
    ),
    Difference(
        "A name with `>` or other characters that should be encoded, and are not",
        "400, a page of HTML",
        "taken as it is",
        "What is meant is plain.",
        ("status", "body", "content-type"),
        ("info, encoded by nobody",),
    ),
    Difference(
        "A name with a slash or a per cent sign in it, encoded, and so a name that was encoded twice",
        "400, a page of HTML",
        "such a name; 404 where there is none",
        "A connector may have such a name: with Connect it can be created, and then not be reached.",
        ("status", "body", "content-type"),
        ("unknown, with a slash in it", "unknown, with a per cent sign in it", "info, encoded twice"),
    ),
    Difference(
        "`Accept` without JSON",
        "406",
        "JSON all the same",
        "There is nothing else to be had.",
        ("status", "body", "content-type"),
        ("list, wanted as a text",),
    ),
    Difference(
        "A path or a format that there is not",
        "404 or 415, without `Content-Type`",
        "the same with `Content-Type: application/json`",
        "The body is JSON.",
        ("content-type",),
        (*_NO_SUCH_PATH, *_OTHER_FORMATS),
    ),
    Difference(
        "A method that a path does not have",
        "405, without `Content-Type` and `Allow`",
        "the same with both",
        "RFC 9110 asks for `Allow`.",
        ("content-type", "allow"),
        _NO_SUCH_METHOD,
    ),
    Difference(
        "Tasks of the checkpoint connector",
        "one for some of the groups each, named in `task.assigned.groups`; none while there is no group",
        "always one, without that key",
        "All groups are looked after together.",
        ("body",),
        ("tasks of the checkpoint connector",),
    ),
    Difference(
        "A stopped connector that is paused",
        "has no tasks until it is resumed",
        "its tasks are paused",
        "They say what will go on.",
        ("body",),
        ("status of the stopped one that is paused",),
    ),
    Difference(
        "Plug-ins of all kinds (`connectorsOnly=false`)",
        "all that is on the class path, 45 transformations, predicates and converters among it",
        "the connectors, and the converter of bytes",
        "Nothing else runs here, nor is anything else needed: records are copied byte by byte.",
        ("body",),
        ("plugins of all kinds",),
    ),
    Difference(
        "Validation without a class, or with one that there is not",
        "500, with the name of a Java exception",
        "400, as where a connector is created; the message names the classes that there are",
        "It is the client's mistake.",
        ("status", "message"),
        ("validate nothing", "validate an unknown class"),
    ),
    Difference(
        "A connector that is created with a class that there is not",
        "400; the message has the classes that there are, as Java prints them",
        "400; the message has their names",
        "They are no Java classes here.",
        ("message",),
        ("create with an unknown class",),
    ),
    Difference(
        "Validation of a version of the connector that there is not",
        "the two errors, without the keys that belong to the connector",
        "the two errors, with all keys",
        "The keys are those of the one version that there is.",
        ("body",),
        ("validate another version",),
    ),
    Difference(
        "Validation of transformations and predicates",
        "looks for their classes and has keys for them",
        "an error: they cannot run here",
        "They are Java code, and records are copied as they are.",
        ("body",),
        ("validate a transformation",),
    ),
    Difference(
        "Validation of what goes to a client (`producer.override.` and the like)",
        "among the keys, as the client has them",
        "not among the keys; what is wrong is told where a connector is created",
        "The client is another, and has other options.",
        ("body",),
        ("validate a setting of the producer",),
    ),
    Difference(
        "The level of `root` at the start",
        "as its configuration of Log4j says",
        "as `--log-level` says",
        "There is no Log4j.",
        ("body",),
        ("a logger",),
    ),
)
