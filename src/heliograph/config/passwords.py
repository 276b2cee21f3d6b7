"""Passwords and tokens as they are kept: never themselves, but what they make.

A password becomes ``scrypt:14:8:1:SALT:HASH`` (RFC 7914; the first number is the logarithm of the cost), which takes a
computer some 50 ms and 16 MiB to try. A token is a long random text, so one round of SHA-256 is enough for it.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

LOG_COST = 14
LOG_COST_MAX = 17
BLOCK, PARALLEL = 8, 1
BLOCK_MAX, PARALLEL_MAX = 16, 4
SALT_BYTES, HASH_BYTES = 16, 32
MEMORY_BYTES_MAX = 300 << 20
PASSWORD_BYTES_MAX = 1024
"""Longest password that is tried."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A password as it is kept."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    log_cost: int = LOG_COST
    block: int = BLOCK
    parallel: int = PARALLEL

    def fits(self, password: str) -> bool:
        """Say whether ``password`` is the one; it takes the same time for a wrong one, too long for an event loop."""
        return hmac.compare_digest(_scrypt(password, self), self.digest)

    def __str__(self) -> str:
        """Return it as it stands in a file."""
        numbers = f"{self.log_cost}:{self.block}:{self.parallel}"
        return f"scrypt:{numbers}:{_text(self.salt)}:{_text(self.digest)}"


def keep(password: str, salt: bytes) -> Kept:
    """Return how ``password`` is kept; ``salt`` is SALT_BYTES of chance."""
    return Kept(salt, _scrypt(password, Kept(salt, b"")))


def read_kept(text: str) -> Kept:
    """Read what stands in a file. Raises ValueError, which shows nothing of it."""
    kind, *parts = text.split(":")
    if kind != "scrypt" or len(parts) != 5 or not all(part.isascii() and part.isdecimal() for part in parts[:3]):
        raise ValueError("needs scrypt:14:8:1:SALT:HASH behind the user's name, as heliograph user prints it")
    log_cost, block, parallel = (int(part[:4]) for part in parts[:3])
    if not LOG_COST <= log_cost <= LOG_COST_MAX or not BLOCK <= block <= BLOCK_MAX or not 1 <= parallel <= PARALLEL_MAX:
        raise ValueError(
            f"has numbers behind scrypt that are too small or too large: {LOG_COST}:{BLOCK}:{PARALLEL} is usual"
        )
    salt, digest = (_bytes(part) for part in parts[3:])
    if len(salt) < SALT_BYTES or len(digest) != HASH_BYTES:
        raise ValueError(f"needs a salt of {SALT_BYTES} bytes and a hash of {HASH_BYTES} behind scrypt's numbers")
    return Kept(salt, digest, log_cost, block, parallel)


def keep_token(token: str) -> str:
    """Return how ``token`` is kept."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def _scrypt(password: str, how: Kept) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=how.salt,
        n=1 << how.log_cost,
        r=how.block,
        p=how.parallel,
        maxmem=MEMORY_BYTES_MAX,
        dklen=HASH_BYTES,
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("has a salt or a hash that is no base64") from None
