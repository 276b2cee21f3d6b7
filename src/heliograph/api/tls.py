"""TLS on the listeners, and what a client's certificate says."""

import ssl

from heliograph.config.contexts import fill
from heliograph.config.model import ClientAuth, ServerTls

_MODES = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.REQUESTED: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


def server_context(server: ServerTls) -> ssl.SSLContext:
    """Make the context for connections that come in. Raises ConfigError when its material cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.verify_mode = _MODES[server.client_auth]
    made.options |= ssl.OP_NO_RENEGOTIATION
    fill(made, server.tls)
    return made


def subject_of(certificate: bytes) -> str:
    """Return the subject of a certificate (DER) as Kafka writes principals: ``CN=alice,O=Example`` (RFC 4514)."""
    from cryptography import x509  # noqa: PLC0415 - 10 MB of memory that only its users shall pay for

    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
