r"""Java regular expressions, for the names of topics, groups and configs.

MM2 joins the items of a list with ``|`` and asks Java's ``Matcher.matches()``, so a pattern must cover the whole
name. A pattern is read here by Java's grammar and written again for the ``regex`` module, which knows possessive
quantifiers and atomic groups. What would mean something else there (``(?x)``, ``\G``, Unicode case folding, blocks)
is refused by name, and so is what Java refuses: never is anything silently different.

Names are at most a few hundred characters, and so is the time that one match can take in practice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from heliograph.config.javaclasses import (
    ANY,
    DEPTH_MAX,
    Cursor,
    Refused,
    folded,
    literal,
    read_character_escape,
    read_class,
    read_property,
    shorthand,
)
from heliograph.errors import ConfigError

LENGTH_MAX = 20_000
"""Longest pattern, in characters."""
REPEAT_MAX = 100_000
"""Largest number in a quantifier."""
COPIES_MAX = 200_000
"""Most parts that a pattern may consist of, each counted as often as it must be repeated: the module that runs it
writes repetitions inside repetitions out, so that a short pattern could take all memory."""

_TERMINATORS = "\\n\\r\\x85\\u2028\\u2029"
_DOT = f"[^{_TERMINATORS}]"
_AT_END = "(?=(?:\\r\\n|(?<!\\r)\\n|[\\r\\x85\\u2028\\u2029])?\\Z)"
_WORD = "[a-zA-Z0-9_]"
_BOUNDARY = f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))"
_NO_BOUNDARY = f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))"
_LINE_BREAK = "(?:\\r\\n|[\\n\\x0b\\f\\r\\x85\\u2028\\u2029])"
_PLAIN = {".": _DOT, "^": "\\A", "$": _AT_END}
_ANCHORS = {"A": "\\A", "z": "\\Z", "Z": _AT_END, "b": _BOUNDARY, "B": _NO_BOUNDARY, "R": _LINE_BREAK}
_FLAG_NAMES = {
    "m": "MULTILINE",
    "x": "COMMENTS",
    "d": "UNIX_LINES",
    "u": "UNICODE_CASE",
    "U": "UNICODE_CHARACTER_CLASS",
}
_GLOB = regex.compile(r"[A-Za-z0-9_-]*[A-Za-z0-9_-]\*[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class _Flags:
    """The flags in force at a place of a pattern."""

    ignore_case: bool = False
    dot_all: bool = False


def compile_java(pattern: str) -> "regex.Pattern[str]":
    """Compile a Java ``pattern``; use ``fullmatch`` on the result for what Java's ``matches()`` does.

    Raises ConfigError when Java refuses the pattern too, or when a part of it (named) cannot mean the same here.
    """
    try:
        return _compile(pattern)
    except Refused as error:
        remedy = "Write .* for any text" if pattern.startswith("*") else "Write it in another way"
        raise ConfigError(f"the Java regular expression {pattern!r} cannot be used: {error}", remedy=remedy) from None


def compile_java_list(patterns: Sequence[str]) -> "regex.Pattern[str] | None":
    """Compile the items of a list to one pattern, as MM2 does: joined by ``|``.

    None for an empty list, which matches nothing. Raises ConfigError like :func:`compile_java`.
    """
    return compile_java("|".join(patterns)) if patterns else None


def looks_like_glob(pattern: str) -> bool:
    """Whether ``pattern`` was probably meant as a wildcard: ``kp-*`` matches ``kp--`` but not ``kp-topic-1``."""
    return _GLOB.fullmatch(pattern) is not None


def _compile(pattern: str) -> "regex.Pattern[str]":
    if len(pattern) > LENGTH_MAX:
        raise Refused(f"it is longer than {LENGTH_MAX} characters")
    cursor = Cursor(_without_quotes(pattern))
    names: list[str] = []
    text = _Reader(cursor, names).expression(_Flags(), depth=0)
    if cursor.peek():
        raise Refused("a ) has no ( before it")
    try:
        return regex.compile(text, regex.V1)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise Refused(f"{error}") from None


def _without_quotes(pattern: str) -> str:
    r"""Replace ``\Q...\E`` by escapes of each character, as Java does before it reads anything else."""
    parts: list[str] = []
    rest = pattern
    while True:
        begin = _unescaped_quote(rest)
        if begin < 0:
            return "".join(parts) + rest
        parts.append(rest[:begin])
        quoted, _, rest = rest[begin + 2 :].partition("\\E")
        parts.extend(char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):x}}}" for char in quoted)


def _unescaped_quote(text: str) -> int:
    at = 0
    while (at := text.find("\\", at)) >= 0:
        if text[at + 1 : at + 2] == "Q":
            return at
        at += 2
    return -1


class _Reader:
    """Reads an expression by Java's grammar and gives the same for the ``regex`` module."""

    __slots__ = ("_copies", "_cursor", "_groups", "_names")

    def __init__(self, cursor: Cursor, names: list[str]) -> None:
        self._cursor = cursor
        self._names = names
        self._groups = 0
        self._copies = 0

    def expression(self, flags: _Flags, depth: int) -> str:
        """Read alternatives up to the end or to an unread ``)``. A flag set inside holds up to there, past ``|``."""
        if depth > DEPTH_MAX:
            raise Refused(f"groups are nested deeper than {DEPTH_MAX}")
        cursor = self._cursor
        parts: list[str] = []
        while (char := cursor.peek()) and char != ")":
            if char == "|":
                parts.append(cursor.take())
                continue
            if char == "(" and (changed := self._inline_flags(flags)) is not None:
                flags = changed
                continue
            before = self._copies
            atom = self._atom(flags, depth)
            text, times = self._quantifier()
            self._copies = before + (self._copies - before + 1) * times
            if self._copies > COPIES_MAX:
                raise Refused(f"written out, its repetitions have more than {COPIES_MAX} parts")
            parts.append(atom + text)
        return "".join(parts)

    def _inline_flags(self, flags: _Flags) -> _Flags | None:
        """Read ``(?i)`` and the like; None, and nothing read, when it is another kind of group."""
        match = regex.match(r"\(\?([a-zA-Z-]*)\)", self._cursor.text, pos=self._cursor.at)
        if match is None:
            return None
        self._cursor.take(len(match[0]))
        return _changed(flags, match[1])

    def _atom(self, flags: _Flags, depth: int) -> str:
        cursor = self._cursor
        char = cursor.take()
        if char == "(":
            return self._group(flags, depth)
        if char == "[":
            return read_class(cursor, ignore_case=flags.ignore_case)
        if char == "\\":
            return self._escape(flags)
        if char in _PLAIN:
            return ANY if char == "." and flags.dot_all else _PLAIN[char]
        if char in "*+?{":
            raise Refused(f"{char} stands where there is nothing to repeat")
        return _one(ord(char), flags)

    def _escape(self, flags: _Flags) -> str:
        cursor = self._cursor
        name = cursor.peek()
        if name in ("p", "P"):
            cursor.take()
            return read_property(cursor, negated=name == "P", ignore_case=flags.ignore_case)
        if (members := shorthand(name) if name else None) is not None:
            cursor.take()
            return members
        if name in _ANCHORS and name:
            cursor.take()
            if name == "b" and cursor.peek() == "{":
                raise Refused("\\b{g} is not known here")
            if name == "R" and cursor.peek() and cursor.peek() in "*+?{":
                raise Refused("Java repeats \\R in an odd way")
            return _ANCHORS[name]
        if name == "k" or (name.isascii() and name.isdigit() and name != "0"):
            return self._back_reference(flags)
        return _one(read_character_escape(cursor), flags)

    def _back_reference(self, flags: _Flags) -> str:
        cursor = self._cursor
        if flags.ignore_case:
            raise Refused("a back-reference under (?i) is not known here")
        if cursor.take() == "k":
            if cursor.take() != "<":
                raise Refused("\\k is not followed by <name>")
            name = cursor.until(">", "\\k<")
            if name not in self._names:
                raise Refused(f"there is no group named {name} before it")
            return f"(?P={name})"
        number = int(cursor.text[cursor.at - 1])
        if not 0 < number <= self._groups:
            raise Refused(f"there is no group {number} before \\{number}")
        while cursor.peek().isascii() and cursor.peek().isdigit() and number * 10 + int(cursor.peek()) <= self._groups:
            number = number * 10 + int(cursor.take())
        return f"(?:\\g<{number}>)"

    def _group(self, flags: _Flags, depth: int) -> str:
        opening, flags = self._opening(flags)
        inner = self.expression(flags, depth + 1)
        if self._cursor.take() != ")":
            raise Refused("a ( is not closed")
        return f"{opening}{inner})"

    def _opening(self, flags: _Flags) -> tuple[str, _Flags]:
        cursor = self._cursor
        if cursor.peek() != "?":
            self._groups += 1
            return "(", flags
        for opening in ("?<=", "?<!", "?:", "?=", "?!", "?>"):
            if cursor.peek(len(opening)) == opening:
                return "(" + cursor.take(len(opening)), flags
        if cursor.peek(2) == "?<":
            cursor.take(2)
            name = cursor.until(">", "(?<")
            if not regex.fullmatch("[a-zA-Z][a-zA-Z0-9]*", name) or name in self._names:
                raise Refused(f"{name!r} is no name for a group, or is there twice")
            self._names.append(name)
            self._groups += 1
            return f"(?P<{name}>", flags
        match = regex.match(r"\?([a-zA-Z-]*):", cursor.text, pos=cursor.at)
        if match is None:
            raise Refused("(? is not followed by a kind of group that Java knows")
        cursor.take(len(match[0]))
        return "(?:", _changed(flags, match[1])

    def _quantifier(self) -> tuple[str, int]:
        """Read a quantifier, if there is one; gives it and how often what it stands behind is written out."""
        cursor = self._cursor
        char = cursor.peek()
        times = 2 if char == "+" else 1
        if char and char in "*+?":
            text = cursor.take()
        elif char == "{":
            text, times = self._counted()
        else:
            return "", 1
        if cursor.peek() and cursor.peek() in "?+":
            text += cursor.take()
        if cursor.peek() and cursor.peek() in "*+?{":
            raise Refused(f"{cursor.peek()} stands behind another quantifier")
        return text, times

    def _counted(self) -> tuple[str, int]:
        match = regex.match(r"\{([0-9]{1,9})(?:(,)([0-9]{0,9}))?\}", self._cursor.text, pos=self._cursor.at)
        if match is None:
            raise Refused("a { is not a repetition like {2}, {2,} or {2,5}")
        low = int(match[1])
        high = int(match[3]) if match[3] else low
        if max(low, high) > REPEAT_MAX or high < low:
            raise Refused(f"{match[0]} is backwards or larger than {REPEAT_MAX}")
        return self._cursor.take(len(match[0])), max(1, low) + (match[2] is not None)


def _one(code: int, flags: _Flags) -> str:
    members = folded(code, ignore_case=flags.ignore_case)
    return f"[{members}]" if members != literal(code) else members


def _changed(flags: _Flags, letters: str) -> _Flags:
    """Apply ``letters`` of an inline flag group, those behind ``-`` switching off."""
    on = True
    ignore_case, dot_all = flags.ignore_case, flags.dot_all
    for letter in letters:
        if letter == "-":
            on = False
        elif letter == "i":
            ignore_case = on
        elif letter == "s":
            dot_all = on
        elif letter in _FLAG_NAMES:
            raise Refused(f"(?{letter}) ({_FLAG_NAMES[letter]}) cannot be used here")
        else:
            raise Refused(f"(?{letter}) is no flag of Java")
    return _Flags(ignore_case, dot_all)
