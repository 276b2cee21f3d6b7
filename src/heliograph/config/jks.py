"""Java's own key store format, JKS, as ``keytool -storetype JKS`` writes it.

Layout, big-endian: magic ``FEEDFEED``, version 1 or 2, number of entries; per entry a tag (1 private key with its
chain, 2 trusted certificate), alias, time; then a SHA-1 over password (UTF-16), a salt text and everything before.
Private keys are hidden by Sun's key protector: SHA-1 of password and salt as a key stream. Source:
``sun.security.provider.JavaKeyStore`` and ``KeyProtector``, as documented by their file format; the digests are weak
by today's measure, which is why Java itself writes PKCS#12 since version 9.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509 import Certificate

MAGIC = b"\xfe\xed\xfe\xed"
_DIGEST_LENGTH = 20
_SALT_TEXT = b"Mighty Aphrodite"
_ENTRIES_MAX = 10_000
_CHAIN_MAX = 100
_PROTECTOR_OID = bytes.fromhex("060a2b060104012a02110101")
"""DER of 1.3.6.1.4.1.42.2.17.1.1."""


class WrongPassword(Exception):
    """The digest of the store or of a key does not fit the password."""


@dataclass(frozen=True, slots=True)
class JksStore:
    """What a store holds."""

    trusted: tuple[Certificate, ...]
    key_der: bytes | None
    """The first private key, PKCS#8 DER, as it is hidden in the store; see :func:`reveal_key`."""
    chain: tuple[Certificate, ...]
    """Its certificates, leaf first."""


class _Reader:
    __slots__ = ("_at", "_content")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, length: int) -> bytes:
        piece = self._content[self._at : self._at + length]
        if len(piece) != length:
            raise ValueError("it ends in the middle of an entry")
        self._at += length
        return piece

    def number(self, length: int = 4) -> int:
        return int.from_bytes(self.take(length))

    def certificate(self, version: int) -> Certificate:
        if version == 2:
            self.take(self.number(2))
        try:
            return x509.load_der_x509_certificate(self.take(self.number()))
        except x509.InvalidVersion:
            raise ValueError("it holds a certificate of a version that does not exist") from None


def read_jks(content: bytes, password: str | None) -> JksStore:
    """Read a store; without a password its digest is not checked, as in Java.

    Raises WrongPassword, or ValueError when the bytes are no JKS store or are damaged.
    """
    if len(content) < _DIGEST_LENGTH + 12:
        raise ValueError("it is too short")
    body, digest = content[:-_DIGEST_LENGTH], content[-_DIGEST_LENGTH:]
    if password is not None:
        wanted = hashlib.sha1(password.encode("utf-16-be") + _SALT_TEXT + body, usedforsecurity=False).digest()
        if not hmac.compare_digest(wanted, digest):
            raise WrongPassword
    reader = _Reader(body)
    if reader.take(4) != MAGIC or (version := reader.number()) not in (1, 2):
        raise ValueError("it does not begin like a JKS store")
    if (entries := reader.number()) > _ENTRIES_MAX:
        raise ValueError(f"it claims more than {_ENTRIES_MAX} entries")
    trusted: list[Certificate] = []
    key_der: bytes | None = None
    chain: tuple[Certificate, ...] = ()
    for _ in range(entries):
        tag = reader.number()
        reader.take(reader.number(2))
        reader.take(8)
        if tag == 1:
            hidden = reader.take(reader.number())
            if (length := reader.number()) > _CHAIN_MAX:
                raise ValueError(f"it claims a chain of more than {_CHAIN_MAX} certificates")
            certificates = tuple(reader.certificate(version) for _ in range(length))
            if key_der is None:
                key_der, chain = hidden, certificates
        elif tag == 2:
            trusted.append(reader.certificate(version))
        else:
            raise ValueError("it holds an entry of an unknown kind")
    return JksStore(tuple(trusted), key_der, chain)


def reveal_key(hidden: bytes, password: str) -> bytes:
    """Return the private key (PKCS#8 DER) behind ``hidden``, an EncryptedPrivateKeyInfo of Sun's key protector.

    Raises WrongPassword, or ValueError when it is hidden in another way.
    """
    begin = hidden.find(_PROTECTOR_OID)
    if not 0 <= begin < 32:
        raise ValueError("its private key is hidden in a way that is not known")
    at = begin + len(_PROTECTOR_OID)
    if hidden[at : at + 2] == b"\x05\x00":
        at += 2
    secret = _octet_string(hidden, at)
    if len(secret) < 2 * _DIGEST_LENGTH:
        raise ValueError("its private key is damaged")
    salt, masked, check = secret[:_DIGEST_LENGTH], secret[_DIGEST_LENGTH:-_DIGEST_LENGTH], secret[-_DIGEST_LENGTH:]
    encoded = password.encode("utf-16-be")
    stream = bytearray()
    block = salt
    while len(stream) < len(masked):
        block = hashlib.sha1(encoded + block, usedforsecurity=False).digest()
        stream += block
    key = bytes(a ^ b for a, b in zip(masked, stream, strict=False))
    if not hmac.compare_digest(hashlib.sha1(encoded + key, usedforsecurity=False).digest(), check):
        raise WrongPassword
    return key


def _octet_string(der: bytes, at: int) -> bytes:
    if der[at : at + 1] != b"\x04" or at + 2 > len(der):
        raise ValueError("its private key is damaged")
    length = der[at + 1]
    at += 2
    if length & 0x80:
        width = length & 0x7F
        length = int.from_bytes(der[at : at + width])
        at += width
    if len(der) - at < length:
        raise ValueError("its private key is damaged")
    return der[at : at + length]
