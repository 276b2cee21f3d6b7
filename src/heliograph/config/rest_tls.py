"""TLS of the REST API by Connect's keys.

``listeners.https.ssl.*`` is for it alone. Where none of these is set, the worker's ``ssl.*`` hold: all or nothing, as
in Connect's ``SSLUtils``. What is found is kept, so that the files can be read again when they were renewed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from heliograph.config.model import ClientAuth, ServerTls, Warned
from heliograph.config.resolve import Found
from heliograph.config.security import SERVER_TLS_NAMES, build_server_tls
from heliograph.errors import ConfigError

PREFIX = "listeners.https."
CLIENT_AUTH = "ssl.client.auth"
_NAMES = (*SERVER_TLS_NAMES, CLIENT_AUTH)
Find = Callable[[str, str], Found]
"""Looks a worker's option up: by what stands in front of its name, and its name."""


@dataclass(frozen=True, slots=True)
class ServerTlsFiles:
    """Where the material lies; called, it reads it."""

    found: Mapping[str, Found] = field(repr=False, compare=False)
    """What was found for each option's name."""
    values: tuple[tuple[str, str], ...] = field(repr=False)
    """What stands in the file, by which two of these are compared."""

    def __call__(self) -> ServerTls:
        """Read it as it is now. Raises ConfigError."""
        return self.read([])

    def read(self, warnings: list[Warned]) -> ServerTls:
        """Read it as it is now, and add what its author should know to ``warnings``. Raises ConfigError."""
        tls = build_server_tls(self.found, datetime.now(UTC), warnings)
        wanted = self.found[CLIENT_AUTH]
        client_auth = ClientAuth(wanted.text)
        if client_auth is not ClientAuth.NONE and tls.trust_pem is None:
            raise ConfigError(
                f"{wanted.where} is {client_auth}, and {self.found['ssl.truststore.location'].key} is missing",
                remedy="Name a trust store with the authority that signs the clients' certificates",
            )
        return ServerTls(tls, client_auth)


def find_server_tls(find: Find) -> ServerTlsFiles:
    """Look up what https listeners need; nothing is read yet."""
    own = {name: find(PREFIX, name) for name in _NAMES}
    found = own if any(each.entry is not None for each in own.values()) else {name: find("", name) for name in _NAMES}
    return ServerTlsFiles(found, tuple((each.key, each.entry.value) for each in found.values() if each.entry))
