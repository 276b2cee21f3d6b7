"""Certificates made on the fly: an authority, servers, clients, and the broken ones that tests need.

All keys are elliptic (P-256), for they take a millisecond to make. Times are arguments. A server's certificate is for
``localhost`` and ``127.0.0.1``; the variants differ in one point each, so that a test that sees a refusal knows its
cause.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = dt.timedelta(days=30)
"""How long a certificate holds; longer than any cluster of the testbed lives."""

CLOCK_SLACK = dt.timedelta(hours=1)
"""Certificates hold from a little before they are made."""

ServerCertificate = Literal["valid", "wrong_name", "expired"]
"""Which certificate the brokers show."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs."""

    key: ec.EllipticCurvePrivateKey
    """The signing key."""
    certificate: x509.Certificate
    """Self-signed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A server or client with its certificate."""

    key: ec.EllipticCurvePrivateKey
    """The private key."""
    certificate: x509.Certificate
    """Signed by ``authority``."""
    authority: x509.Certificate
    """The rest of the chain."""


def make_authority(name: str, now: dt.datetime) -> Authority:
    """Make a certificate authority; ``now`` is an aware time."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key, now - CLOCK_SLACK, now + VALID_FOR)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issue_server(authority: Authority, now: dt.datetime, kind: ServerCertificate = "valid") -> Identity:
    """Make a broker's certificate: for this machine's loopback names, or wrong in the way that ``kind`` says."""
    expired = kind == "expired"
    until = now - CLOCK_SLACK if expired else now + VALID_FOR
    here = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    names = (x509.DNSName("elsewhere.invalid"),) if kind == "wrong_name" else here
    return _issue(
        authority, "elsewhere.invalid" if kind == "wrong_name" else "localhost", until - VALID_FOR, until, names
    )


def issue_client(authority: Authority, user: str, now: dt.datetime) -> Identity:
    """Make a client's certificate; brokers take ``user`` for its principal."""
    return _issue(authority, user, now - CLOCK_SLACK, now + VALID_FOR, ())


def _issue(
    authority: Authority,
    common_name: str,
    begin: dt.datetime,
    end: dt.datetime,
    names: tuple[x509.GeneralName, ...],
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(common_name), authority.certificate.subject, key, begin, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(uses, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    issuer_key = authority.key.public_key()
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    return Identity(key, builder.sign(authority.key, hashes.SHA256()), authority.certificate)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    """Begin a certificate with what all have in common."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
