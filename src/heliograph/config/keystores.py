"""Key stores and trust stores: PEM, PKCS#12 and JKS, told apart by content and not by name.

A file called ``truststore.jks`` made by Java 9 or later is PKCS#12 inside, and ``ssl.truststore.type`` is often
missing or wrong. So the first bytes decide. Everything becomes PEM, which is what Python's TLS takes. A ValueError
says what is wrong with the content (never a password); who calls knows the file and the key.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import Certificate, InvalidVersion

from heliograph.config.derivation import check_work
from heliograph.config.jks import MAGIC as JKS_MAGIC
from heliograph.config.jks import WrongPassword, read_jks, reveal_key
from heliograph.config.model import Secret

_JCEKS_MAGIC = b"\xce\xce\xce\xce"
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATE_LABELS = ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
_WRONG_PASSWORD = "cannot be opened with the password given"  # noqa: S105 - a message


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is in a TLS handshake."""

    certificate_pem: str
    """Certificate chain, leaf first."""
    key_pem: Secret
    """Private key, PKCS#8 PEM without a password."""


def read_trust(content: bytes, password: str | None, now: datetime) -> tuple[str, tuple[str, ...]]:
    """Return the certificates of a trust store as PEM, and one sentence for each that has expired.

    Raises ValueError when the content cannot be read, holds no certificate, or only expired ones.
    """
    with _understood():
        certificates = _trusted(content, password)
        if not certificates:
            raise ValueError("holds no certificate")
        expired = [certificate for certificate in certificates if certificate.not_valid_after_utc < now]
        notes = tuple(f"holds a certificate that expired on {_expiry(item)}: {_subject(item)}" for item in expired)
        if len(expired) == len(certificates):
            raise ValueError(notes[0])
        return _pem(certificates), notes


def read_identity(content: bytes, password: str | None, key_password: str | None, now: datetime) -> Identity:
    """Return the private key and the certificate chain of a key store.

    Raises ValueError when the content cannot be read, lacks one of the two, or the certificate is not valid now.
    """
    with _understood():
        key, chain = _key_and_chain(content, password, key_password)
        if key is None:
            raise ValueError("holds no private key")
        if not chain:
            raise ValueError("holds no certificate for its private key")
        leaf = chain[0]
        if leaf.not_valid_after_utc < now:
            raise ValueError(f"holds a certificate that expired on {_expiry(leaf)}: {_subject(leaf)}")
        if leaf.public_key() != key.public_key():
            raise ValueError("holds a certificate that does not belong to its private key")
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
        return Identity(_pem(chain), Secret(key_pem))


@contextmanager
def _understood() -> Iterator[None]:
    """Turn what the library raises for odd content into ValueError.

    Its warnings (BER where DER should stand, odd serial numbers) are kept off the person's terminal.
    """
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        try:
            yield
        except (UnsupportedAlgorithm, InvalidVersion, TypeError):
            raise ValueError("holds a key or a certificate that is damaged or of an unknown kind") from None


def _trusted(content: bytes, password: str | None) -> list[Certificate]:
    if content.startswith(JKS_MAGIC):
        try:
            store = read_jks(content, password)
        except WrongPassword:
            raise ValueError(_WRONG_PASSWORD) from None
        return [*store.trusted, *store.chain[:1]]
    if _looks_like_pem(content):
        return _pem_certificates(content)
    bundle = _pkcs12(content, password)
    # Java trusts the entries that are marked as trusted, and of a private key's chain the leaf; openssl marks nothing.
    named = bundle.key is None
    others = [item.certificate for item in bundle.additional_certs if named or item.friendly_name]
    return ([bundle.cert.certificate] if bundle.cert else []) + others


def _key_and_chain(
    content: bytes, password: str | None, key_password: str | None
) -> tuple[PrivateKeyTypes | None, list[Certificate]]:
    if content.startswith(JKS_MAGIC):
        return _jks_key_and_chain(content, password, key_password)
    if _looks_like_pem(content):
        return _pem_key(content, key_password), _pem_certificates(content)
    bundle = _pkcs12(content, password)
    leaf = [bundle.cert.certificate] if bundle.cert else []
    return bundle.key, leaf + _in_order(leaf, [item.certificate for item in bundle.additional_certs])


