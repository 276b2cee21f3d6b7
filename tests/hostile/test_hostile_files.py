"""Files that lie: the configuration, what it refers to, its patterns, and key stores."""

import base64
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from hypothesis import given
from hypothesis import strategies as st
from mutations import MULTIPLIER, mutant, relaxed, rounds, truncations
from trials import growing_less_than, tried

from heliograph.config import load
from heliograph.config.jaas import parse_jaas
from heliograph.config.javaregex import compile_java
from heliograph.config.keystores import read_identity, read_trust
from heliograph.config.problems import Problems
from heliograph.config.properties import BYTES_MAX, parse_properties
from heliograph.config.variables import EXPANDED_CHARACTERS_MAX, Variables
from heliograph.errors import ConfigError

SHARE = min(4, MULTIPLIER)
"""Quarters of the longest file that are tried."""
HERE = Path("mm2.properties")
NOW = datetime(2027, 1, 1, tzinfo=UTC)
JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="pw=\\"1";'
SEED = r"""
# two clusters, one way
clusters = source, target
source.bootstrap.servers = one.example:9092, \
    two.example:9092
target.bootstrap.servers: ${TARGET}
source->target.enabled = true
source->target.topics = orders.*, (red|blue)-[a-z&&[^q]]+, \\Qa.b\\E
source->target.groups.exclude = \\p{Upper}+, (?i)test-.*
source.security.protocol = SASL_PLAINTEXT
source.sasl.mechanism = SCRAM-SHA-256
source.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="pw";
replication.factor = 1
refresh.topics.interval.seconds = 5
source->target.config.properties.exclude = follower\.replication\.throttled\.replicas
offset.lag.max = 100
\u00e4nderung = caf\u00e9
""".encode("latin-1", "backslashreplace")
OTHER = (
    b"config.providers=file\\u0000,env\nconfig.providers.env.class=EnvVarConfigProvider\nx=${env:A}${file:/x:y}\xff\xfe"
)


def load_bytes(content, path):
    path.write_bytes(content)
    return load(path, environ={"TARGET": "b:2"}, now=NOW)


def test_the_seed_itself_is_loaded(tmp_path):
    assert [flow.name for flow in load_bytes(SEED, tmp_path / "mm2.properties").flows] == ["source->target"]


def test_mutants_of_a_configuration(tmp_path):
    for seed in rounds(250):
        hostile = mutant(("file", seed), SEED, OTHER)
        error = tried(load_bytes, hostile, tmp_path / "mm2.properties", allowed=(ConfigError,), of=seed)
        if isinstance(error, ConfigError):
            assert len(str(error).splitlines()) == len(getattr(error, "errors", [error]))


def test_mutants_of_properties():
    for seed in rounds(3_000):
        tried(parse_properties, mutant(("text", seed), SEED, OTHER), HERE, allowed=(ConfigError,), of=seed)


