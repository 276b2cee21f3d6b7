"""Who may do what with the REST API: users, tokens, and what each may, by a file with one statement a line.

::

    user  alice   scrypt:14:8:1:...       a user with a password
    token deploy  sha256:...              a user with a bearer token
    allow alice   admin    *
    allow deploy  operate  payments-* west->east
    allow "certificate:CN=ops,O=Example"  read  *

Words stand apart by blanks, quotes hold a word together, and ``#`` begins a comment. What may be done is allowed for
connectors and flows by name, in which ``*`` stands for any characters. What nothing allows is not allowed.
"""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from heliograph.config.model import Secret
from heliograph.config.passwords import Kept, read_kept
from heliograph.config.problems import Problems
from heliograph.errors import ConfigError

ANONYMOUS = "anonymous"
"""Who has not said who he is."""
CERTIFICATE, OIDC, GROUP = "certificate:", "oidc:", "oidc-group:"
"""What stands in front of names that others give: of certificates, of an identity provider's users and groups."""
EVERYTHING = "*"
_TOKEN = re.compile(r"sha256:([0-9a-f]{64})")
_KINDS = (CERTIFICATE, OIDC, GROUP)


class Role(IntEnum):
    """What somebody may do; each includes those before it."""

    READ = 1
    """See it."""
    OPERATE = 2
    """Pause, resume, stop and restart it."""
    ADMIN = 3
    """Create, change and delete it, and move its positions."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one line allows."""

    who: str
    role: Role
    what: tuple[str, ...]
    """Names of connectors and flows, with ``*`` for any characters."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what."""

    grants: tuple[Grant, ...]
    passwords: Mapping[str, Kept | Secret] = field(default_factory=dict)
    """Of users by name: a Secret where the file of Connect's login module holds it in clear."""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The user of each token, by the token's SHA-256 in hexadecimal."""

    def role(self, principals: Collection[str], *names: str) -> Role | None:
        """Return what somebody with these names may do with what has ``names``; None: not even see it."""
        return max(
            (each.role for each in self._of(principals) if any(_any(each.what, name) for name in names)), default=None
        )

    def role_everywhere(self, principals: Collection[str]) -> Role | None:
        """Return what somebody may do with everything there is."""
        return max((each.role for each in self._of(principals) if EVERYTHING in each.what), default=None)

    def knows(self, principals: Collection[str]) -> bool:
        """Say whether anything is allowed to somebody with these names."""
        return bool(self._of(principals))

    def _of(self, principals: Collection[str]) -> list[Grant]:
        return [each for each in self.grants if any(_is(each.who, name) for name in principals)]


def matches(pattern: str, text: str) -> bool:
    """Say whether ``text`` is what ``pattern`` describes, in which ``*`` stands for any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    *middle, last = rest
    at = len(first)
    for piece in middle:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(text) - at >= len(last) and text.endswith(last)


def _any(patterns: Collection[str], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)


def _is(who: str, name: str) -> bool:
    return who == name if name == ANONYMOUS else matches(who, name)


def parse_access(content: bytes, path: Path, others: Collection[str] = ()) -> Access:
    """Parse the file at ``path``; ``others`` are users that stand elsewhere.

    Raises ConfigErrors that name each wrong line, and show no hash.
    """
    problems = Problems()
    read = _Read(set(others))
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        try:
            read.line(line, number)
        except ValueError as error:
            problems.add(ConfigError(f"{path}:{number} {error}", remedy="Correct the line"))
    for grant, number in read.grants:
        if not _is_known(grant.who, {*read.users, *read.tokens.values()}):
            remedy = "Add the user, or correct the name"
            problems.add(ConfigError(f"{path}:{number} allows something to {grant.who}, who is no user", remedy=remedy))
    if not read.grants and not problems:
        problems.add(ConfigError(f"{path} allows nothing to anybody", remedy="Write a line: allow NAME admin *"))
    problems.raise_all(path)
    return Access(tuple(grant for grant, _ in read.grants), read.passwords, read.tokens)


class _Read:
    """What the lines said so far."""

    def __init__(self, users: set[str]) -> None:
        self.users = users
        self.passwords: dict[str, Kept | Secret] = {}
        self.tokens: dict[str, str] = {}
        self.grants: list[tuple[Grant, int]] = []

    def line(self, line: str, number: int) -> None:
        """Take a line. Raises ValueError."""
        match _words(line):
            case []:
                pass
            case ["user", name, kept]:
                password = read_kept(kept)
                if own_name(name) in self.users:
                    raise ValueError(f"names the user {name} twice")
                self.passwords[name] = password
                self.users.add(name)
            case ["token", name, kept]:
                if _digest(kept) in self.tokens:
                    raise ValueError("has a token that stands there already")
                self.tokens[_digest(kept)] = own_name(name)
            case ["allow", who, role, what, *more]:
                self.grants.append((Grant(_who(who), _role(role), (what, *more)), number))
            case [word, *_]:
                raise ValueError(_shape(word))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        raise ValueError("has a quote that is never closed") from None


def _is_known(who: str, users: Collection[str]) -> bool:
    return "*" in who or who == ANONYMOUS or who.startswith(_KINDS) or who in users


def own_name(name: str) -> str:
    """Return the name of a user of our own. Raises ValueError where it could be taken for something else."""
    if not name or ":" in name or "*" in name or name == ANONYMOUS:
        raise ValueError("needs a user's name without : and *, and not anonymous")
    return name


def _digest(kept: str) -> str:
    match = _TOKEN.fullmatch(kept)
    if match is None:
        raise ValueError("needs sha256: and 64 digits behind the user's name, as heliograph user --token prints it")
    return match[1]


def _who(who: str) -> str:
    if ":" in who and not who.startswith(_KINDS):
        raise ValueError(f"has {who[:100]!r}; only {', '.join(_KINDS)} may stand in front of a name")
    return who


def _role(word: str) -> Role:
    for role in Role:
        if word == role.name.lower():
            return role
    raise ValueError(f"has {word[:100]!r} where read, operate or admin must stand")


def _shape(word: str) -> str:
    shapes = {"user": "user NAME scrypt:...", "token": "token NAME sha256:...", "allow": "allow WHO ROLE WHAT..."}
    return f"must be {shapes[word]}" if word in shapes else "must begin with user, token or allow"
