"""What a connector's value must be beside its type, and how Kafka's ``ConfigDef`` says that it is not.

A check gets a key and its value (None: null, or a value that cannot be read) and returns what is wrong; empty: nothing.
The sentences are Connect's own, since programs show them and look for them. Source: what Kafka 4.3.1 answers.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | None
Check: TypeAlias = Callable[[str, Value], str]

_DELETE = 0x7F


def invalid(name: str, value: Value, words: str) -> str:
    """Return the sentence for a value that cannot be."""
    return f"Invalid value {_shown(value)} for configuration {name}: {words}"


def missing(name: str) -> str:
    """Return the sentence for a key that must be there."""
    return f'Missing required configuration "{name}" which has no default value.'


def anything(_name: str, _value: Value) -> str:
    """Find nothing wrong."""
    return ""


def at_least(least: int) -> Check:
    """Return a check of a number, which may be absent."""
    return lambda name, value: "" if value is None else _range(name, value, least, None)


def within(least: float, most: float | None = None) -> Check:
    """Return a check of a number that must be there."""
    return lambda name, value: _range(name, value, least, most)


def _range(name: str, value: Value, least: float, most: float | None) -> str:
    if not isinstance(value, int | float):
        return invalid(name, value, "Value must be non-null")
    if value < least:
        return invalid(name, value, f"Value must be at least {least}")
    if most is not None and value > most:
        return invalid(name, value, f"Value must be no more than {most}")
    return ""


def one_of(*words: str) -> Check:
    """Return a check for one of some words."""
    told = f"String must be one of: {', '.join(words)}"
    return lambda name, value: "" if value in words else invalid(name, value, told)


def one_of_any_case(*words: str) -> Check:
    """Return a check for one of some words, in capitals or not."""
    told = f"String must be one of (case insensitive): {', '.join(words)}"
    return lambda name, value: "" if str(value).upper() in words else invalid(name, value, told)


def not_empty(name: str, value: Value) -> str:
    """Check a text that may be absent, but not empty."""
    return invalid(name, value, "String must be non-empty") if value == "" else ""


def connector_name(name: str, value: Value) -> str:
    """Check what a connector may be called."""
    if value is None:
        return ""
    text = str(value)
    if not text:
        return invalid(name, value, "String may not be empty")
    codes = [str(ord(char)) for char in text if ord(char) < ord(" ") or ord(char) == _DELETE]
    if codes:
        told = "String may not contain control sequences but had the following ASCII chars: " + ", ".join(codes)
        return invalid(name, value, told)
    return ""


def items(name: str, value: Value) -> str:
    """Check a list: neither empty items nor the same twice."""
    if not isinstance(value, tuple):
        return f"Configuration '{name}' values must not be null."
    if len(set(value)) < len(value):
        return f"Configuration '{name}' values must not be duplicated."
    return f"Configuration '{name}' values must not be empty." if "" in value else ""


def some_of(*words: str) -> Check:
    """Return a check for a list with at least one of some words, and no others."""

    def check(name: str, value: Value) -> str:
        if problem := items(name, value):
            return problem
        assert isinstance(value, tuple), "else it was no list"
        if not value:
            return f"Configuration '{name}' must not be empty. Valid values include: [{', '.join(words)}]"
        return next((problem for each in value if (problem := one_of(*words)(name, each))), "")

    return check


def aliases(name: str, value: Value) -> str:
    """Check a list of names that other keys begin with."""
    if not isinstance(value, tuple):
        return invalid(name, value, "entry must be non null")
    return invalid(name, value, "Duplicate alias provided.") if len(set(value)) < len(value) else ""


def no_aliases(name: str, value: Value) -> str:
    """Check such a list of names whose Java classes cannot run here: it must be empty."""
    return aliases(name, value) or (invalid(name, value, "Java code that cannot run here") if value else "")


def shown(value: Value) -> str | None:
    """Return a value as Connect shows it by itself."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value)
        case _:
            return str(value)


def _shown(value: Value | Sequence[str]) -> str:
    """Return a value as it stands within a sentence."""
    match value:
        case None:
            return "null"
        case tuple():
            return f"[{', '.join(value)}]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