@pytest.mark.parametrize(
    "piece",
    [b"\\\n", b"${", b"${a:", b"${a:b:", b"${a}", b"\\u0041", b"a", b"=", b"\\", b"\r", b"#\n", b"a.b.c.=x\n", b" ", b"\xe9\n",
     b"->", b"x->y.z=1\n", b",", b'"', b"'"],
)  # fmt: skip
@pytest.mark.parametrize(
    "frame", [(b"clusters=", b"\n"), (b"key = ", b"}\n"), (b"", b"=1\n"), (b"a->b.topics=", b"\n")]
)
def test_long_files_of_one_thing(tmp_path, piece, frame):
    """No reader may take the square of a file's length."""
    before, after = frame
    content = before + piece * ((BYTES_MAX - 100) * SHARE // 4 // len(piece)) + after
    text = content.decode("latin-1")
    tried(lambda: load_bytes(content, tmp_path / "mm2.properties"), allowed=(ConfigError,), of=(piece, frame))
    tried(lambda: parse_jaas(text), allowed=(ValueError,), of=piece)
    tried(lambda: parse_jaas((JAAS[:-1] + text)[:60_000]), allowed=(ValueError,), of=piece)


@pytest.mark.parametrize("escaped", ["\\uD83D", "\\uDE00", "\\uDE00\\uD83D", "a\\ud800b=c"])
def test_half_of_a_character_is_refused_where_it_stands(escaped):
    for line in (f"key={escaped}", f"{escaped}=value"):
        with pytest.raises(ConfigError, match=r"mm2\.properties:2 has half of a surrogate pair"):
            parse_properties(f"a=1\n{line}\n".encode(), HERE)
    assert parse_properties(b"key=\\uD83D\\uDE00", HERE).entries["key"].value == "\N{GRINNING FACE}"


# --- References ---------------------------------------------------------------------------------------------------------


def expand(text, head):
    file = parse_properties(f"{head}key={text}".encode("latin-1"), HERE)
    problems = Problems()
    expanded = Variables(file, {"A": "one", "B": "two"}, problems).expand(file.entries["key"])
    problems.raise_all(file.path)
    return expanded


def test_a_short_file_does_not_grow_into_a_large_one(tmp_path):
    (tmp_path / "s.properties").write_text("long=" + "x" * 1_000_000)
    head = "config.providers=f\nconfig.providers.f.class=FileConfigProvider\n"
    with growing_less_than(4 * EXPANDED_CHARACTERS_MAX):
        error = tried(expand, f"${{f:{tmp_path}/s.properties:long}}" * 5_000, head, allowed=(ConfigError,))
    assert "characters" in str(error)


@relaxed(300)
@given(
    st.lists(
        st.sampled_from(["${", "}", "A", "B", ":", "$", "{", "env", "dir", "/", "..", "\\u0000", "x"]), max_size=14
    )
)
def test_references_of_any_shape(pieces):
    head = (
        "config.providers=env,dir,f\nconfig.providers.env.class=EnvVarConfigProvider\n"
        "config.providers.dir.class=DirectoryConfigProvider\nconfig.providers.f.class=FileConfigProvider\n"
    )
    tried(expand, "".join(pieces), head, allowed=(ConfigError,), of=pieces)


# --- JAAS, patterns -----------------------------------------------------------------------------------------------------


def test_mutants_of_jaas():
    for seed in rounds(3_000):
        text = mutant(("jaas", seed), JAAS.encode(), b"'\"\\=;").decode("latin-1")
        error = tried(parse_jaas, text, allowed=(ValueError,), of=seed)
        if isinstance(error, ValueError) and "alice" not in JAAS.replace(text, ""):
            assert "alice" not in str(error)


PATTERNS = (
    *("orders.*", "(red|blue)-[a-z&&[^q]]+", "\\Qa.b\\E|\\x{41}{2,3}", "(?i:abc)(?<n>x)\\k<n>", "[\\p{Lu}\\d&&[^0-3]]"),
    *("(?=a)(?<!b)c*+", "\\0101\\cA\\u0041", "^(a|b(c|d)?)$", "[^\\]\\[-]", "(?>a+)b{0,5}?"),
)


def compiled(pattern):
    matcher = compile_java(pattern)
    for name in ("", "orders", "red-aaa", "a.b", "A" * 249):
        matcher.fullmatch(name, timeout=1.0)
    return matcher


@pytest.mark.parametrize(
    "cut", ["\\u00", "a\\u", "\\x4", "\\x{41", "\\x{", "[\\u12", "\\0", "\\c", "\\p", "\\k<", "\\"]
)
def test_escapes_that_are_cut_off(cut):
    assert isinstance(tried(compiled, cut, allowed=(ConfigError,)), ConfigError)


def test_mutants_of_patterns():
    for seed in rounds(2_500):
        pattern = PATTERNS[seed % len(PATTERNS)]
        text = mutant(("pattern", seed), pattern.encode(), PATTERNS[seed % 7].encode()).decode("latin-1")
        tried(compiled, text, allowed=(ConfigError,), of=seed)


@relaxed(400)
@given(st.lists(st.sampled_from([*"abAZ09()[]{}|\\^$.*+?&-:<>=!,", "(?", "\\p{", "\\Q", "\\E", "&&", "[^", "{1,", "(?i)", "\\x{", "Is"]), max_size=18))  # fmt: skip
def test_patterns_of_any_shape(pieces):
    tried(compiled, "".join(pieces), allowed=(ConfigError, TimeoutError), of=pieces)


@pytest.mark.parametrize("piece", ["(", "[", "\\Q", "(?:", "[^", "a{2}", "(a)", "|", "a|", "\\p{L}", "[a&&b]", "\\k", "(?<n>", "a*", "{"])  # fmt: skip
def test_long_patterns(piece):
    for count in (60, 1_000, 19_000 // len(piece)):
        tried(lambda count=count: compile_java(piece * count), allowed=(ConfigError,), of=piece)


@pytest.mark.parametrize("quantifier", ["{2}", "{50}", "{1000}", "{1,100000}", "{0,3}", "+", "*?", "?", "{100000}"])
def test_repetitions_inside_repetitions(quantifier):
    for depth in (1, 2, 3, 10, 45):
        text = "(?:" * depth + "ab" + f"){quantifier}" * depth
        tried(lambda text=text: compile_java(text), allowed=(ConfigError,), of=text)
    assert compile_java("[a-z]{1,249}(-[0-9]{1,3})*").fullmatch("orders-1-22")


# --- Key stores ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stores():
    """Small stores of every kind: (content, password)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(NOW - timedelta(days=9)).not_valid_after(NOW + timedelta(days=99))
    certificate = made.sign(key, hashes.SHA256())
    pem = certificate.public_bytes(Encoding.PEM)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    hidden = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"changeit"))
    quick = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(10)
    bundle = pkcs12.serialize_key_and_certificates(b"client", key, certificate, None, quick.build(b"changeit"))
    trust = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(certificate, b"ca")], quick.build(b"changeit"))
    corpus = Path(__file__).parent / "corpus"
    return {
        "pem": pem + plain,
        "encrypted pem": pem + hidden,
        "pkcs12": bundle,
        "pkcs12 trust": trust,
        "jks": (corpus / "identity.jks").read_bytes(),
        "jks trust": (corpus / "trust.jks").read_bytes(),
    }


def open_both_ways(content, password):
    for read in (
        lambda: read_trust(content, password, NOW),
        lambda: read_identity(content, password, password, NOW),
        lambda: read_identity(content, password, "keysecret", NOW),
    ):
        tried(read, allowed=(ValueError,), of=base64.b64encode(content).decode())


def test_mutants_of_key_stores(stores):
    names = sorted(stores)
    for seed, name in itertools.product(rounds(60), names):
        hostile = mutant((name, seed), stores[name], stores[names[seed % len(names)]])
        open_both_ways(hostile, ("changeit", None)[seed % 2])


def test_a_key_on_a_curve_that_nobody_knows(stores):
    """The library reads the certificate, and complains in its own way when the key is asked for."""
    hostile = stores["jks"].replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce4b030107"))
    assert hostile != stores["jks"]
    with pytest.raises(ValueError, match="unknown kind"):
        read_identity(hostile, None, "keysecret", NOW)


def test_key_stores_that_are_cut(stores):
    for content in stores.values():
        for cut in list(truncations(content))[::9]:
            open_both_ways(cut, None)
