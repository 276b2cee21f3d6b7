"""What ``limit`` says, and what it refuses."""

import json

import pytest

from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from occupied import Occupied, shared

LANES = frozenset({("orders", 0)})
BUSY = shared(encode_leader(LeaderSays(LANES), "m-1"), metadata=(encode_member(MemberSays(LANES, steered=99)),))


def test_a_limit_is_told_and_holds_from_the_next_start_on(told):
    assert told("limit", "10MB") == (
        0,
        [
            "one->two  limit: 10 MB/s, by a command; the file says none now",
            "No worker runs: it holds from the next start on",
        ],
        "",
    )


@pytest.mark.parametrize(("rate", "shown"), [("none", "none"), ("1.5 MB/s", "1.5 MB/s")])
def test_running_workers_have_it_at_once(told, rate, shown):
    code, out, _ = told("limit", rate, target_type=BUSY)
    assert (code, out) == (0, [f"one->two  limit: {shown}, by a command; the file says none now"])


def test_without_a_rate_it_only_shows_what_holds(told):
    assert told("limit") == (0, ["one->two  limit: none, as the file says now"], "")


def test_a_program_reads_bytes_a_second(told):
    _, out, _ = told("limit", "10MB", "--json")
    assert json.loads("\n".join(out)) == {
        "flow": "one->two",
        "bytes_per_second": 10_000_000,
        "by": "command",
        "file_bytes_per_second": None,
        "changed": True,
        "copier": "nobody",
        "bytes_per_second_before": None,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["10Mbit"], "RATE must be a number of bytes, as such or with a unit"),
        (["0"], "to stop a flow, pause it"),
        (["10MB", "--flow", "two->one"], "enables no flow"),
    ],
)
def test_what_cannot_be_meant_is_one_line(told, words, said):
    code, out, err = told("limit", *words)
    assert (code, out, err.count("\n")) == (2, [], 1)
    assert said in err


def test_a_running_mirror_maker_cannot_be_told(told):
    code, out, err = told("limit", "10MB", target_type=Occupied)
    assert (code, out) == (3, [])
    assert "cannot be told of" in err
