"""The value of ``sasl.jaas.config``: one JAAS login entry with a user name and a password.

The grammar is that of Kafka's ``JaasConfig``: a login module, a flag, options, a semicolon. Java cuts the text with a
``StreamTokenizer``, in which an unquoted value may not begin with a digit; here an unquoted value reaches to the next
blank or semicolon, so that the keys that clouds hand out work without quotes. A text that is not whole (a forgotten
semicolon, a line that was not continued) is refused. No error shows any part of the value.
"""

import re
from dataclasses import dataclass

from heliograph.config.model import Secret

_TOKEN = re.compile(
    r"""\s*(?:(?P<end>;)|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<equals>=)|(?P<word>[^\s;="']+))""",
    re.DOTALL,
)
_UNQUOTED = re.compile(r"[^\s;]*")
_ESCAPE = re.compile(r"\\([0-3]?[0-7]{1,2}|.)", re.DOTALL)
_ESCAPES = {"a": "\x07", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FLAGS = ("required", "requisite", "sufficient", "optional")
_MODULE = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*")
_OPTION = re.compile(r"[A-Za-z_][\w.-]*")
LENGTH_MAX = 64 * 1024
"""Longest value, in characters."""


@dataclass(frozen=True, slots=True)
class LoginEntry:
    """What a JAAS entry says."""

    module: str
    """Full name of the Java class that would log in."""
    options: dict[str, Secret]
    """By name; ``username`` and ``password`` among them for PLAIN and SCRAM."""


def parse_jaas(text: str) -> LoginEntry:
    """Parse ``text``. Raises ValueError that says what is wrong and shows no option's value."""
    if len(text) > LENGTH_MAX:
        raise ValueError(f"is longer than {LENGTH_MAX} characters")
    module, at = _word(text, 0, "the name of a login module")
    if not _MODULE.fullmatch(module):
        raise ValueError("does not begin with the name of a login module")
    flag, at = _word(text, at, f"one of {', '.join(_FLAGS)} behind the login module")
    if flag.lower() not in _FLAGS:
        raise ValueError(f"has no flag behind the login module: one of {', '.join(_FLAGS)} must stand there")
    options: dict[str, Secret] = {}
    while True:
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(_unfinished(text, at))
        if token["end"]:
            break
        name, value, at = _option(text, at)
        if name in options:
            raise ValueError("gives an option twice")
        options[name] = Secret(value)
    if text[token.end() :].strip():
        raise ValueError("goes on behind its semicolon (a value that holds a semicolon must stand in double quotes)")
    return LoginEntry(module, options)


def _word(text: str, at: int, wanted: str) -> tuple[str, int]:
    token = _TOKEN.match(text, at)
    if token is None or token["word"] is None:
        raise ValueError(f"lacks {wanted}")
    return token["word"], token.end()


def _option(text: str, at: int) -> tuple[str, str, int]:
    token = _TOKEN.match(text, at)
    assert token is not None, "the caller has looked"
    name = token["word"]
    if name is None or not _OPTION.fullmatch(name):
        raise ValueError("has something else where the name of an option must stand (is a value with blanks unquoted?)")
    equals = _TOKEN.match(text, token.end())
    if equals is None or equals["equals"] is None:
        raise ValueError("has an option or a word without = behind it (is a value with blanks unquoted?)")
    at = equals.end()
    quoted = _TOKEN.match(text, at)
    for group in ("double", "single"):
        if quoted is not None and quoted[group] is not None:
            return name, _ESCAPE.sub(_unescaped, quoted[group]), quoted.end()
    at += len(text[at:]) - len(text[at:].lstrip())
    if text[at : at + 1] in ('"', "'"):
        raise ValueError("has a quote that is never closed")
    unquoted = _UNQUOTED.match(text, at)
    assert unquoted is not None, "the pattern matches the empty text"
    return name, unquoted[0], unquoted.end()


def _unfinished(text: str, at: int) -> str:
    if text[at:].strip():
        return "has a quote that is never closed"
    return "does not end in a semicolon (a line that goes on in the next one must end in a backslash)"


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8)) if code[0] in "01234567" else _ESCAPES.get(code, code)
