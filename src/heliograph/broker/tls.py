"""TLS contexts from configuration, and TLS failures in words.

The standard library reads a client certificate only from files, so the key passes through a temporary file that
only this user can read and that is removed before the context is used.
"""

import ssl
from functools import lru_cache

from heliograph.config.contexts import fill
from heliograph.config.model import Tls
from heliograph.errors import ClusterError, TlsError, Unreachable


@lru_cache(maxsize=32)
def context(tls: Tls) -> ssl.SSLContext:
    """Make the context for one cluster; raises ConfigError when its material cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = tls.verify_host_name
    if tls.trust_pem is None:
        made.load_default_certs()
    fill(made, tls)
    return made


def explain(error: ssl.SSLError | ssl.CertificateError, where: str) -> ClusterError:
    """Turn the library's error into one line; ``where`` names the broker.

    An end without TLS's own goodbye is no TlsError but Unreachable: that is how a broker that dies looks.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, where)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Unreachable(
            f"{where} closed the connection in the middle of TLS",
            remedy="The port may not speak TLS, or the broker is not up or wants a client certificate (ssl.keystore.*)",
        )
    reason = (error.reason or "").replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return TlsError(
            f"{where} does not speak TLS on this port",
            remedy="Use the port of an SSL or SASL_SSL listener, or set security.protocol to match the listener",
        )
    if "alert" in reason and ("certificate" in reason or "handshake" in reason):
        return TlsError(
            f"{where} refused our side of the TLS handshake ({reason})",
            remedy="The broker may ask for a client certificate: check ssl.keystore.*, and the protocol versions",
        )
    if "protocol version" in reason or "unsupported protocol" in reason:
        return TlsError(f"{where} offers no TLS version that is allowed here ({reason})", remedy="See ssl.protocol")
    return TlsError(f"The TLS handshake with {where} failed ({reason or error})", remedy="See ssl.* of this cluster")


def _explain_certificate(error: ssl.SSLCertVerificationError, where: str) -> TlsError:
    said = error.verify_message or str(error)
    lower = said.lower()
    if "hostname mismatch" in lower or "ip address mismatch" in lower or "not valid for" in lower:
        return TlsError(
            f"The certificate of {where} is for another name: {said}",
            remedy="Use the name in the certificate, or leave ssl.endpoint.identification.algorithm empty",
        )
    if "expired" in lower or "not yet valid" in lower:
        return TlsError(f"The certificate of {where} is not valid now: {said}", remedy="Renew it, or check the clock")
    return TlsError(
        f"The certificate of {where} is not trusted: {said}",
        remedy="Put the certificate authority of the cluster into ssl.truststore.location",
    )
