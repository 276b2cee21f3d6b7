"""Keys and certificates as files: PEM, PKCS12 and Java's old JKS.

JKS has no writer outside Java, so there is one here, small enough to read. The format: a magic number, version 2, the
entries, and a SHA-1 over the password, the words "Mighty Aphrodite" and everything before. A private key is hidden by
Sun's own key protector: a SHA-1 chain over password and salt, laid over the key with exclusive or. It is an
obfuscation of the 1990s, not protection; it is written because operators have such files. Shapes follow OpenJDK's
``sun.security.provider.JavaKeyStore`` and ``KeyProtector``.
"""

import hashlib
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from heliograph.testbed.certificates import Identity

ALIAS = "heliograph"
"""The name of the one entry of each store."""

JKS_MAGIC = 0xFEEDFEED
"""The first four bytes."""

JKS_VERSION = 2
"""With the type of each certificate."""

JKS_PRIVATE_KEY, JKS_TRUSTED_CERTIFICATE = 1, 2
"""The kinds of entries."""

KEY_PROTECTOR_OID = bytes.fromhex("060a2b060104012a02110101")
"""1.3.6.1.4.1.42.2.17.1.1, DER-encoded."""

SHA1_BYTES = 20
"""The size of salt, digest and each step of the key stream."""


def pem_certificates(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def pem_identity(identity: Identity) -> bytes:
    """Return private key (PKCS8, in clear), certificate and authority as PEM, as KIP-651 wants them."""
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + pem_certificates(identity.certificate, identity.authority)


def pkcs12_identity(identity: Identity, password: str) -> bytes:
    """Return a PKCS12 key store."""
    encryption = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(
        ALIAS.encode(), identity.key, identity.certificate, [identity.authority], encryption
    )


def pkcs12_trust(certificate: x509.Certificate, password: str) -> bytes:
    """Return a PKCS12 trust store with the attribute by which Java tells a trusted certificate."""
    entry = pkcs12.PKCS12Certificate(certificate, ALIAS.encode())
    return pkcs12.serialize_java_truststore([entry], BestAvailableEncryption(password.encode()))


def jks_identity(identity: Identity, password: str, made_at_ms: int) -> bytes:
    """Return a JKS key store; the key has the store's password."""
    clear = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    hidden = protect_key(clear, password, secrets.token_bytes(SHA1_BYTES))
    chain = (identity.certificate, identity.authority)
    entry = struct.pack(">i", JKS_PRIVATE_KEY) + _utf(ALIAS) + struct.pack(">qi", made_at_ms, len(hidden)) + hidden
    return _jks([entry + struct.pack(">i", len(chain)) + b"".join(map(_jks_certificate, chain))], password)


def jks_trust(certificate: x509.Certificate, password: str, made_at_ms: int) -> bytes:
    """Return a JKS trust store."""
    head = struct.pack(">i", JKS_TRUSTED_CERTIFICATE) + _utf(ALIAS) + struct.pack(">q", made_at_ms)
    return _jks([head + _jks_certificate(certificate)], password)


def protect_key(clear: bytes, password: str, salt: bytes) -> bytes:
    """Hide a PKCS8 key as Sun's key protector does; returns an EncryptedPrivateKeyInfo (RFC 5208) in DER."""
    secret = password.encode("utf-16-be")
    stream, step = bytearray(), salt
    while len(stream) < len(clear):
        step = hashlib.sha1(secret + step).digest()  # noqa: S324 - the format's own choice
        stream += step
    covered = bytes(left ^ right for left, right in zip(clear, stream, strict=False))
    check = hashlib.sha1(secret + clear).digest()  # noqa: S324 - the format's own choice
    algorithm = _der(0x30, KEY_PROTECTOR_OID + _der(0x05, b""))
    return _der(0x30, algorithm + _der(0x04, salt + covered + check))


def _jks(entries: list[bytes], password: str) -> bytes:
    body = struct.pack(">Iii", JKS_MAGIC, JKS_VERSION, len(entries)) + b"".join(entries)
    seal = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body)  # noqa: S324 - the format's own choice
    return body + seal.digest()


def _jks_certificate(certificate: x509.Certificate) -> bytes:
    raw = certificate.public_bytes(Encoding.DER)
    return _utf("X.509") + struct.pack(">i", len(raw)) + raw


def _utf(text: str) -> bytes:
    """Encode like Java's DataOutput.writeUTF, for ASCII."""
    raw = text.encode("ascii")
    return struct.pack(">H", len(raw)) + raw


def _der(tag: int, content: bytes) -> bytes:
    """Encode one DER element with a definite length (X.690, 8.1.3)."""
    count = len(content)
    if count < 0x80:
        return bytes([tag, count]) + content
    raw = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(raw)]) + raw + content


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """Where one identity's files are."""

    pem: Path
    """Key and chain."""
    pkcs12: Path
    """The same as PKCS12."""
    jks: Path
    """The same as JKS."""


def write_identity(identity: Identity, folder: Path, name: str, password: str, made_at_ms: int) -> StoreFiles:
    """Write one identity in all three formats, readable by the owner alone."""
    files = StoreFiles(folder / f"{name}.pem", folder / f"{name}.p12", folder / f"{name}.jks")
    write_private(files.pem, pem_identity(identity))
    write_private(files.pkcs12, pkcs12_identity(identity, password))
    write_private(files.jks, jks_identity(identity, password, made_at_ms))
    return files


def write_trust(certificate: x509.Certificate, folder: Path, name: str, password: str, made_at_ms: int) -> StoreFiles:
    """Write one trusted certificate in all three formats."""
    files = StoreFiles(folder / f"{name}.pem", folder / f"{name}.p12", folder / f"{name}.jks")
    write_private(files.pem, pem_certificates(certificate))
    write_private(files.pkcs12, pkcs12_trust(certificate, password))
    write_private(files.jks, jks_trust(certificate, password, made_at_ms))
    return files


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
