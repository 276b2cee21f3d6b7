"""What ``status`` says of two clusters in memory, and with which exit code."""

import json

import pytest

from fake_cluster import FakeCluster
from heliograph.mirror.group_messages import LeaderSays, encode_leader
from occupied import Occupied, shared

BOTH = encode_leader(LeaderSays(frozenset({("orders", 0), ("orders", 1)})), "m-1")
FIRST = encode_leader(LeaderSays(frozenset({("orders", 0)})), "m-1")


@pytest.mark.parametrize(
    ("target_type", "code", "words"),
    [
        (FakeCluster, 1, "nobody copies it"),
        (Occupied, 0, "MirrorMaker 2 copies it"),
        (shared(BOTH, b""), 0, "copied by 1 worker, 1 standing by"),
        (shared(FIRST), 1, "copied by 1 worker, but 1 partition by nobody"),
        (type("Other", (Occupied,), {"protocol_type": "x"}), 1, "group one-mm2 belongs to another program"),
    ],
)
def test_it_says_who_copies(ask_of_memory, target_type, code, words):
    ended, out = ask_of_memory("status", target_type=target_type)
    assert (ended, out.splitlines()[0]) == (code, f"one->two  {words}")
    assert "orders" in out


def test_the_same_for_a_program(ask_of_memory):
    code, out = ask_of_memory("status", "--json", target_type=shared(BOTH))
    (flow,) = json.loads(out)["flows"]
    assert (code, flow["copier"], flow["copied"], flow["lag"]) == (0, "workers", True, 4)
    assert flow["workers"] == [
        {
            "member_id": "m-1",
            "client_id": "connect-1",
            "host": "10.0.0.7",
            "partitions": 2,
            "topics": 1,
            "same_config": None,
        }
    ]
    assert flow["topics"] == [
        {
            "topic": "orders",
            "target_topic": "one.orders",
            "partitions": 2,
            "taken": 2,
            "lag": 4,
            "stored": 0,
            "paused": 0,
        }
    ]
