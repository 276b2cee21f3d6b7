"""Connect's way to write headers that all answers get."""

from pathlib import Path

import pytest

from heliograph.config.load import make_config
from heliograph.config.model import HeaderRule
from heliograph.config.properties import parse_properties
from heliograph.errors import ConfigError

MM2 = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
listeners = http://127.0.0.1:8083
response.http.headers.config = """


def rules(text: str) -> tuple[HeaderRule, ...]:
    found = make_config(parse_properties((MM2 + text).encode(), Path("mm2.properties")), environ={}).rest
    assert found is not None
    return found.headers


def test_items_with_and_without_quotes():
    text = 'add X-Content-Type-Options: nosniff, "set Cache-Control: no-cache, no-store", addDate Expires: 0'
    assert rules(text) == (
        HeaderRule("x-content-type-options", "nosniff", replaces=False),
        HeaderRule("cache-control", "no-cache, no-store", replaces=True),
        HeaderRule("expires", "Thu, 01 Jan 1970 00:00:00 GMT", replaces=False),
    )
    assert rules("") == ()


@pytest.mark.parametrize(
    "wrong",
    [
        "X-A: b",
        "remove X-A: b",
        "add X A: b",
        "add X-A",
        '"add X-A: b',
        "addDate X-A: today",
        "add X-A: b,",
        "add X: \\u00e9",
    ],
)
def test_what_is_no_action_with_a_header_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"response\.http\.headers\.config"):
        rules(wrong)
