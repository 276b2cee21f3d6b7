"""What ``pause`` says, and with which exit code."""

import json

from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from occupied import shared

LANES = frozenset({("orders", 0), ("orders", 1)})
BUSY = shared(encode_leader(LeaderSays(LANES), "m-1"), metadata=(encode_member(MemberSays(LANES, steered=99)),))


def test_a_flow_that_nobody_copies_is_paused(told):
    assert told("pause") == (
        0,
        ["one->two  the whole flow: paused", "  note  No worker runs: it holds from the next start on"],
        "",
    )


def test_a_connector_is_paused_by_itself(told):
    code, out, _ = told("pause", "--connector", "checkpoint", "--connector", "heartbeat", target_type=BUSY)
    assert (code, out) == (0, ["one->two  MirrorCheckpointConnector, MirrorHeartbeatConnector: paused"])


def test_a_connector_has_no_topics(told):
    code, _, err = told("pause", "--connector", "source", "--topic", "orders")
    assert (code, "--connector is of the whole flow" in err) == (2, True)


def test_what_is_not_done_in_time_is_named(told):
    code, out, _ = told("pause", "--topic", "orders", "--timeout", "0", target_type=BUSY)
    assert (code, out) == (
        1,
        [
            "one->two  orders 0, 1: paused",
            "Not yet after 0 s: orders 0, 1 still copied by a worker; what was told holds",
        ],
    )


def test_a_program_reads_partitions_as_numbers(told):
    code, out, _ = told("pause", "--topic", "orders", "--timeout", "0", "--json", target_type=BUSY)
    said = json.loads("\n".join(out))
    assert (code, said["topics"], said["left"]) == (1, {"orders": [0, 1]}, {"orders": [0, 1]})
