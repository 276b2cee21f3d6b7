import re

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from test_jks import IDENTITY_JKS
from test_keystores import CA, CA_KEY, KEY, LEAF, TRUST_PKCS12, certificate, key_pem, pem

from heliograph.config.model import Sasl, Secret
from heliograph.errors import ConfigError

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required username=u password=secret;"
SASL = f"B.security.protocol=SASL_SSL\nB.sasl.mechanism=PLAIN\nB.sasl.jaas.config={LOGIN}\n"


def tls_of(load_text, text):
    return load_text("B.security.protocol=SSL\n" + text).clusters["B"].tls


def test_sasl_ssl_with_plain(load_text):
    cluster = load_text(SASL).clusters["B"]
    assert cluster.sasl == Sasl("PLAIN", "u", Secret("secret"))
    assert cluster.protocol == "SASL_SSL"
    assert cluster.tls.trust_pem is None
    assert cluster.tls.verify_host_name


def test_scram_without_tls_and_in_any_case(load_text):
    text = (
        SASL.replace("SASL_SSL", "sasl_plaintext")
        .replace("PLAIN\n", "scram-sha-512\n")
        .replace("plain.Plain", "scram.Scram")
    )
    cluster = load_text(text).clusters["B"]
    assert (cluster.protocol, cluster.sasl.mechanism) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("", ("TLSv1.2", "TLSv1.3")),
        ("B.ssl.protocol=TLS", ("TLSv1.2", "TLSv1.3")),
        ("B.ssl.protocol=TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        ("B.ssl.protocol=TLS\nB.ssl.enabled.protocols=TLSv1.2", ("TLSv1.2", "TLSv1.2")),
        ("B.ssl.enabled.protocols=TLSv1.3", ("TLSv1.3", "TLSv1.3")),
        ("B.ssl.enabled.protocols=TLSv1.1,TLSv1.2", ("TLSv1.2", "TLSv1.2")),
    ],
)
def test_versions_of_tls(load_text, text, versions):
    tls = tls_of(load_text, text)
    assert (tls.minimum_version, tls.maximum_version) == versions


@pytest.mark.parametrize(("value", "verified"), [("https", True), ("HTTPS", True), ("", False)])
def test_the_host_name_is_checked_unless_the_algorithm_is_empty(load_text, value, verified):
    assert tls_of(load_text, f"B.ssl.endpoint.identification.algorithm={value}").verify_host_name is verified


def test_cipher_suites_get_the_names_of_openssl(load_text):
    suites = "TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA"
    suites += ",TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    ciphers = ("ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA", "ECDHE-ECDSA-CHACHA20-POLY1305")
    assert tls_of(load_text, f"B.ssl.cipher.suites={suites}").ciphers == ciphers


def test_a_trust_store_is_known_by_content_whatever_its_name_and_type(load_text, tmp_path):
    (tmp_path / "trust.jks").write_bytes(TRUST_PKCS12)
    text = (
        f"B.ssl.truststore.location={tmp_path}/trust.jks\nB.ssl.truststore.password=changeit\nB.ssl.truststore.type=JKS"
    )
    assert tls_of(load_text, text).trust_pem.count("BEGIN CERTIFICATE") == 1


def test_an_identity_from_jks_with_its_own_key_password(load_text, tmp_path):
    (tmp_path / "me.jks").write_bytes(IDENTITY_JKS)
    text = f"B.ssl.keystore.location={tmp_path}/me.jks\nB.ssl.keystore.password=changeit\nB.ssl.key.password=keysecret"
    tls = tls_of(load_text, text)
    assert tls.certificate_pem.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE KEY" in tls.key_pem.reveal()


def test_everything_inline_as_pem(load_text):
    def line(content):
        return content.decode().replace("\n", "\\n")

    text = f"B.ssl.truststore.certificates={line(pem(CA))}\nB.ssl.keystore.key={line(key_pem())}\n"
    tls = tls_of(load_text, f"{text}B.ssl.keystore.certificate.chain={line(pem(LEAF, CA))}")
    assert tls.trust_pem.encode() == pem(CA)
    assert tls.certificate_pem.encode() == pem(LEAF, CA)
    assert tls.key_pem.reveal().encode() == key_pem()


