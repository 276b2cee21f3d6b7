"""The TLS files of one cluster: its authority, its servers' certificate, and clients' certificates on request."""

import datetime as dt
import secrets
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.certificates import Authority, ServerCertificate, issue_client, issue_server, make_authority
from heliograph.testbed.clients import ClientStores
from heliograph.testbed.storefiles import StoreFiles, write_identity, write_trust

PASSWORD_BYTES = 12
"""The length of the stores' password before it is encoded."""


class TlsFiles:
    """Keys, certificates and stores in one folder."""

    def __init__(self, folder: Path, server_certificate: ServerCertificate = "valid") -> None:
        """Make an authority and the servers' certificate, and write them to ``folder``, which is created."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = _now()
        self.password = secrets.token_urlsafe(PASSWORD_BYTES)
        self._authority: Authority | None = make_authority("Heliograph testbed", now)
        self._folder = folder
        self._clients: dict[str, StoreFiles] = {}
        self.trust = write_trust(self.authority.certificate, folder, "authority", self.password, _ms(now))
        server = issue_server(self.authority, now, server_certificate)
        self.server = write_identity(server, folder, "server", self.password, _ms(now))

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs: the files that are there. It can have no further certificates signed."""
        return {**self.__dict__, "_authority": None}

    @property
    def authority(self) -> Authority:
        """Who signs. Raises HeliographError in a process that did not make the files."""
        if self._authority is None:
            raise HeliographError(
                "These certificates are signed in another process", remedy="Ask there, or start a cluster of your own"
            )
        return self._authority

    def identity(self, user: str) -> StoreFiles:
        """Return a client certificate for ``user``, made once. ``user`` becomes part of a file's name."""
        if user not in self._clients:
            now = _now()
            client = issue_client(self.authority, user, now)
            self._clients[user] = write_identity(client, self._folder, f"client-{user}", self.password, _ms(now))
        return self._clients[user]

    def client_stores(self, user: str | None) -> ClientStores:
        """Return the files for a client: with a certificate when ``user`` is given."""
        identity = self.identity(user) if user else None
        return ClientStores(
            authority_pem=self.trust.pem,
            trust_store=self.trust.pkcs12,
            identity_pem=identity.pem if identity else None,
            identity_store=identity.pkcs12 if identity else None,
            password=self.password,
        )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
