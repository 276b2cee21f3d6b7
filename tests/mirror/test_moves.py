"""Verdicts about positions of groups."""

from dataclasses import replace

import pytest

from heliograph.mirror.moves import Allowances, Position, Verdict, all_good, judge, obstacle_of

EXACT = Position("g", "t", 0, 20, to_topic="A.t", to_offset=17, exact=True, reason="copied", lag=5, to_lag=5)

CASES = [
    ("exact, nothing there", EXACT, "", Allowances(), Verdict.MOVE, "copied"),
    ("exact, behind it there", replace(EXACT, held=3), "", Allowances(), Verdict.MOVE, "copied"),
    ("there already", replace(EXACT, held=17), "", Allowances(), Verdict.THERE, "holds this position already"),
    ("there already, and active", replace(EXACT, held=17), "active", Allowances(), Verdict.THERE, "already"),
    ("active", EXACT, "group g is active", Allowances(), Verdict.REFUSED, "group g is active"),
    ("further there", replace(EXACT, held=18), "", Allowances(), Verdict.REFUSED, "go back there, from 18 to 17"),
    ("further there, allowed", replace(EXACT, held=18), "", Allowances(rewind=True), Verdict.MOVE, "copied"),
    ("further there, at home", replace(EXACT, held=18), "", Allowances(home_counts=True), Verdict.KEPT, "up to 18"),
    ("all of it read", replace(EXACT, held=18, at_end=True), "", Allowances(), Verdict.KEPT, "up to 18"),
    (
        "all of it read, allowed",
        replace(EXACT, held=18, at_end=True),
        "",
        Allowances(rewind=True),
        Verdict.MOVE,
        "copied",
    ),
    ("no topic", replace(EXACT, to_topic="", to_offset=None), "", Allowances(), Verdict.LEFT, "copied"),
    ("no topic, active", replace(EXACT, to_topic="", to_offset=None), "active", Allowances(), Verdict.LEFT, "copied"),
    (
        "nothing known",
        replace(EXACT, to_offset=None, exact=False),
        "",
        Allowances(repeats=True),
        Verdict.REFUSED,
        "copied",
    ),
    ("a hole", replace(EXACT, exact=False, reason="a hole"), "", Allowances(), Verdict.REFUSED, "a hole"),
    (
        "a hole, allowed",
        replace(EXACT, exact=False, reason="a hole"),
        "",
        Allowances(repeats=True),
        Verdict.MOVE,
        "a hole",
    ),
    ("by chance the same", replace(EXACT, exact=False, held=17), "", Allowances(), Verdict.REFUSED, "copied"),
    ("not copied yet", replace(EXACT, exact=False, behind=2), "", Allowances(repeats=True), Verdict.REFUSED, "copied"),
    ("passed over", replace(EXACT, passed_over=(9, 12)), "", Allowances(), Verdict.REFUSED, "records 9 to 11"),
    (
        "passed over, allowed",
        replace(EXACT, passed_over=(9, 12)),
        "",
        Allowances(passing_over=True),
        Verdict.MOVE,
        "copied",
    ),
]


@pytest.mark.parametrize(
    ("position", "obstacle", "allowances", "verdict", "reason"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_verdicts(position, obstacle, allowances, verdict, reason):
    (move,) = judge([position], obstacle, allowances)
    assert (move.position, move.verdict) == (position, verdict)
    assert reason in move.reason
    assert all_good([move]) is (verdict is not Verdict.REFUSED)


def test_obstacles():
    assert obstacle_of("g", "A", "", "B", "") == ""
    assert obstacle_of("g", "A", "2 members", "B", "1 member") == "group g is still active on A (2 members)"
    assert obstacle_of("g", "A", "", "B", "1 member") == "group g is active on B (1 member)"
