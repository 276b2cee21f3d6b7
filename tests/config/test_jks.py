"""The stores were made by ``keytool -storetype JKS`` of Java 17; password ``changeit``, the key's own ``keysecret``."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.jks import WrongPassword, read_jks, reveal_key

TRUST_JKS = base64.b64decode(
    "/u3+7QAAAAIAAAABAAAAAgACY2EAAAGiDK9/NAAFWC41MDkAAAFAMIIBPDCB4qADAgECAgkA/FAHy49rC2YwCgYIKoZIzj0EAwIw"
    "ETEPMA0GA1UEAxMGY2xpZW50MCAXDTI2MTEyNDA4MzIzN1oYDzIxMjUwNjE4MDgzMjM3WjARMQ8wDQYDVQQDEwZjbGllbnQwWTAT"
    "BgcqhkjOPQIBBggqhkjOPQMBBwNCAAQxzdxXZ4UxOsjlP97Z0kf3IBPPRNXwvC6Vdu3iWDC1jVolYrlf7fjqVNVI44rAK919zKv9"
    "nwjf76FDnhNTYzQyoyEwHzAdBgNVHQ4EFgQU13/J8FJWE2xB6vHpKk4Cx+mymYAwCgYIKoZIzj0EAwIDSQAwRgIhAIEYDXCry83y"
    "GPGqvJCloAtzsnK0AvUk1m0nlxmRUheyAiEAwQCD9cM2952ul1xGArFWtnD1KI6+8bbDkieEFfGArxZ1ni8rpJE0dWAfRcGUQ2Oy"
    "qv/XAg=="
)

IDENTITY_JKS = base64.b64decode(
    "/u3+7QAAAAIAAAABAAAAAQAGY2xpZW50AAABogyvfhoAAAB/MH0wDgYKKwYBBAEqAhEBAQUABGuFWuTjp8QkDh5jaxn49cg1jf9m"
    "AchbvRLh5Kw6jijW7wlWpzhUgvfkB1eZOQDw4QS2QA0bOJfFqgwb4zbq/WZhgbB7o9KIEJxJ5WZIVuA6inGrPAXnKYxigmn7EdZs"
    "ot7nII4YZLL7NDC3WgAAAAEABVguNTA5AAABQDCCATwwgeKgAwIBAgIJAPxQB8uPawtmMAoGCCqGSM49BAMCMBExDzANBgNVBAMT"
    "BmNsaWVudDAgFw0yNjExMjQwODMyMzdaGA8yMTI1MDYxODA4MzIzN1owETEPMA0GA1UEAxMGY2xpZW50MFkwEwYHKoZIzj0CAQYI"
    "KoZIzj0DAQcDQgAEMc3cV2eFMTrI5T/e2dJH9yATz0TV8LwulXbt4lgwtY1aJWK5X+346lTVSOOKwCvdfcyr/Z8I3++hQ54TU2M0"
    "MqMhMB8wHQYDVR0OBBYEFNd/yfBSVhNsQerx6SpOAsfpspmAMAoGCCqGSM49BAMCA0kAMEYCIQCBGA1wq8vN8hjxqryQpaALc7Jy"
    "tAL1JNZtJ5cZkVIXsgIhAMEAg/XDNvedrpdcRgKxVrZw9SiOvvG2w5InhBXxgK8WecEruFgjMu1ZzMblRc9Zv8ZWDzw="
)


def test_a_trust_store_gives_its_certificates():
    store = read_jks(TRUST_JKS, "changeit")
    assert [item.subject.rfc4514_string() for item in store.trusted] == ["CN=client"]
    assert store.key_der is None


def test_a_certificate_of_an_unknown_version_is_damage():
    damaged = bytearray(IDENTITY_JKS)
    damaged[damaged.index(b"\xa0\x03\x02\x01\x02") + 4] = 1
    with pytest.raises(ValueError, match="version"):
        read_jks(bytes(damaged), None)


def test_a_store_opens_without_a_password_as_in_java():
    assert read_jks(TRUST_JKS, None) == read_jks(TRUST_JKS, "changeit")


def test_a_wrong_password_is_told_apart_from_damage():
    with pytest.raises(WrongPassword):
        read_jks(TRUST_JKS, "wrong")
    with pytest.raises(WrongPassword):
        read_jks(TRUST_JKS[:-1] + b"?", "changeit")


def test_the_private_key_fits_its_certificate():
    store = read_jks(IDENTITY_JKS, "changeit")
    assert store.key_der is not None
    key = load_der_private_key(reveal_key(store.key_der, "keysecret"), None)
    assert key.public_key() == store.chain[0].public_key()
    with pytest.raises(WrongPassword):
        reveal_key(store.key_der, "changeit")


@pytest.mark.filterwarnings("ignore")  # of the certificate parser, about what is wrong with a damaged one
@given(st.integers(0, len(IDENTITY_JKS) - 1), st.integers(0, 255))
def test_damage_never_ends_in_another_error(at, byte):
    damaged = IDENTITY_JKS[:at] + bytes([byte]) + IDENTITY_JKS[at + 1 :]
    try:
        store = read_jks(damaged, None)
        if store.key_der is not None:
            reveal_key(store.key_der, "keysecret")
    except (ValueError, WrongPassword):
        pass


@given(st.binary(max_size=60))
def test_a_claim_larger_than_the_file_is_refused(tail):
    with pytest.raises(ValueError):
        read_jks(b"\xfe\xed\xfe\xed\x00\x00\x00\x02\xff" + tail, None)
