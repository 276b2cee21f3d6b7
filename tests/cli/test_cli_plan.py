"""What ``plan`` says of two clusters in memory, and with which exit code."""

import json

from configs import flow_config
from heliograph.config.told import tell
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from occupied import shared

RUNS = flow_config("one", "two", topics=("payments",))
TARGET = shared(
    encode_leader(LeaderSays(frozenset({("payments", 0)}), config=RUNS.digest), "m-1"),
    metadata=(encode_member(MemberSays(config=RUNS.digest, options=tell(RUNS))),),
)


def test_nobody_runs(ask_of_memory):
    code, out = ask_of_memory("plan")
    lines = out.splitlines()
    assert (code, lines[0]) == (1, "one->two  the flow would begin, 1 topic would begin")
    assert lines[1] == "  note  Nobody copies this flow: the file is compared with the stored positions"
    assert ["orders", "begins", "2", "one.orders", "created", "beginning:", "2"] in [line.split() for line in lines]


def test_it_says_what_would_change(ask_of_memory):
    code, out = ask_of_memory("plan", target_type=TARGET)
    assert code == 1
    assert "1 topic would begin, 1 topic would end" in out.splitlines()[0]
    table = [line.split() for line in out.splitlines()]
    assert ["topics", "-", "payments", "+", "orders", "changes", "in", "place"] in table
    assert ["payments", "ends", "1", "one.payments", "kept", "it", "is", "not", "on", "the"] in table


def test_the_same_for_a_program(ask_of_memory):
    code, out = ask_of_memory("plan", "--json", target_type=TARGET)
    document = json.loads(out)
    (flow,) = document["flows"]
    assert (code, document["changes"], flow["copier"]) == (1, True, "workers")
    topics = next(each for each in flow["options"] if each["option"] == "topics")
    assert topics == {"option": "topics", "before": ["payments"], "after": ["orders"], "extent": "in place"}
    assert flow["topics"][0] == {
        "topic": "orders",
        "turn": "begins",
        "partitions": 2,
        "target_topic": "one.orders",
        "copied_to": "",
        "copy": "created",
        "stored": 0,
        "fresh": 2,
        "reason": "",
        "fresh_begin_at": "beginning",
    }
