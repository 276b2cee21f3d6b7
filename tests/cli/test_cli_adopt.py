"""What ``adopt`` says of two clusters in memory, and with which exit code."""

import json

from occupied import Occupied


def test_a_flow_that_nobody_copies_can_be_taken_over(ask_of_memory):
    code, out = ask_of_memory("adopt", "--dry-run")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Group one-mm2 on two is free: nobody copies this flow" in lines
    assert "orders 2 nobody 4 2 from the first record" in lines
    assert "readers 0 Empty -" in lines
    assert lines[-1].endswith("mm2.properties takes over")


def test_while_mirror_maker_runs_the_exit_code_says_so(ask_of_memory):
    code, out = ask_of_memory("adopt", target_type=Occupied)
    assert code == 3
    assert "is used by 1 of kind connect: " in out
    assert "not looked at while it is copied" in " ".join(out.split())
    assert out.splitlines()[-1].startswith("Stop MirrorMaker 2 first (")


def test_the_same_for_a_program(ask_of_memory):
    code, out = ask_of_memory("adopt", "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["dry_run"], told["warnings"]) == (0, True, [])
    (flow,) = told["flows"]
    assert (flow["flow"], flow["mirror_maker_runs"], flow["occupant"]["members"]) == ("one->two", False, 0)
    assert flow["positions"] == [
        {
            "topic": "orders",
            "target_topic": "one.orders",
            "partitions": 2,
            "by_mirror_maker": 0,
            "by_heliograph": 0,
            "lag": 4,
            "exact": 0,
            "fresh": 2,
            "doubts": [],
        }
    ]
    assert "refresh.topics.interval.seconds" in {row["key"].rpartition(">two.")[2] for row in told["changed_defaults"]}
