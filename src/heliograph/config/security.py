"""``security.protocol``, ``ssl.*`` and ``sasl.*`` to what a connection needs: :class:`Tls` and :class:`Sasl`.

Files are read here, once, so that a wrong password or an expired certificate is known before anything connects, and
named with its key and line. Rules: Kafka's ``SslConfigs`` and ``SaslConfigs``; ``ssl.protocol`` is the newest version
used, also where ``ssl.enabled.protocols`` names a newer one.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from heliograph.config.jaas import LoginEntry, parse_jaas
from heliograph.config.model import Sasl, Secret, Tls, Warned
from heliograph.config.problems import Problems
from heliograph.config.properties import read_bytes
from heliograph.config.resolve import Found
from heliograph.errors import ConfigError

if TYPE_CHECKING:
    from heliograph.config.keystores import Identity

# Key stores are read with `cryptography`: 10 MB of memory that only their users shall pay for, so it is loaded late.
STORE_BYTES_MAX = 8 << 20
"""Largest key store or PEM file that is read."""
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_VERSIONS = ("TLSv1.2", "TLSv1.3")
_OLD_VERSIONS = ("TLSv1.1", "TLSv1", "SSLv3", "SSLv2Hello", "SSL")
_TLS_NAMES = (
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "ssl.keystore.location",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.key.password",
    "ssl.protocol",
    "ssl.enabled.protocols",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
)
SERVER_TLS_NAMES = tuple(name for name in _TLS_NAMES if name != "ssl.endpoint.identification.algorithm")
"""What a server needs of them."""
_SASL_NAMES = ("sasl.mechanism", "sasl.jaas.config")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*_[A-Z0-9_]+|<.*>")


@dataclass(frozen=True, slots=True)
class Security:
    """How to secure the connections to one cluster."""

    tls: Tls | None
    sasl: Sasl | None
    warnings: tuple[Warned, ...]


def build_security(find: Callable[[str], Found], alias: str, now: datetime, problems: Problems) -> Security:
    """Build from what ``find`` gives for each option's name; whatever cannot work is added to ``problems``."""
    protocol = find("security.protocol")
    found = {name: find(name) for name in (*_TLS_NAMES, *_SASL_NAMES)}
    warnings: list[Warned] = []
    tls = _tls(found, now, warnings, problems) if protocol.text.endswith("SSL") else None
    sasl = _sasl(found, protocol, warnings, problems) if protocol.text.startswith("SASL") else None
    for used, names in ((tls, _TLS_NAMES), (sasl, _SASL_NAMES)):
        if used is None:
            warnings.extend(_useless(found[name], protocol, alias) for name in names if _own(found[name]))
    return Security(tls, sasl, tuple(warnings))


def build_server_tls(found: Mapping[str, Found], now: datetime, warnings: list[Warned]) -> Tls:
    """Build what a server needs from what was found for each of SERVER_TLS_NAMES. Raises ConfigError."""
    minimum, maximum = _versions(found["ssl.protocol"], found["ssl.enabled.protocols"], warnings)
    identity = _identity(found, now)
    if identity is None:
        location = found["ssl.keystore.location"]
        raise ConfigError(
            f"{location.key} is missing, and an https listener needs it",
            remedy="Name a key store with the private key and the certificate of this host",
        )
    return Tls(
        trust_pem=_trust(found, now, warnings),
        certificate_pem=identity.certificate_pem,
        key_pem=identity.key_pem,
        minimum_version=minimum,
        maximum_version=maximum,
        ciphers=_ciphers(found["ssl.cipher.suites"]),
    )


def _own(found: Found) -> bool:
    """Whether the option is set for this cluster: a bare key is meant for whichever clusters need it."""
    return found.entry is not None and found.key != found.option.name


def _useless(found: Found, protocol: Found, alias: str) -> Warned:
    assert found.entry is not None, "only what is set is useless"
    wanted = "SSL or SASL_SSL" if found.option.name.startswith("ssl.") else "SASL_SSL or SASL_PLAINTEXT"
    origin = "" if protocol.entry is not None else " by default"
    message = f"{found.key} has no effect: {alias}.security.protocol is {protocol.text}{origin} (was {wanted} meant?)"
    return Warned(found.key, message, found.entry.line)


