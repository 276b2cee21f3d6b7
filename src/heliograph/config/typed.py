"""Text to value, by the rules of Kafka's ``ConfigDef.parseType``.

Values are stripped first. A boolean is ``true`` or ``false`` in any case and nothing else; whole numbers have Java's
ranges; a list is split at commas with the blanks around them, and the empty text is the empty list. Empty items are
refused and repeated ones dropped, as since Kafka 4.2 (KIP-1161). Each function raises ValueError whose text says what
was expected; who calls knows the key, the line, and whether the value may be shown.
"""

import math
import re
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """The type of an option: ConfigDef's names."""

    BOOLEAN = "boolean"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    STRING = "string"
    LIST = "list"
    CLASS = "class"
    PASSWORD = "password"  # noqa: S105 - the name of a type


Value: TypeAlias = bool | int | float | str | tuple[str, ...]

_BITS = {Kind.SHORT: 16, Kind.INT: 32, Kind.LONG: 64}
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
_COMMENT = re.compile(r"\s[#!]")


def parse(kind: Kind, text: str) -> Value:
    """Parse ``text`` as ``kind``. Raises ValueError with what was expected."""
    if kind is Kind.BOOLEAN:
        return parse_boolean(text)
    if kind in _BITS:
        return parse_whole(text, bits=_BITS[kind])
    if kind is Kind.DOUBLE:
        return parse_double(text)
    if kind is Kind.LIST:
        return parse_list(text)
    return text.strip()


def parse_boolean(text: str) -> bool:
    """Parse ``true`` or ``false``, in any case."""
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError("must be true or false")
    return word == "true"


def parse_whole(text: str, *, bits: int) -> int:
    """Parse a whole number in the range of Java's type with ``bits`` bits."""
    word = text.strip()
    if not _WHOLE.fullmatch(word):
        raise ValueError("must be a whole number")
    number = int(word)
    limit = 1 << (bits - 1)
    if not -limit <= number < limit:
        raise ValueError(f"must be a whole number from {-limit} to {limit - 1}")
    return number


def parse_double(text: str) -> float:
    """Parse a number with a decimal point, finite."""
    try:
        number = float(text.strip())
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def parse_list(text: str) -> tuple[str, ...]:
    """Split at commas, without the blanks around them; repeated items count once."""
    stripped = text.strip()
    if not stripped:
        return ()
    items = [item.strip() for item in stripped.split(",")]
    if "" in items:
        raise ValueError("must be a list without empty items (look for two commas in a row or one at the end)")
    return tuple(dict.fromkeys(items))


def has_trailing_comment(text: str) -> bool:
    """Whether the value seems to hold a comment: Java knows comments only at the start of a line."""
    return _COMMENT.search(text.strip()) is not None
