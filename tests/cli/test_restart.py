"""What ``restart`` says, and with which exit code."""

import json

from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from occupied import shared

LANES = frozenset({("orders", 0), ("orders", 1)})
BUSY = shared(encode_leader(LeaderSays(LANES), "m-1"), metadata=(encode_member(MemberSays(LANES, steered=99)),))


def test_workers_that_run_start_again(told):
    assert told("restart", target_type=BUSY)[:2] == (
        0,
        ["one->two  the whole flow: told to start again", "The running workers start again"],
    )


def test_nobody_starts_again(told):
    code, out, _ = told("restart", "--json")
    assert code == 1
    assert json.loads("\n".join(out)) == {
        "flow": "one->two",
        "command": "restart",
        "topics": None,
        "connectors": ["MirrorSourceConnector", "MirrorCheckpointConnector", "MirrorHeartbeatConnector"],
        "changed": True,
        "copier": "nobody",
        "done": False,
        "left": {},
        "notes": ["No worker runs: nothing is started again"],
        "topics_before": {},
        "connectors_before": [],
    }
