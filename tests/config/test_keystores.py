"""Stores made by ``keytool`` of Java 17 (password ``changeit``) and by ``cryptography``."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from heliograph.config.keystores import read_identity, read_trust

NOW = datetime(2027, 1, 1, tzinfo=UTC)

TRUST_PKCS12 = base64.b64decode(
    "MIICsgIBAzCCAlwGCSqGSIb3DQEHAaCCAk0EggJJMIICRTCCAkEGCSqGSIb3DQEHBqCCAjIwggIuAgEAMIICJwYJKoZIhvcNAQcB"
    "MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBSwj5cEXqRa15uNwvu8Wa8/5dfgawICJxACASAwDAYIKoZIhvcNAgkFADAd"
    "BglghkgBZQMEASoEENwOMcFARinyCQ7IqU7rfeWAggGwJQm2tKFjjsAgW+vEHis0Wr5S96JbBLwCj9mBHJ4rFz57AQN1IPCHM/vI"
    "oWI3NgEfsKi3rJfCGhlw2GNgnhmDTfKf9eaNmSZaE+f2EUA7Lkp3w1DpkrMnfU6k8OOsQNulV23IOm74V23/0CaQb/kVgFw1Rrli"
    "LORJgrQzxfNVj/nZ50hN5UTnhOZTUTSSw5V5+FLoCTdKHdF2YYiimpyxlAMbelPpf+j0g5gqmt/eEVzizMUlQjicCraxaMOAgwmv"
    "JSI3lRUoqCPq7/qbhHrWudelJbnPOEUasECgRLE9aYSfEv4k0QxzuIxSxIqgvj91pE6/3AMMb5DC0Bm9X6FmXkEx9wjD0/8MOJbN"
    "M50kxiJxl5sPtBfagZgrqro61zYW2pfJ6C2nbcTKSlnwxE27fyMM2HAjZN2Je3iln/IWObaN04/UJxM6CwclYlegkhZecEAbWqQt"
    "TRWdnAT9i0Onr39hvueKNUbTwUY6ewiJNc/agI1a3CUyhj89JYXBlTgcD5TaHaw9RnQL1uDLV1+yEEwIjHRgD7L1fT9dxB5Jc7nI"
    "dOFooBRP1LB2EMpXbo/6ME0wMTANBglghkgBZQMEAgEFAAQg8VMbgychauTSnJfjBfeJ1wUePspePprHQMr7vR54swcEFAu8s9KV"
    "GmA9bZ84RNOZK6AwDRNmAgInEA=="
)

IDENTITY_PKCS12 = base64.b64decode(
    "MIID8AIBAzCCA5oGCSqGSIb3DQEHAaCCA4sEggOHMIIDgzCCASoGCSqGSIb3DQEHAaCCARsEggEXMIIBEzCCAQ8GCyqGSIb3DQEM"
    "CgECoIG9MIG6MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBSZJLR9ta6wObMPfLNwGA3uUvV5VwICJxACASAwDAYIKoZI"
    "hvcNAgkFADAdBglghkgBZQMEASoEEE9kEofeUROXLC3lVE5tk54EUK8hZIIaVaSlNk7rWP569K5amQeWZLBdT8svkfhtFxgHmXQn"
    "ABCf04tNWQnWFePo3Zi5pMyjE1PWINB0XU0WKrMENPlkrYlZNorQt+T8VRItMUAwGwYJKoZIhvcNAQkUMQ4eDABjAGwAaQBlAG4A"
    "dDAhBgkqhkiG9w0BCRUxFAQSVGltZSAxNzk1NTA5MTg2MDc2MIICUQYJKoZIhvcNAQcGoIICQjCCAj4CAQAwggI3BgkqhkiG9w0B"
    "BwEwZgYJKoZIhvcNAQUNMFkwOAYJKoZIhvcNAQUMMCsEFDEql/039x5UPQB5bIS1Im7WIgvtAgInEAIBIDAMBggqhkiG9w0CCQUA"
    "MB0GCWCGSAFlAwQBKgQQHoo4jPT7zqA0Ry4Ohngz1YCCAcAl+6kUK9ooV8t3eOoz2KXLC9l0uJPyci2HjJ9Ed5pF1EmC7htaPojH"
    "2SzNfMwV5o9J6mKipEOhWdImljxN5+NWF5TDEjQiumJp21oD3303+HU2HUZSgh0oSH85YwcQOzlorZ3nuAv/PBR67gzEUn3gSwEn"
    "E7ZmRNFBNUp39jwiZQZ5H2CYu4fcYINVS5teJ+r85LOrGIJUYmGKMmNew1yod1mXSmNbuuJty0iCqzjj+3JkIvL/j8qUZ2BLdkC3"
    "FSDqxlRq2AlMLJDhLXk+M0ezwM6/hSb/J4cIJgh3EZ9PlIJsk9B7NOIX+uzti3ryFhohWbFPPJbvBuPlE+2gL8iRzFre6yoqVDpl"
    "KklWrg5DVujF1cxrQeXV/rezQshUrjq80yItgVP6zqLcvOQADQbfWU/KQLXLug+KjhcyP/5qYgo3Sd/10RSha5EYWXe09xJM2q1w"
    "YJQTx+L7Tc6mW8yAN9j6XritmqXrHEmM8xFVFmbZG2uQCsa3Wkeq3aM2PyQGNHQIBofavo8RBRo5W6UBQVrTJ/w1REZXozfEQnQv"
    "Vy87R0z88C4stQ93aml5ugluLHU07DNhZNID09yGVCltME0wMTANBglghkgBZQMEAgEFAAQgpGFwbsnaDOoK/ugGXxw/8gd4Ossh"
    "3x/6vEXN//76NtMEFLewn9Or14ycFm10aYD/fQjQrVk5AgInEA=="
)


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(common, key, issuer, issuer_key, *, days=3650):
    return (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(issuer_key, hashes.SHA256())
    )


CA_KEY = ec.generate_private_key(ec.SECP256R1())
CA = certificate("ca", CA_KEY, "ca", CA_KEY)
OLD_CA = certificate("old ca", CA_KEY, "old ca", CA_KEY, days=-1)
KEY = ec.generate_private_key(ec.SECP256R1())
LEAF = certificate("client", KEY, "ca", CA_KEY)


def pem(*certificates):
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


def key_pem(password=None):
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_a_pem_file_with_two_authorities_gives_both():
    text, notes = read_trust(pem(CA, LEAF), None, NOW)
    assert text.encode() == pem(CA, LEAF)
    assert notes == ()


def test_pkcs12_from_keytool_is_known_by_its_content():
    text, _ = read_trust(TRUST_PKCS12, "changeit", NOW)
    assert text.count("BEGIN CERTIFICATE") == 1


def test_pkcs12_without_marks_as_openssl_makes_it_is_trusted_too():
    store = pkcs12.serialize_key_and_certificates(None, None, None, [CA, LEAF], BestAvailableEncryption(b"pw"))
    assert read_trust(store, "pw", NOW)[0].count("BEGIN CERTIFICATE") == 2


def test_of_a_store_with_a_private_key_only_the_leaf_is_trusted_as_in_java():
    store = pkcs12.serialize_key_and_certificates(b"me", KEY, LEAF, [CA], BestAvailableEncryption(b"pw"))
    assert read_trust(store, "pw", NOW)[0].encode() == pem(LEAF)


@pytest.mark.parametrize(
    ("content", "password", "problem"),
    [
        (TRUST_PKCS12, "wrong", "cannot be opened with the password given"),
        (TRUST_PKCS12, None, "needs a password"),
        (TRUST_PKCS12[:100], "changeit", "damaged"),
        (b"\xce\xce\xce\xce rest", "changeit", "JCEKS"),
        (b"", None, "neither PEM nor PKCS12 nor JKS"),
        (b"hello", None, "neither PEM nor PKCS12 nor JKS"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, "damaged"),
        (b"-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", None, "damaged"),
        (key_pem(), None, "holds no certificate"),
    ],
)
def test_a_trust_store_that_cannot_be_used_says_why(content, password, problem):
    with pytest.raises(ValueError) as refusal:
        read_trust(content, password, NOW)
    assert problem in str(refusal.value)
    assert "wrong" not in str(refusal.value)


def test_one_expired_authority_of_two_is_told_and_all_expired_is_refused():
    _, notes = read_trust(pem(CA, OLD_CA), None, NOW)
    assert notes == ("holds a certificate that expired on 2026-12-31: CN=old ca",)
    with pytest.raises(ValueError, match="expired on 2026-12-31"):
        read_trust(pem(OLD_CA), None, NOW)


def test_an_identity_from_keytool():
    identity = read_identity(IDENTITY_PKCS12, "changeit", None, NOW)
    assert identity.certificate_pem.count("BEGIN CERTIFICATE") == 1
    assert identity.key_pem.reveal().startswith("-----BEGIN PRIVATE KEY-----")
    assert str(identity.key_pem) == "****"


def test_the_chain_of_an_identity_is_put_in_order_leaf_first():
    other = certificate("other", KEY, "other", KEY)
    store = pkcs12.serialize_key_and_certificates(b"me", KEY, LEAF, [other, CA], BestAvailableEncryption(b"pw"))
    assert read_identity(store, "pw", None, NOW).certificate_pem.encode() == pem(LEAF, CA)


def test_an_identity_in_pem_may_have_an_encrypted_key():
    identity = read_identity(key_pem(b"pw") + pem(LEAF, CA), None, "pw", NOW)
    assert identity.key_pem.reveal().encode() == key_pem()
    assert identity.certificate_pem.encode() == pem(LEAF, CA)


def test_pem_on_one_line_as_in_a_properties_file():
    content = (key_pem() + pem(LEAF)).replace(b"\n", b" ")
    assert read_identity(content, None, None, NOW).certificate_pem.encode() == pem(LEAF)


@pytest.mark.parametrize(
    ("content", "key_password", "problem"),
    [
        (key_pem(b"pw") + pem(LEAF), None, "needs ssl.key.password"),
        (key_pem(b"pw") + pem(LEAF), "no", "cannot be opened with ssl.key.password"),
        (key_pem(), None, "no certificate"),
        (pem(LEAF), None, "no private key"),
        (key_pem() + pem(CA), None, "does not belong"),
        (key_pem() + pem(certificate("me", KEY, "ca", CA_KEY, days=-2)), None, "expired on 2026-12-30: CN=me"),
    ],
)
def test_an_identity_that_cannot_be_used_says_why(content, key_password, problem):
    with pytest.raises(ValueError) as refusal:
        read_identity(content, None, key_password, NOW)
    assert problem in str(refusal.value)