def _in_order(leaf: list[Certificate], others: list[Certificate]) -> list[Certificate]:
    """Return the issuers of ``leaf`` among ``others``, nearest first."""
    chain: list[Certificate] = []
    current = leaf[0] if leaf else None
    while current is not None and current.issuer != current.subject:
        current = next((item for item in others if item.subject == current.issuer and item not in chain), None)
        if current is not None:
            chain.append(current)
    return chain


def _jks_key_and_chain(
    content: bytes, password: str | None, key_password: str | None
) -> tuple[PrivateKeyTypes | None, list[Certificate]]:
    try:
        store = read_jks(content, password)
        if store.key_der is None:
            return None, []
        opening = key_password if key_password is not None else password
        if opening is None:
            raise ValueError("needs a password for its private key")
        return load_der_private_key(reveal_key(store.key_der, opening), None), list(store.chain)
    except WrongPassword:
        raise ValueError(_WRONG_PASSWORD) from None


def _pkcs12(content: bytes, password: str | None) -> pkcs12.PKCS12KeyAndCertificates:
    if content.startswith(_JCEKS_MAGIC):
        raise ValueError(
            "is a JCEKS store, which cannot be read here: convert it to PKCS12 with keytool -importkeystore"
        )
    if not content.startswith(b"\x30"):
        raise ValueError("is neither PEM nor PKCS12 nor JKS")
    check_work(content)
    try:
        return pkcs12.load_pkcs12(content, password.encode() if password is not None else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "is a PKCS12 store that needs a password" if password is None else _WRONG_PASSWORD
        if "password" not in str(error).lower() and "mac" not in str(error).lower():
            reason += " (or it is damaged)"
        raise ValueError(reason) from None


def _looks_like_pem(content: bytes) -> bool:
    return b"-----BEGIN " in content


def _blocks(content: bytes) -> list[tuple[str, str]]:
    """Return label and PEM of each block; one that is a single line (as in a properties file) gets its lines back."""
    blocks = []
    for match in _BLOCK.finditer(content.decode("latin-1")):
        label, body = match[1], match[2]
        if "Proc-Type" in body:
            raise ValueError(
                "holds a private key in OpenSSL's old encrypted form: convert it with openssl pkcs8 -topk8"
            )
        encoded = "".join(body.split())
        try:
            base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError(f"holds a PEM block {label} that is damaged") from None
        lines = "\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
        blocks.append((label, f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"))
    return blocks


def _pem_certificates(content: bytes) -> list[Certificate]:
    certificates = []
    for label, pem in _blocks(content):
        if label in _CERTIFICATE_LABELS:
            try:
                certificates.append(x509.load_pem_x509_certificate(pem.replace(label, "CERTIFICATE").encode("ascii")))
            except ValueError:
                raise ValueError("holds a certificate that is damaged") from None
    return certificates


def _pem_key(content: bytes, password: str | None) -> PrivateKeyTypes | None:
    for label, pem in _blocks(content):
        if not label.endswith("PRIVATE KEY"):
            continue
        encrypted = label.startswith("ENCRYPTED")
        if encrypted and password is None:
            raise ValueError("holds an encrypted private key, which needs ssl.key.password")
        if encrypted:
            check_work(base64.b64decode("".join(pem.splitlines()[1:-1])))
        try:
            return load_pem_private_key(pem.encode("ascii"), password.encode() if encrypted and password else None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            reason = (
                "holds a private key that cannot be opened with ssl.key.password"
                if encrypted
                else ("holds a private key that is damaged")
            )
            raise ValueError(reason) from None
    return None


def _pem(certificates: list[Certificate]) -> str:
    return "".join(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates)


def _subject(certificate: Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _expiry(certificate: Certificate) -> str:
    return certificate.not_valid_after_utc.date().isoformat()