def _tls(found: dict[str, Found], now: datetime, warnings: list[Warned], problems: Problems) -> Tls:
    minimum, maximum = problems.attempt(
        lambda: _versions(found["ssl.protocol"], found["ssl.enabled.protocols"], warnings), _VERSIONS
    )
    identity = problems.attempt(lambda: _identity(found, now), None)
    return Tls(
        trust_pem=problems.attempt(lambda: _trust(found, now, warnings), None),
        certificate_pem=identity.certificate_pem if identity else None,
        key_pem=identity.key_pem if identity else None,
        verify_host_name=problems.attempt(
            lambda: _verify_host_name(found["ssl.endpoint.identification.algorithm"]), otherwise=True
        ),
        minimum_version=minimum,
        maximum_version=maximum,
        ciphers=problems.attempt(lambda: _ciphers(found["ssl.cipher.suites"]), ()),
    )


def _verify_host_name(found: Found) -> bool:
    word = found.text.lower()
    if word not in ("", "https"):
        raise ConfigError(
            f"{found.where} must be https or empty, not {found.text!r}",
            remedy="Write https to have the broker's name checked, nothing to have it not checked",
        )
    return word == "https"


def _versions(protocol: Found, enabled: Found, warnings: list[Warned]) -> tuple[str, str]:
    newest = "TLSv1.3" if protocol.text == "TLS" else protocol.text
    if newest not in _VERSIONS:
        raise ConfigError(f"{protocol.where} must be TLSv1.3, TLSv1.2 or TLS, not {protocol.text!r}")
    old = [version for version in enabled.items if version in _OLD_VERSIONS]
    unknown = [version for version in enabled.items if version not in (*_VERSIONS, *_OLD_VERSIONS)]
    if unknown:
        raise ConfigError(
            f"{enabled.where} names {unknown[0]!r}, which is no TLS version", remedy="Use TLSv1.2, TLSv1.3"
        )
    if old and enabled.entry is not None:
        message = f"{enabled.key} names {', '.join(old)}: broken versions, which are not used"
        warnings.append(Warned(enabled.key, message, enabled.entry.line))
    usable = [version for version in _VERSIONS if version in enabled.items and version <= newest]
    if not usable:
        raise ConfigError(
            f"{enabled.where} and ssl.protocol={protocol.text} leave no TLS version that can be used",
            remedy="Name TLSv1.2 or TLSv1.3 in both",
        )
    return usable[0], usable[-1]


def _ciphers(found: Found) -> tuple[str, ...]:
    """Return the suites for TLS 1.2 by OpenSSL's names; those of TLS 1.3 are always on."""
    names = []
    for suite in found.items:
        if re.fullmatch(r"TLS_(AES|CHACHA20)_[A-Z0-9_]+", suite):
            continue
        name = _openssl_name(suite)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(name)
        except ssl.SSLError:
            raise ConfigError(
                f"{found.where} names the cipher suite {suite!r}, which is not known here",
                remedy="Leave it out, or write OpenSSL's name",
            ) from None
        names.append(name)
    return tuple(names)


def _openssl_name(suite: str) -> str:
    """``TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`` is OpenSSL's ``ECDHE-RSA-AES256-GCM-SHA384``."""
    exchange, with_, rest = suite.removeprefix("TLS_").removeprefix("SSL_").partition("_WITH_")
    if not with_:
        return suite
    rest = (
        re.sub(r"AES_(\d+)", r"AES\1", rest)
        .replace("_CBC_", "_")
        .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    )
    return (rest if exchange == "RSA" else f"{exchange}_{rest}").replace("_", "-")


def _trust(found: Mapping[str, Found], now: datetime, warnings: list[Warned]) -> str | None:
    location, inline = found["ssl.truststore.location"], found["ssl.truststore.certificates"]
    chosen, content = _content(location, inline)
    if chosen is None:
        return None
    from heliograph.config.keystores import read_trust  # noqa: PLC0415 - see above

    try:
        pem, notes = read_trust(content, _password(found["ssl.truststore.password"]), now)
    except ValueError as error:
        raise _store_error(chosen, error, "ssl.truststore.password") from None
    assert chosen.entry is not None, "a store that was read is set"
    warnings.extend(Warned(chosen.key, f"{chosen.key} {note}", chosen.entry.line) for note in notes[:1])
    return pem


def _identity(found: Mapping[str, Found], now: datetime) -> "Identity | None":
    key, chain = found["ssl.keystore.key"], found["ssl.keystore.certificate.chain"]
    if (key.entry is None) != (chain.entry is None):
        set_one, lacking = (key, chain) if key.entry is not None else (chain, key)
        raise ConfigError(f"{set_one.where} is set without {lacking.option.name}", remedy="Set both or neither")
    chosen, content = _content(found["ssl.keystore.location"], key)
    if chosen is None:
        return None
    from heliograph.config.keystores import read_identity  # noqa: PLC0415 - see above

    if chosen is key:
        content += b"\n" + chain.text.encode("utf-8")
    try:
        password, key_password = _password(found["ssl.keystore.password"]), _password(found["ssl.key.password"])
        return read_identity(content, password, key_password, now)
    except ValueError as error:
        raise _store_error(chosen, error, "ssl.keystore.password") from None


