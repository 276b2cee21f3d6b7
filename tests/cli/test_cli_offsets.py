"""What ``heliograph offsets`` asks for; the answers are shown by the scenarios of failing over."""

import pytest

from heliograph.cli.offsets import milliseconds, offsets
from heliograph.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0),
        ("1700000000000", 1_700_000_000_000),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000),
        ("2026-01-31T13:00:00+01:00", 1_769_860_800_000),
        ("2026-01-31 12:00", 1_769_860_800_000),
        ("2026-01-31", 1_769_817_600_000),
        ("1969-01-01", 0),
    ],
)
def test_moments(text, wanted):
    assert milliseconds(text) == wanted


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "9" * 30, "2026-13-01", "٣"])
def test_no_moments(text):
    with pytest.raises(ConfigError, match="is no moment"):
        milliseconds(text)


QUESTIONS = [
    ({}, "one question"),
    ({"groups": ["g"], "everything": True}, "one question"),
    ({"groups": ["g"], "offset": 3}, "one question"),
    ({"offset": 3}, "belongs to one partition"),
    ({"offset": 3, "topics": ["t"]}, "belongs to one partition"),
    ({"offset": 3, "topics": ["t", "u"], "partition": 0}, "belongs to one partition"),
    ({"offset": 2**63, "topics": ["t"], "partition": 0}, "belongs to one partition"),
    ({"timestamp": "0"}, "in one topic"),
    ({"timestamp": "never", "topics": ["t"]}, "is no moment"),
    ({"groups": ["g"], "partition": 0}, "--partition goes with"),
    ({"groups": ["g"], "flow": "b->a"}, "has no flow 'b->a'"),
]


@pytest.mark.parametrize(("options", "message"), QUESTIONS)
def test_questions_that_make_no_sense(options, message, write):
    file = write("127.0.0.1:1", "127.0.0.1:1")
    with pytest.raises(ConfigError) as caught:
        offsets(file, **options)
    assert message in str(caught.value)


def test_a_dead_target(heliograph, write):
    file = write("127.0.0.1:1", "127.0.0.1:1")
    ended = heliograph("offsets", file, "--group", "g")
    assert (ended.code, ended.out) == (3, "")
    assert "127.0.0.1:1" in ended.err
