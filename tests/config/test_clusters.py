import pytest

from heliograph.config.model import CauseKind
from heliograph.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "servers"),
    [
        ("h:9092", (("h", 9092),)),
        ("h1:9092, h2:9093 ,h3:443", (("h1", 9092), ("h2", 9093), ("h3", 443))),
        ("SASL_SSL://h.example.com:9093", (("h.example.com", 9093),)),
        ("[::1]:9092,10.0.0.1:9092", (("::1", 9092), ("10.0.0.1", 9092))),
    ],
)
def test_bootstrap_servers_in_every_form(load_text, value, servers):
    assert load_text(f"A.bootstrap.servers={value}").clusters["A"].bootstrap == servers


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "A.bootstrap.servers is missing or empty"),
        ("KAFKA_SOURCE_BROKERS", "Fill in the placeholder"),
        ("<REPLACE-WITH-BROKERS>", "Fill in the placeholder"),
        ("h", "no host:port"),
        ("h:0", "no host:port"),
        ("h:70000", "no host:port"),
        ("http://h:9092/path", "no host:port. Leave out http:// and what follows the port: write h:9092"),
        ("http://h", "no host:port. Write host:port"),
    ],
)
def test_what_is_no_address_is_refused(load_text, value, problem):
    with pytest.raises(ConfigError) as refusal:
        load_text(f"A.bootstrap.servers={value}")
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "warned"),
    [
        ("http://h:9092", "A.bootstrap.servers has http:// before an address, which has no effect"),
        ("h:1, SSL://h:2, https://h:3", "has SSL:// before an address"),
        ("plaintext://h:1", None),
    ],
)
def test_a_scheme_before_an_address_has_no_effect(load_text, value, warned):
    base = "clusters=A, B\nB.bootstrap.servers=b:2\nA->B.enabled=true\n"
    warnings = load_text(f"A.bootstrap.servers={value}", base=base).warnings
    assert len(warnings) == bool(warned)
    assert all(warned in each.message for each in warnings)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "http://127.0.0.1:9400",
            "must be host:port, not 'http://127.0.0.1:9400'. Leave out http://: write 127.0.0.1:9400",
        ),
        ("https://[::1]:9400/metrics", "Leave out https://: write [::1]:9400"),
        ("9400", "must be host:port, not '9400'. Write 127.0.0.1:9400"),
        ("h:99999", "must be host:port"),
    ],
)
def test_a_listener_that_is_no_host_and_port(load_text, value, told):
    with pytest.raises(ConfigError) as refusal:
        load_text(f"heliograph.http.listener={value}")
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", {CauseKind.FLOW}),
        ("heliograph.ready.requires=", {CauseKind.FLOW}),
        ("heliograph.ready.requires=Standing-Still, job", {CauseKind.FLOW, CauseKind.STANDING_STILL, CauseKind.JOB}),
        ("heliograph.ready.requires=all", set(CauseKind)),
    ],
)
def test_what_ready_requires(load_text, text, kinds):
    assert load_text(text).ready_requires == kinds


def test_time_outs_of_a_client_are_taken_from_its_own_keys(load_text):
    source = load_text("A.consumer.retry.backoff.ms=5\nA.admin.retry.backoff.max.ms=6").clusters["A"]
    assert (source.retry_backoff_ms, source.retry_backoff_max_ms) == (5, 6)
    with pytest.raises(ConfigError, match="must be at least 1, not '0'"):
        load_text("A.consumer.request.timeout.ms=0")