def test_an_expired_authority_among_others_is_a_warning(load_text, tmp_path):
    (tmp_path / "ca.pem").write_bytes(pem(CA, certificate("old", CA_KEY, "old", CA_KEY, days=-1)))
    config = load_text(f"B.security.protocol=SSL\nB.ssl.truststore.location={tmp_path}/ca.pem")
    assert [warning.message for warning in config.warnings] == [
        "B.ssl.truststore.location holds a certificate that expired on 2026-12-31: CN=old"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("B.security.protocol=SASL", "must be one of PLAINTEXT, SSL"),
        ("B.security.protocol=SASL_SSL", "sasl.mechanism is missing"),
        (SASL.replace("=PLAIN\n", "=GSSAPI\n"), "'GSSAPI', which is not supported"),
        ("B.security.protocol=SASL_SSL\nB.sasl.mechanism=PLAIN", "sasl.jaas.config is missing"),
        (SASL.replace(";", ""), "mm2.properties:7 B.sasl.jaas.config does not end in a semicolon"),
        (SASL.replace("username", "user"), "has no username"),
        (SASL.replace("org.apache.kafka.common.security.plain.Plain", "com.acme.OAuth"), "which is not supported"),
        (SASL.replace("org.apache.kafka.common.security.plain.PlainLoginModule", "LOGIN_MODULE"), "placeholder"),
        (SASL + "B.ssl.protocol=SSL", "must be TLSv1.3, TLSv1.2 or TLS"),
        (SASL + "B.ssl.enabled.protocols=TLSv1", "leave no TLS version"),
        (SASL + "B.ssl.enabled.protocols=TLSv1.3\nB.ssl.protocol=TLSv1.2", "leave no TLS version"),
        (SASL + "B.ssl.enabled.protocols=TLSv9", "no TLS version"),
        (SASL + "B.ssl.endpoint.identification.algorithm=LDAPS", "must be https or empty"),
        (SASL + "B.ssl.cipher.suites=TLS_FOO_WITH_BAR", "not known here"),
        (SASL + "B.ssl.truststore.location=/does/not/exist", "the file /does/not/exist does not exist"),
        (SASL + "B.ssl.truststore.certificates=x\nB.ssl.truststore.location=/x", "both set"),
        (SASL + "B.ssl.keystore.key=x", "without ssl.keystore.certificate.chain"),
    ],
)
def test_what_cannot_work_is_refused_without_showing_a_secret(load_text, text, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)) as refusal:
        load_text(text)
    assert "password=secret" not in str(refusal.value)


@pytest.mark.parametrize("name", ["truststore", "keystore"])
def test_a_wrong_password_names_file_and_key_but_not_itself(load_text, tmp_path, name):
    store = pkcs12.serialize_key_and_certificates(b"me", KEY, LEAF, [CA], BestAvailableEncryption(b"right"))
    (tmp_path / "store.p12").write_bytes(store)
    text = f"B.ssl.{name}.location={tmp_path}/store.p12\nB.ssl.{name}.password=wrong-one"
    with pytest.raises(ConfigError) as refusal:
        tls_of(load_text, text)
    assert f"mm2.properties:6 B.ssl.{name}.location: {tmp_path}/store.p12 cannot be opened" in str(refusal.value)
    assert f"Check ssl.{name}.password" in str(refusal.value)
    assert "wrong-one" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (f"B.sasl.mechanism=PLAIN\nB.sasl.jaas.config={LOGIN}", ["SASL_SSL or SASL_PLAINTEXT"] * 2),
        ("B.ssl.endpoint.identification.algorithm=", ["B.security.protocol is PLAINTEXT by default"]),
        (SASL.replace("plain.Plain", "scram.Scram"), ["does not fit sasl.mechanism=PLAIN"]),
        (SASL.replace("password=secret", 'password=""'), ["empty password"]),
        (SASL + "B.ssl.enabled.protocols=TLSv1.1,TLSv1.2", ["broken versions"]),
    ],
)
def test_useless_or_doubtful_settings_are_warned_of(load_text, text, warned):
    messages = [warning.message for warning in load_text(text).warnings]
    assert len(messages) == len(warned)
    assert all(part in message for part, message in zip(warned, messages, strict=True))
