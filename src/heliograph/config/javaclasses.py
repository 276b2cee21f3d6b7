r"""Java's character classes in the words of the ``regex`` module.

Java's rules differ from Python's in small ways that would go unnoticed: ``[a[bc]]`` is a union, ``&&`` an
intersection, ``\d`` and ``\w`` are ASCII, ``(?i)`` folds ASCII letters only, ``[^...]`` negates the whole class. So
every class is read by Java's grammar (``java.util.regex.Pattern``, as of Java 9) and written out again member by
member: nothing depends on the flags of the module that runs it. What would not mean the same is refused by name, as
:class:`Refused`.
"""

from dataclasses import dataclass

import regex

DEPTH_MAX = 50
"""Deepest nesting of classes and groups."""

ANY = "[\\x00-\\U0010ffff]"
"""Any character, line terminators too."""
_SHORTHANDS = {
    "d": "0-9",
    "w": "a-zA-Z0-9_",
    "s": "\\t\\n\\x0b\\f\\r\\x20",
    "h": "\\t\\x20\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000",
    "v": "\\n\\x0b\\f\\r\\x85\\u2028\\u2029",
}
_CONTROLS = {"t": 0x09, "n": 0x0A, "r": 0x0D, "f": 0x0C, "a": 0x07, "e": 0x1B}
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\\x00-\\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
    "Graph": "\\x21-\\x7e",
    "Print": "\\x20-\\x7e",
    "Blank": "\\x20\\t",
    "Cntrl": "\\x00-\\x1f\\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": "\\t\\n\\x0b\\f\\r\\x20",
}
_CATEGORIES = frozenset(
    {*"LMNZCPS", "LC", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf"}
    | {"Co", "Cs", "Cn", "Pd", "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf"}
)
_BINARY = {
    "alphabetic": "\\p{Alphabetic}",
    "lowercase": "\\p{Lowercase}",
    "uppercase": "\\p{Uppercase}",
    "letter": "\\p{L}",
    "digit": "\\p{Nd}",
    "titlecase": "\\p{Lt}",
    "control": "\\p{Cc}",
}
_JAVA_METHODS = {
    "javaLowerCase": "\\p{Lowercase}",
    "javaUpperCase": "\\p{Uppercase}",
    "javaAlphabetic": "\\p{Alphabetic}",
    "javaLetter": "\\p{L}",
    "javaDigit": "\\p{Nd}",
    "javaLetterOrDigit": "\\p{L}\\p{Nd}",
    "javaTitleCase": "\\p{Lt}",
    "javaISOControl": "\\x00-\\x1f\\x7f-\\x9f",
}
_CASED = ("\\p{Lu}", "\\p{Ll}", "\\p{Lt}", "\\p{Lowercase}", "\\p{Uppercase}")


class Refused(Exception):
    """A part of a pattern that Java refuses too, or that cannot mean here what it means in Java."""


@dataclass(slots=True)
class Cursor:
    """A position in a pattern."""

    text: str
    at: int = 0

    def peek(self, length: int = 1) -> str:
        """Return the next ``length`` characters, fewer at the end, without going on."""
        return self.text[self.at : self.at + length]

    def take(self, length: int = 1) -> str:
        """Return the next ``length`` characters, fewer at the end, and go on behind them."""
        piece = self.peek(length)
        self.at += length
        return piece

    def until(self, end: str, what: str) -> str:
        """Return everything before the next ``end`` and go on behind it; Refused when there is none."""
        stop = self.text.find(end, self.at)
        if stop < 0:
            raise Refused(f"{what} is not closed by {end}")
        piece = self.text[self.at : stop]
        self.at = stop + len(end)
        return piece


def literal(code: int) -> str:
    """Write one character so that it has no other meaning, in or out of a class."""
    if code < 0x80 and chr(code).isalnum():
        return chr(code)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def folded(code: int, *, ignore_case: bool) -> str:
    """Write the members of a set that stand for one character: both cases of an ASCII letter under ``(?i)``."""
    char = chr(code)
    if ignore_case and char.isascii() and char.isalpha():
        return char.lower() + char.upper()
    return literal(code)


def shorthand(name: str) -> str | None:
    r"""Return the set for ``\d \w \s \h \v`` and their negations, as a whole class; None for another letter."""
    members = _SHORTHANDS.get(name.lower())
    if members is None:
        return None
    return f"[^{members}]" if name.isupper() else f"[{members}]"


def read_character_escape(cursor: Cursor) -> int:
    """Read what stands behind a backslash and means one character; give its code point.

    Raises Refused for escapes that Java does not know, or that mean something else than one character.
    """
    char = cursor.take()
    if char in _CONTROLS:
        return _CONTROLS[char]
    if char in "xu" and char:
        return _read_hexadecimal(cursor, char)
    if char == "0":
        return _read_octal(cursor)
    if char == "c":
        control = cursor.take()
        if not control:
            raise Refused("\\c is not followed by a character")
        return ord(control) ^ 64
    if not char:
        raise Refused("a backslash stands at the end")
    if char.isascii() and char.isalnum():
        raise Refused(f"\\{char} means nothing in Java, or nothing that could be the same here")
    return ord(char)


def _read_hexadecimal(cursor: Cursor, kind: str) -> int:
    if kind == "x" and cursor.peek() == "{":
        cursor.take()
        digits = cursor.until("}", "\\x{")
    else:
        digits = cursor.take(2 if kind == "x" else 4)
    wanted = 2 if kind == "x" else 4
    if (
        not digits
        or not regex.fullmatch("[0-9A-Fa-f]{1,6}", digits)
        or (len(digits) < wanted and cursor.text[cursor.at - 1 : cursor.at] != "}")
    ):
        raise Refused(f"\\{kind} is not followed by hexadecimal digits")
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Refused(f"\\{kind}{digits} is not a character by itself")
    return code


def _read_octal(cursor: Cursor) -> int:
    digits = ""
    while len(digits) < 3 and cursor.peek() and cursor.peek() in "01234567":
        if len(digits) == 2 and digits[0] > "3":
            break
        digits += cursor.take()
    if not digits:
        raise Refused("\\0 is not followed by octal digits")
    return int(digits, 8)


def read_property(cursor: Cursor, *, negated: bool, ignore_case: bool) -> str:
    r"""Read what stands behind ``\p`` or ``\P``; give a whole class. Raises Refused for an unknown property."""
    if cursor.peek() == "{":
        cursor.take()
        name = cursor.until("}", "\\p{")
    else:
        name = cursor.take()
    shown = f"\\p{{{name}}}"
    members = _property_members(name)
    if members is None:
        raise Refused(f"{shown} is a property that cannot be told to be the same here")
    if ignore_case and (name in ("Lower", "Upper") or any(cased in members for cased in _CASED)):
        raise Refused(f"{shown} under (?i) differs between versions of Java")
    return f"[^{members}]" if negated else f"[{members}]"


def _property_members(name: str) -> str | None:
    if members := _POSIX.get(name) or _JAVA_METHODS.get(name):
        return members
    key, equals, value = name.partition("=")
    if equals:
        if key.lower() in ("script", "sc"):
            return _script(value)
        name = value if key.lower() in ("general_category", "gc") else ""
    elif name.startswith("Is"):
        name = name[2:]
        if name not in _CATEGORIES:
            return _BINARY.get(name.lower()) or _script(name)
    if name == "LC":
        return "\\p{Lu}\\p{Ll}\\p{Lt}"
    return f"\\p{{{name}}}" if name in _CATEGORIES else None


def _script(name: str) -> str | None:
    if not regex.fullmatch("[A-Za-z_]{2,40}", name):
        return None
    members = f"\\p{{Script={name}}}"
    try:
        regex.compile(f"[{members}]", regex.V1)
    except regex.error:
        return None
    return members


def read_class(cursor: Cursor, *, ignore_case: bool, depth: int = 0) -> str:
    """Read a class from behind its ``[`` to behind its ``]``; give it in the module's words.

    Raises Refused for what Java refuses, and for unions and intersections that Java itself reads in odd ways.
    """
    if depth > DEPTH_MAX:
        raise Refused(f"classes are nested deeper than {DEPTH_MAX}")
    negated = cursor.peek() == "^"
    if negated:
        cursor.take()
    operands: list[list[str]] = [[]]
    while True:
        if not cursor.peek():
            raise Refused("a [ is not closed")
        if cursor.peek() == "]" and (operands[-1] or len(operands) > 1):
            cursor.take()
            break
        if cursor.peek(2) == "&&":
            cursor.take(2)
            if not operands[-1] or cursor.peek() in ("&", "]"):
                raise Refused("&& in a class has nothing before or behind it")
            operands.append([])
            continue
        operands[-1].append(_read_member(cursor, ignore_case=ignore_case, depth=depth))
    return _combined([_united(members) for members in operands], negated=negated)


def _united(members: list[str]) -> str:
    """Return the union: one set of the plain members, beside it the nested classes."""
    plain = "".join(member for member in members if not member.startswith(("[", "(?")))
    nested = [member for member in members if member.startswith(("[", "(?"))]
    classes = ([f"[{plain}]"] if plain else []) + nested
    return classes[0] if len(classes) == 1 else f"(?:{'|'.join(classes)})"


def _combined(operands: list[str], *, negated: bool) -> str:
    """Return the intersection of classes, or what is not in it.

    Look-aheads say it: the module's own set operations were seen to answer wrongly where a class meets its complement.
    """
    *tests, last = operands
    text = f"(?:{''.join(f'(?={test})' for test in tests)}{last})" if tests else last
    if not negated:
        return text
    if text.startswith("[") and not text.startswith("[^"):
        return f"[^{text[1:]}"
    return f"(?:(?!{text}){ANY})"


def _read_member(cursor: Cursor, *, ignore_case: bool, depth: int) -> str:
    if cursor.peek() == "[":
        cursor.take()
        return read_class(cursor, ignore_case=ignore_case, depth=depth + 1)
    first = _read_single(cursor, ignore_case=ignore_case)
    if isinstance(first, str):
        return first
    if cursor.peek() != "-" or cursor.peek(2)[1:] in ("[", "]", ""):
        return folded(first, ignore_case=ignore_case)
    cursor.take()
    last = _read_single(cursor, ignore_case=ignore_case)
    if isinstance(last, str) or last < first:
        raise Refused("a range in a class runs backwards or ends in no character")
    return _range(first, last, ignore_case=ignore_case)


def _read_single(cursor: Cursor, *, ignore_case: bool) -> int | str:
    """Read one character of a class as a code point, or an escape for many characters as a whole class."""
    char = cursor.take()
    if char != "\\":
        return ord(char)
    name = cursor.peek()
    if name in ("p", "P"):
        cursor.take()
        return read_property(cursor, negated=name == "P", ignore_case=ignore_case)
    if (members := shorthand(name) if name else None) is not None:
        cursor.take()
        return members
    return read_character_escape(cursor)


def _range(first: int, last: int, *, ignore_case: bool) -> str:
    text = f"{literal(first)}-{literal(last)}"
    if not ignore_case:
        return text
    for low, high, shift in ((ord("A"), ord("Z"), 32), (ord("a"), ord("z"), -32)):
        begin, end = max(first, low), min(last, high)
        if begin <= end:
            text += f"{literal(begin + shift)}-{literal(end + shift)}"
    return text
