"""Who a client is: by a password, by a bearer token, or by its certificate.

A password takes time to try, so it is tried in a thread, two at a time, and one that was right is known again by a
keyed hash of it, until the file that it stands in changes. Whoever fails waits for the answer, and after some failures
is not listened to for a while; a client that is known by then goes on.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from heliograph.api.access.attempts import Attempts
from heliograph.api.access.user import NOBODY, User
from heliograph.api.tls import subject_of
from heliograph.config.access import CERTIFICATE, Access
from heliograph.config.model import Secret
from heliograph.config.passwords import PASSWORD_BYTES_MAX, SALT_BYTES, Kept, keep
from heliograph.observe.log import Log

AT_ONCE = 2
"""Passwords that are tried at the same time."""
KNOWN_MAX = 256
"""Right passwords that are known again."""
FAILED_S = 1.0
"""For so long a wrong attempt waits for its answer."""
CHALLENGE = 'Basic realm="heliograph", charset="UTF-8"'


class NotKnown(Exception):
    """A client has not shown who it is."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        """``retry_after_s``: not listened to for so long; 0: it may try."""
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class Tokens(Protocol):
    """Who checks bearer tokens that an identity provider has signed."""

    async def user(self, token: str) -> User | None:
        """Return whose token it is; None: it is not good."""
        ...


class Login:
    """Finds out who clients are."""

    def __init__(
        self,
        access: Callable[[], Access],
        signed: Tokens | None = None,
        clock: Callable[[], float] = time.monotonic,
        failed_s: float = FAILED_S,
    ) -> None:
        """``access`` returns what is written; ``signed`` checks the tokens that are not in it."""
        self._access = access
        self._signed = signed
        self._clock = clock
        self._failed_s = failed_s
        self._attempts = Attempts()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, str] = {}
        self._known_by: Access | None = None
        self._decoy = keep(secrets.token_hex(), secrets.token_bytes(SALT_BYTES))

    async def user(self, authorization: str | None, certificate: bytes | None, address: str) -> User:
        """Return who has sent a request. Raises NotKnown.

        ``authorization`` is the header of that name, ``certificate`` what its connection has shown (DER).
        """
        access = self._access()
        if access is not self._known_by:
            self._known, self._known_by = {}, access
        if authorization is not None and (access.passwords or access.tokens or self._signed is not None):
            name, groups = await self._by_secret(access, authorization, address)
            return User(name, groups, address)
        if certificate is not None:
            return User(f"{CERTIFICATE}{subject_of(certificate)}", (), address)
        if not access.knows(NOBODY.principals):
            raise NotKnown("User cannot access the resource.")
        return User(NOBODY.name, (), address)

    async def _by_secret(self, access: Access, authorization: str, address: str) -> tuple[str, tuple[str, ...]]:
        digest = hmac.digest(self._key, authorization.encode("utf-8", "surrogateescape"), "sha256")
        if (known := self._known.get(digest)) is not None:
            return known, ()
        if (wait_s := self._attempts.wait_s(address, self._clock())) > 0:
            raise NotKnown("Too many failed logins", retry_after_s=wait_s)
        scheme, _, rest = authorization.partition(" ")
        found: User | None = None
        if scheme.lower() == "basic":
            if (name := await self._by_password(access, rest.strip())) is not None:
                found = User(name)
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[digest] = name
        elif scheme.lower() == "bearer":
            found = await self._by_token(access, rest.strip())
        if found is None:
            failures = self._attempts.fail(address, self._clock())
            Log().warning("a login to the REST API failed", address=address, failures=failures)
            await asyncio.sleep(self._failed_s)
            raise NotKnown("User cannot access the resource.")
        return found.name, found.groups

    async def _by_password(self, access: Access, encoded: str) -> str | None:
        try:
            name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        if not colon or len(password) > PASSWORD_BYTES_MAX:
            return None
        kept = access.passwords.get(name)
        tried = kept if isinstance(kept, Kept) else self._decoy  # every name takes the same time
        async with self._room:
            fits = await asyncio.to_thread(tried.fits, password)
        if isinstance(kept, Secret):
            fits = hmac.compare_digest(kept.reveal().encode(), password.encode())
        return name if fits and kept is not None else None

    async def _by_token(self, access: Access, token: str) -> User | None:
        name = access.tokens.get(hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest())
        if name is not None:
            return User(name)
        return await self._signed.user(token) if self._signed is not None else None
