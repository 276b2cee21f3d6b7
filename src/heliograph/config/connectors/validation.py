"""A connector's configuration judged key by key, as Kafka Connect judges it before it takes it, and in its words.

This is what ``ConfigDef`` can know: kinds, ranges, words, what must be there. What a configuration comes to, together
with others, is looked at afterwards (:mod:`~heliograph.config.connectors.merging`). A value that refers to a secret is
left alone: an answer would show what it stands for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from heliograph.config.connectors.checks import Value, invalid, missing, shown
from heliograph.config.connectors.definitions import (
    CONVERTER_TYPE,
    CONVERTERS,
    VERSION,
    Definition,
    validated_of,
)
from heliograph.config.connectors.merging import CLASS, PACKAGE, part_of
from heliograph.config.connectors.secrets import MASK, masked
from heliograph.config.model import Part
from heliograph.config.policies import MEANING, stands_for
from heliograph.config.typed import Kind, parse
from heliograph.errors import ConfigError

Given = Mapping[str, str | None]
"""A configuration as it came: null is not the same as absent."""

CLASSES = {part: f"{PACKAGE}{part}" for part in Part}
"""Java's names of the connectors."""
PLUGIN_VERSION = "connector.plugin.version"
_SIDES = ("header", "key", "value")
_REFERENCE = re.compile(r"\$\{[^}]+\}")
_UNREADABLE = {
    Kind.BOOLEAN: "Expected value to be either true or false",
    **{kind: f"Not a number of type {kind.name}" for kind in (Kind.SHORT, Kind.INT, Kind.LONG, Kind.DOUBLE)},
}
_NO_BOUNDARIES = (
    "The connector does not support connector-defined transaction boundaries with the given configuration. "
    "Please reconfigure it to use a different transaction boundary definition."
)
_NO_SYNCS = "emit.offset-syncs.enabled"