def _content(location: Found, inline: Found) -> tuple[Found | None, bytes]:
    if location.entry is not None and inline.entry is not None:
        raise ConfigError(f"{location.where} and {inline.key} are both set", remedy="Set one of them")
    if inline.entry is not None:
        return inline, inline.text.encode("utf-8")
    if location.entry is None:
        return None, b""
    return location, read_bytes(Path(location.text), f"{location.where}: the file", bytes_max=STORE_BYTES_MAX)


def _store_error(chosen: Found, error: ValueError, password_name: str) -> ConfigError:
    file = f": {chosen.text}" if chosen.option.name.endswith(".location") else ""
    remedy = (
        f"Check {password_name}" if "password" in str(error) else "Check what it holds with keytool -list or openssl"
    )
    return ConfigError(f"{chosen.where}{file} {error}", remedy=remedy)


def _password(found: Found) -> str | None:
    return found.text if found.entry is not None else None


def _sasl(found: dict[str, Found], protocol: Found, warnings: list[Warned], problems: Problems) -> Sasl | None:
    mechanism, jaas = found["sasl.mechanism"], found["sasl.jaas.config"]
    if mechanism.broken or jaas.broken:
        return None
    name = problems.attempt(lambda: _mechanism(mechanism, protocol), "")
    if name:
        return problems.attempt(lambda: _login(name, mechanism, jaas, warnings), None)
    if jaas.entry is not None:  # which login module would be right is not known, but it can be read or not
        problems.attempt(lambda: _parsed_jaas(MECHANISMS[0], jaas), None)
    return None


def _mechanism(mechanism: Found, protocol: Found) -> str:
    if mechanism.entry is None:
        raise ConfigError(
            f"{protocol.where} is {protocol.text}, and sasl.mechanism is missing (the default, GSSAPI, cannot be used)",
            remedy=f"Set sasl.mechanism to one of {', '.join(MECHANISMS)}",
        )
    name = mechanism.text.upper()
    if name not in MECHANISMS:
        raise ConfigError(
            f"{mechanism.where} is {mechanism.text!r}, which is not supported",
            remedy=f"Use one of {', '.join(MECHANISMS)}",
        )
    return name


def _login(name: str, mechanism: Found, jaas: Found, warnings: list[Warned]) -> Sasl:
    if jaas.entry is None:
        raise ConfigError(f"{mechanism.where} is {name}, and sasl.jaas.config is missing", remedy=_jaas_example(name))
    entry = _parsed_jaas(name, jaas)
    if entry.module.rpartition(".")[2] != _module(name):
        _check_module(entry.module, name, jaas, warnings)
    for needed in ("username", "password"):
        if needed not in entry.options:
            raise ConfigError(f"{jaas.where} has no {needed}", remedy=_jaas_example(name))
    if not entry.options["password"].reveal():
        warnings.append(Warned(jaas.key, f"{jaas.key} has an empty password", jaas.entry.line))
    return Sasl(name, entry.options["username"].reveal(), Secret(entry.options["password"].reveal()))


def _parsed_jaas(name: str, jaas: Found) -> LoginEntry:
    try:
        return parse_jaas(jaas.text)
    except ValueError as error:
        raise ConfigError(f"{jaas.where} {error}", remedy=_jaas_example(name)) from None


def _check_module(module: str, mechanism: str, jaas: Found, warnings: list[Warned]) -> None:
    assert jaas.entry is not None, "the caller has looked"
    if module.rpartition(".")[2] not in ("PlainLoginModule", "ScramLoginModule"):
        what = (
            "looks like a placeholder that was not filled in" if _PLACEHOLDER.fullmatch(module) else "is not supported"
        )
        raise ConfigError(
            f"{jaas.where} names the login module {module}, which {what}", remedy=_jaas_example(mechanism)
        )
    message = f"{jaas.key} names {module}, which does not fit sasl.mechanism={mechanism}; the mechanism is used"
    warnings.append(Warned(jaas.key, message, jaas.entry.line))


def _module(mechanism: str) -> str:
    return "PlainLoginModule" if mechanism == "PLAIN" else "ScramLoginModule"


def _jaas_example(mechanism: str) -> str:
    package = "plain" if mechanism == "PLAIN" else "scram"
    return (
        f"Write it on one line: org.apache.kafka.common.security.{package}.{_module(mechanism)} required "
        'username="NAME" password="PASSWORD";'
    )
