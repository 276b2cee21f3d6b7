"""TLS material that the library does not take is told in one line."""

import ssl

import pytest

from heliograph.config.contexts import fill
from heliograph.config.model import Secret, Tls
from heliograph.errors import ConfigError


def test_versions_are_those_of_the_material():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    fill(made, Tls(None, minimum_version="TLSv1.3"))
    assert made.minimum_version is ssl.TLSVersion.TLSv1_3


def test_what_is_no_certificate_is_refused_and_the_key_is_not_shown():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ConfigError, match="The TLS material cannot be used") as refused:
        fill(made, Tls(None, certificate_pem="none", key_pem=Secret("the key")))
    assert "the key" not in str(refused.value)
