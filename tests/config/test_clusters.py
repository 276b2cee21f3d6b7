import pytest

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
        ("http://h:9092/path", "no host:port"),
    ],
)
def test_what_is_no_address_is_refused(load_text, value, problem):
    with pytest.raises(ConfigError) as refusal:
        load_text(f"A.bootstrap.servers={value}")
    assert problem in str(refusal.value)


def test_time_outs_of_a_client_are_taken_from_its_own_keys(load_text):
    source = load_text("A.consumer.retry.backoff.ms=5\nA.admin.retry.backoff.max.ms=6").clusters["A"]
    assert (source.retry_backoff_ms, source.retry_backoff_max_ms) == (5, 6)
    with pytest.raises(ConfigError, match="must be at least 1, not '0'"):
        load_text("A.consumer.request.timeout.ms=0")
