"""Where it is written who may use the REST API: a file of our own, and what Connect's extension for passwords reads.

That extension, ``BasicAuthSecurityRestExtension``, finds its users by a JAAS file that Java is told on its command line
(``-Djava.security.auth.login.config``). Its login module ``PropertyFileLoginModule`` names a file with a line
``NAME=PASSWORD`` for each. Without roles in our own file every such user may do everything, as with Connect.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from heliograph.config.access import ANONYMOUS, CERTIFICATE, EVERYTHING, Access, Grant, Role, own_name, parse_access
from heliograph.config.jaas import parse_jaas
from heliograph.config.model import OidcConfig, Secret
from heliograph.config.properties import parse_properties, read_bytes
from heliograph.config.rest_tls import Find
from heliograph.errors import ConfigError

FILE = "heliograph.rest.access.file"
JAAS = "heliograph.rest.jaas.file"
_OIDC = "heliograph.rest.oidc."
EXTENSIONS = "rest.extension.classes"
_BASIC = "BasicAuthSecurityRestExtension"
_MODULE = "PropertyFileLoginModule"
_ENTRY = re.compile(r"\bKafkaConnect\s*\{(?P<entry>[^}]*)\}\s*;")
OPEN = Access((Grant(ANONYMOUS, Role.ADMIN, (EVERYTHING,)), Grant(f"{CERTIFICATE}*", Role.ADMIN, (EVERYTHING,))))
"""Where nothing is written: whoever gets through may do everything."""


@dataclass(frozen=True, slots=True)
class AccessFiles:
    """Where it is written; called, it is read."""

    file: str
    """Our own; empty: there is none."""
    jaas: str
    """That of Connect's extension; empty: there is none."""
    where: str = field(compare=False)
    """Place of the key that names our own."""
    jaas_where: str = field(compare=False)

    @property
    def asks(self) -> bool:
        """Whether users are asked who they are."""
        return bool(self.file or self.jaas)

    def __call__(self) -> Access:
        """Read it as it is now. Raises ConfigError."""
        users = _users(Path(self.jaas), self.jaas_where) if self.jaas else {}
        if not self.file:
            everything = tuple(Grant(name, Role.ADMIN, (EVERYTHING,)) for name in users)
            return Access(everything, users) if self.jaas else OPEN
        path = Path(self.file)
        own = parse_access(read_bytes(path, f"{self.where}: the file"), path, others=users)
        return Access(own.grants, {**users, **own.passwords}, own.tokens)


def find_access(find: Find) -> AccessFiles:
    """Look up where it is written. Raises ConfigError where an extension is named that cannot run here."""
    file, jaas, extensions = find("", FILE), find("", JAAS), find("", EXTENSIONS)
    for name in extensions.items:
        if name.rpartition(".")[2] != _BASIC:
            remedy = f"Remove it, and say in {FILE} who may do what"
            raise ConfigError(f"{extensions.where} names {name}, Java code that cannot run here", remedy=remedy)
    if extensions.items and not jaas.text and not file.text:
        raise ConfigError(
            f"{extensions.where} wants passwords, and it is not known whose",
            remedy=f"Name the file of -Djava.security.auth.login.config as {JAAS}, or one of our own as {FILE}",
        )
    return AccessFiles(file.text, jaas.text if extensions.items else "", file.where, jaas.where)


def find_oidc(find: Find, access: AccessFiles) -> OidcConfig | None:
    """Return the identity provider that says who users are; None: none does. Raises ConfigError."""
    url, issuer, audience = (find("", f"{_OIDC}{name}") for name in ("jwks.url", "issuer", "audience"))
    needed = (url, issuer, audience)
    if not any(each.value for each in needed):
        return None
    for each in needed:
        if not each.value:
            raise ConfigError(f"{each.key} is missing", remedy=f"Set all of {', '.join(one.key for one in needed)}")
    if not access.file:
        remedy = "Write there what its users may do: allow oidc:NAME or oidc-group:NAME"
        raise ConfigError(f"{url.where} needs {FILE}", remedy=remedy)
    parts = urlsplit(url.text)
    if not parts.hostname or (parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "127.0.0.1")):
        raise ConfigError(f"{url.where} must be the https address of a set of keys", remedy="Write https://...")
    user, groups = (find("", f"{_OIDC}{name}.claim").text for name in ("user", "groups"))
    return OidcConfig(url.text, issuer.text, audience.items, user, groups)


def _users(path: Path, where: str) -> dict[str, Secret]:
    """Return the passwords of Connect's login module by user."""
    text = read_bytes(path, f"{where}: the file").decode("latin-1")
    match = _ENTRY.search(text)
    if match is None:
        raise ConfigError(f"{path} has no entry KafkaConnect {{ ... }};", remedy="Name Connect's JAAS file")
    try:
        entry = parse_jaas(match["entry"])
    except ValueError as error:
        raise ConfigError(f"{path}: KafkaConnect {error}", remedy="Correct the entry") from None
    if entry.module.rpartition(".")[2] != _MODULE or "file" not in entry.options:
        remedy = f"Only {_MODULE} with a file can be used; or say in {FILE} who may do what"
        raise ConfigError(f"{path}: KafkaConnect names the login module {entry.module}", remedy=remedy)
    users = Path(entry.options["file"].reveal())
    properties = parse_properties(read_bytes(users, f"{path}: the file"), users)
    if not properties.entries:
        raise ConfigError(f"{users} holds no user", remedy="Write a line NAME=PASSWORD for each")
    try:
        return {own_name(name): Secret(each.value) for name, each in properties.entries.items()}
    except ValueError as error:
        raise ConfigError(f"{users} {error}", remedy="Give the user another name") from None