@dataclass(frozen=True, slots=True)
class Checked:
    """One key with its value, and what is wrong with it."""

    name: str
    definition: Definition | None
    """None: the connector does not have this key, and something must be said of it all the same."""
    value: str | None
    """As it is shown: the default where there is none, null where it cannot be read, a mask for a secret."""
    errors: tuple[str, ...] = ()
    visible: bool = True
    """Whether a form should show it."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A whole configuration."""

    connector_class: str
    """As it was given."""
    keys: tuple[Checked, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """All that is wrong, in order."""
        return tuple(error for key in self.keys for error in key.errors)


def connector_of(config: Given) -> Part:
    """Return which connector a configuration is for. Raises ConfigError, in Connect's words."""
    told = config.get(CLASS)
    if told is None:
        known = masked({key: "null" if value is None else value for key, value in sorted(config.items())})
        listed = ", ".join(f"{key}={value}" for key, value in known.items())
        raise ConfigError(f"Connector config {{{listed}}} contains no connector type")
    try:
        return part_of({CLASS: told})
    except ConfigError:
        raise ConfigError(
            f"Failed to find any class that implements Connector and which name matches {told}, "
            f"available connectors are: {', '.join(sorted(CLASSES.values()))}"
        ) from None


def validate(config: Given, *, exactly_once: bool) -> Validation:
    """Judge a configuration; ``exactly_once`` says whether the worker can. Raises ConfigError where its class is none.

    What goes to a client, behind ``producer.override.`` and the like, is not among the keys.
    """
    part = connector_of(config)
    keys = {definition.name: _checked(definition, config) for definition in validated_of(part)}
    for side in _SIDES:
        version = keys[f"{side}.converter.plugin.version"]
        there = keys[f"{side}.converter"].value is not None
        keys[version.name] = replace(version, visible=there)
    for name, error in _of_the_whole(part, config, exactly_once=exactly_once):
        known = keys.get(name, Checked(name, None, None))
        keys[name] = replace(known, errors=(*known.errors, error))
    in_order = sorted(keys.values(), key=lambda key: key.definition is not None)
    return Validation(str(config[CLASS]), (*in_order, *_of_converters(config)))


def _checked(definition: Definition, config: Given) -> Checked:
    """Judge one key by itself."""
    name = definition.name
    given = name in config
    text = config[name] if given else definition.default
    if not given and definition.required:
        return Checked(name, definition, None, (missing(name),))
    if text is not None and _REFERENCE.search(text):
        return Checked(name, definition, MASK if definition.kind is Kind.PASSWORD else text)
    value, error = _read(definition, text, config) if text is not None else (None, "")
    wrong = definition.check(name, value)
    told = MASK if definition.kind is Kind.PASSWORD and value is not None else shown(value)
    return Checked(name, definition, told, tuple(each for each in (error, wrong) if each))


def _read(definition: Definition, text: str, config: Given) -> tuple[Value, str]:
    """Return a value by its kind, and what is wrong with it."""
    name, kind = definition.name, definition.kind
    if kind is Kind.LIST:  # other than our own lists, it may have items that a check then refuses
        return tuple(item.strip() for item in text.split(",")) if text.strip() else (), ""
    if kind is Kind.CLASS:
        found = _class(definition, text.strip(), config)
        return (found, "") if found else (None, invalid(name, text, f"Class {text} could not be found."))
    try:
        return parse(kind, text), ""
    except ValueError:
        return None, invalid(name, text, _UNREADABLE[kind])


def _class(definition: Definition, name: str, config: Given) -> str:
    """Return the whole name of a Java class; empty: there is no such class here."""
    if definition.name == "replication.policy.class":
        return name if config.get(MEANING) or stands_for(name) is not None else ""
    if definition.name.endswith(".converter"):
        return _converter(name)
    return name if definition.classes is None or name.lower() in definition.classes else ""


def _converter(name: str) -> str:
    """Return the whole name of a converter, which may be named without its package, and without ``Converter``."""
    for known in CONVERTERS:
        simple = known.rpartition(".")[2]
        if name in (known, simple, simple.removesuffix("Converter")):
            return known
    return ""


def _of_the_whole(part: Part, config: Given, *, exactly_once: bool) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with keys that do not go together, or not with this connector."""
    no_syncs = config.get(_NO_SYNCS) == "false"
    if part is Part.SOURCE and no_syncs and any(key.startswith("offset-syncs") for key in config):
        yield _NO_SYNCS, f"{part} can't setup offset-syncs feature while {_NO_SYNCS} set to false"
    if part is Part.CHECKPOINT:
        if config.get("emit.checkpoints.enabled") == "false":
            yield "emit.checkpoints.enabled", f"{part} can't run with emit.checkpoints.enabled set to false"
        if no_syncs:
            yield _NO_SYNCS, f"{part} can't run without offset syncs"
    if (config.get("exactly.once.support") or "").upper() == "REQUIRED" and not exactly_once:
        yield "exactly.once.support", "This worker does not have exactly-once source support enabled."
    if (config.get("transaction.boundary") or "").upper() == "CONNECTOR":
        yield "transaction.boundary", _NO_BOUNDARIES
    if words := another_version(CLASSES[part], config.get(PLUGIN_VERSION) or ""):
        yield CLASS, words
        yield PLUGIN_VERSION, words


def another_version(plugin: str, version: str) -> str:
    """Say that a plug-in has not the version that somebody wants; empty: it has. A range is taken as it is."""
    version = version.strip()
    if version in ("", VERSION) or version[0] in "[(":
        return ""
    return (
        f"Plugin {plugin} not found that matches the version range [{version},{version}], "
        f"available versions: [{VERSION}]"
    )


def _of_converters(config: Given) -> Iterator[Checked]:
    """Yield the one key of each converter that is named, by which it knows what it is for."""
    for side in _SIDES:
        named = config.get(f"{side}.converter")
        version = config.get(f"{side}.converter.plugin.version") or ""
        if named is not None and _converter(named) and not another_version(named, version):
            definition = replace(CONVERTER_TYPE, name=f"{side}.converter.{CONVERTER_TYPE.name}")
            yield Checked(definition.name, definition, side)
