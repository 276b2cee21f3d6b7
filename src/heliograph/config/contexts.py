"""TLS material into the library's context, for connections to brokers and for those that come in."""

import ssl
import tempfile

from heliograph.config.model import Tls
from heliograph.errors import ConfigError

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def fill(made: ssl.SSLContext, tls: Tls) -> None:
    """Put versions, ciphers, certificates and key into a context. Raises ConfigError when they cannot be used."""
    made.minimum_version = _VERSIONS[tls.minimum_version]
    made.maximum_version = _VERSIONS[tls.maximum_version]
    try:
        if tls.trust_pem is not None:
            made.load_verify_locations(cadata=tls.trust_pem)
        if tls.ciphers:
            made.set_ciphers(":".join(tls.ciphers))
        if tls.certificate_pem and tls.key_pem:
            _load_certificate(made, tls.certificate_pem, tls.key_pem.reveal())
    except ssl.SSLError as error:
        raise ConfigError(
            f"The TLS material cannot be used: {error.reason or error}",
            remedy="Check the trust store, the certificate and its key",
        ) from error


def _load_certificate(made: ssl.SSLContext, certificate: str, key: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600
        file.write(key + "\n" + certificate)
        file.flush()
        made.load_cert_chain(file.name)
