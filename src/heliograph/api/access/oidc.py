"""Bearer tokens that an identity provider has signed (OpenID Connect): JWTs, checked with the provider's public keys.

The keys are fetched when the first token comes, again when they are old, and when a token names a key that is not
there, which is how providers change keys. While the provider does not answer, the keys of before serve for a while.
Only signatures with a key pair count: a shared secret would let whoever checks also sign.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from heliograph.api.access.user import User
from heliograph.config.access import GROUP, OIDC
from heliograph.config.model import OidcConfig
from heliograph.errors import ConfigError
from heliograph.observe.log import Log

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
FRESH_S = 300.0
STALE_S = 3600.0
"""For so long keys serve while no newer ones can be had."""
AGAIN_S = 10.0
"""Between two tries to fetch keys."""
FETCH_S = 5.0
KEYS_BYTES_MAX = 256 << 10
KEYS_MAX = 64
GROUPS_MAX = 200
LEEWAY_S = 30
TOKEN_BYTES_MAX = 12 << 10

Fetch = Callable[[], Awaitable[bytes]]


class SignedTokens:
    """Checks the tokens of one identity provider."""

    def __init__(
        self, config: OidcConfig, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``fetch`` returns the provider's keys (JWKS). Raises ConfigError where the library is not there."""
        self._jwt = _library()
        self._config = config
        self._fetch = fetch or (lambda: asyncio.to_thread(_fetched, config.jwks_url))
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched_s = float("-inf")
        self._tried_s = float("-inf")
        self._one = asyncio.Lock()

    async def user(self, token: str) -> User | None:
        """Return whose token it is; None: it is not good."""
        if len(token) > TOKEN_BYTES_MAX:
            return None
        try:
            header = self._jwt.get_unverified_header(token)
            key = await self._key(str(header.get("kid", "")))
            if key is None:
                return None
            claims = self._jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=list(self._config.audience),
                issuer=self._config.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (self._jwt.PyJWTError, ValueError, TypeError):
            return None
        return self._user(claims)

    def _user(self, claims: Mapping[str, Any]) -> User | None:
        name = claims.get(self._config.user_claim)
        groups = claims.get(self._config.groups_claim, [])
        if not isinstance(name, str) or not name or not isinstance(groups, list):
            return None
        named = [group for group in groups[:GROUPS_MAX] if isinstance(group, str)]
        return User(f"{OIDC}{name}", tuple(f"{GROUP}{group}" for group in named))

    async def _key(self, key_id: str) -> Any:
        """Return the key with this id; None: there is none."""
        async with self._one:
            now_s = self._clock()
            old = now_s - self._fetched_s > FRESH_S
            if (old or key_id not in self._keys) and now_s - self._tried_s >= AGAIN_S:
                self._tried_s = now_s
                await self._renew()
            if self._clock() - self._fetched_s > STALE_S:
                return None
        return self._keys.get(key_id)

    async def _renew(self) -> None:
        try:
            self._keys = self._parsed(await self._fetch())
            self._fetched_s = self._clock()
        except (OSError, ValueError) as error:
            Log().warning("the identity provider's keys cannot be fetched", url=self._config.jwks_url, cause=error)

    def _parsed(self, content: bytes) -> dict[str, Any]:
        """Return the keys for signatures by id; those that cannot be used are left out. Raises ValueError."""
        told = json.loads(content)
        listed = told.get("keys") if isinstance(told, dict) else None
        if not isinstance(listed, list):
            raise ValueError("the answer is no set of keys")  # noqa: TRY004 - what was sent is wrong, not a type of ours
        keys = {}
        for each in listed[:KEYS_MAX]:
            if isinstance(each, dict) and each.get("kty") != "oct" and each.get("use", "sig") == "sig":
                with suppress(self._jwt.PyJWTError, ValueError, TypeError, KeyError):
                    keys[str(each.get("kid", ""))] = self._jwt.PyJWK(each)
        return keys


def _library() -> Any:
    """Return PyJWT, which is an extra and is loaded where it is used. Raises ConfigError."""
    try:
        import jwt  # noqa: PLC0415 - see above
    except ImportError:
        raise ConfigError(
            "Tokens of an identity provider need the package PyJWT",
            remedy="pip install 'heliograph[oidc]', or remove heliograph.rest.oidc.*",
        ) from None
    return jwt


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Keys come from the address that was named, and from no other."""


def _fetched(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(url, timeout=FETCH_S) as answer:  # the address is the configuration's
        content: bytes = answer.read(KEYS_BYTES_MAX + 1)
    if len(content) > KEYS_BYTES_MAX:
        raise ValueError(f"the answer is larger than {KEYS_BYTES_MAX} bytes")
    return content
