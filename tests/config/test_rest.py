"""Where Connect's REST API is served: Connect's keys, old and new, at the top level and behind a cluster."""

from pathlib import Path

import pytest

from heliograph.config.load import make_config
from heliograph.config.model import RestConfig, RestListener, Warned
from heliograph.config.properties import parse_properties
from heliograph.config.rest import is_loopback
from heliograph.errors import ConfigError

FILE = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
"""


def rest(*lines: str) -> RestConfig | None:
    text = FILE + "\n".join(lines)
    return make_config(parse_properties(text.encode(), Path("mm2.properties")), environ={}).rest


def one(host: str, port: int, worker_id: str = "") -> RestConfig:
    return RestConfig((RestListener(host, port, tls=False),), worker_id or f"{host}:{port}")


def test_without_a_key_it_is_served_nowhere():
    assert rest() is None


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("listeners=http://127.0.0.1:8083", "127.0.0.1", 8083),
        ("listeners=HTTP://:8084", "127.0.0.1", 8084),
        ("listeners=http://[::1]:8083/", "::1", 8083),
        ("east.listeners=http://127.0.0.1:8083", "127.0.0.1", 8083),
        ("rest.port=8085", "127.0.0.1", 8085),
        ("rest.host.name=localhost", "localhost", 8083),
    ],
)
def test_connects_own_keys_switch_it_on(line, host, port):
    assert rest(line) == one(host, port)


def test_the_bare_key_wins_and_others_are_told_of_another_address():
    lines = ("listeners=http://127.0.0.1:1000", "east.listeners=http://127.0.0.1:2000")
    assert rest(*lines) == one("127.0.0.1", 1000)
    assert rest(*lines, "rest.advertised.host.name=mm-0.example", "rest.advertised.port=80") == one(
        "127.0.0.1", 1000, "mm-0.example:80"
    )


def test_the_addresses_by_which_nodes_of_mirror_maker_talk_are_theirs():
    assert rest("listeners=http://127.0.0.1:8083", "dedicated.mode.enable.internal.rest=true") is None


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1:8083", "http://127.0.0.1", "http://127.0.0.1:70000", "ftp://a:1", "http://"]
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ConfigError, match="which is no http://host:port"):
        rest(f"listeners={wrong}")


@pytest.mark.parametrize(
    "line", ["listeners=http://0.0.0.0:8083", "rest.host.name=mm-0.example", "listeners=http://[::]:1"]
)
def test_others_than_this_machine_must_be_allowed_by_name(line):
    with pytest.raises(ConfigError, match="would let anybody steer who reaches") as refused:
        rest(line)
    assert "heliograph.rest.allow.anonymous=true" in str(refused.value)
    assert rest(line, "heliograph.rest.allow.anonymous=true") is not None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) == loopback


@pytest.mark.parametrize("line", ["", "listeners=http://127.0.0.1:8083"])
def test_what_else_is_told_does_not_depend_on_it(line):
    text = (
        FILE
        + f"""
clusters = west, east, north
north.bootstrap.servers = 127.0.0.1:3
north->east.enabled = true
replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy
{line}
"""
    )
    config = make_config(parse_properties(text.encode(), Path("mm2.properties")), environ={})
    assert any("write to the same topics" in warned.message for warned in config.warnings)


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_passwords_in_plain_text_off_this_machine_are_warned_of(tmp_path, host, warned):
    rules = tmp_path / "who-may.conf"
    rules.write_text("allow anonymous read *\n", encoding="utf-8")
    found: list[Warned] = []
    values = {"listeners": f"http://{host}:8083", "heliograph.rest.access.file": str(rules)}
    text = "clusters=a,b\na.bootstrap.servers=h:1\nb.bootstrap.servers=h:2\na->b.enabled=true\n"
    text += "".join(f"{key}={value}\n" for key, value in values.items())
    found.extend(make_config(parse_properties(text.encode(), Path("f")), environ={}).warnings)
    assert any("plain text" in each.message for each in found) is warned
