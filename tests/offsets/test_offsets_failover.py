"""Groups of a flow between two fake clusters are moved one by one: a bad one is named and keeps no other."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from fake_cluster import FakeCluster, Fault
from fake_flow import connected, stored
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import Checkpoint, encode_checkpoint
from heliograph.mirror.moves import Allowances, Verdict
from heliograph.offsets.failover import Order, fail_over

RECORDS = 20


@pytest.fixture
def fakes():
    """A flow that has copied everything and stored where it is."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name in ((source, "t"), (target, "A.t")):
            fake.create(name, 2)
            for partition in range(2):
                fake.write(name, [b"%d" % number for number in range(RECORDS)], partition)
        yield source, target


def failing_over(fakes, *names, anchors=None, rows=(), **order):
    """Execute, unless told otherwise."""

    async def scenario():
        async with connected(*fakes) as ends:
            known = {("t", partition): Anchor(RECORDS - 1, RECORDS - 1) for partition in range(2)}
            await stored(ends, known if anchors is None else anchors, checkpoints=rows)
        asked = {
            "flow": ends.flow,
            "back": None,
            "groups": names,
            "allowances": Allowances(),
            "execute": True,
            "wait_s": 0,
        }
        return await fail_over(Order(**{**asked, **order}))

    return asyncio.run(scenario())


def verdicts(outcome):
    return {(move.position.group, move.position.partition): move.verdict for move in outcome.moves}


def test_a_plan_changes_nothing(fakes):
    source, target = fakes
    source.groups["g"] = {("t", 0): (5, ""), ("t", 1): (20, "")}
    outcome = failing_over(fakes, "g", execute=False)
    assert verdicts(outcome) == {("g", 0): Verdict.MOVE, ("g", 1): Verdict.MOVE}
    assert "g" not in target.groups
    assert outcome.flow == "A->B"


def refused_for_partition_1(code):
    """Refuse whatever has to do with a group on partition 1, which is the bad one's."""

    def change(values):
        rows = [row for topic in values["topics"] for row in topic["partitions"]]
        if any(row["partition_index"] == 1 for row in rows):
            for row in rows:
                row["error_code"] = code
        return values

    return change


def test_a_group_before_the_log_start_offset_is_named_and_keeps_no_other(fakes):
    """What it has not read is deleted on the source, and cannot be counted; some of it is on the target still."""
    source, target = fakes
    source.topics["t"].starts = {1: 12}
    target.topics["A.t"].starts = {1: 3}
    source.groups["good"] = {("t", 0): (5, "")}
    source.groups["old"] = {("t", 1): (2, "")}
    outcome = failing_over(fakes)
    assert verdicts(outcome) == {("good", 0): Verdict.MOVED, ("old", 1): Verdict.REFUSED}
    assert "it lies before the log start offset 12 of t-1 on A" in outcome.moves[1].reason
    assert target.groups["good"]["A.t", 0][0] == 5
    assert "old" not in target.groups
    outcome = failing_over(fakes, allowances=Allowances(repeats=True))
    assert verdicts(outcome) == {("good", 0): Verdict.THERE, ("old", 1): Verdict.MOVED}
    assert target.groups["old"]["A.t", 1][0] == 3, "nothing that there is is skipped"


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("code", [ErrorCode.coordinator_not_available, ErrorCode.group_authorization_failed])
def test_a_group_whose_coordinator_refuses_is_named(fakes, monkeypatch, side, code):
    monkeypatch.setattr("heliograph.cluster.groups.ATTEMPTS_S", 0.1)
    source, target = fakes
    source.groups["good"] = {("t", 0): (5, "")}
    source.groups["bad"] = {("t", 1): (7, "")}
    target.groups["bad"] = {("A.t", 1): (0, "")}
    fakes[side].always["offset_fetch"] = Fault(0, top_level(refused_for_partition_1(code), code))
    outcome = failing_over(fakes)
    found = {move.position.group: move for move in outcome.moves}
    assert found["good"].verdict is Verdict.MOVED
    assert found["bad"].verdict is Verdict.REFUSED
    assert fakes[side].alias in found["bad"].reason
    assert target.groups["good"]["A.t", 0][0] == 5
    assert target.groups["bad"]["A.t", 1][0] == 0


def top_level(change, code):
    def changed(values):
        before = [row["error_code"] for topic in values["topics"] for row in topic["partitions"]]
        after = change(values)
        now = [row["error_code"] for topic in after["topics"] for row in topic["partitions"]]
        return {**after, "error_code": code, "topics": []} if before != now else after

    return changed


def test_a_commit_that_is_refused_keeps_no_other_group(fakes):
    source, target = fakes
    source.groups["good"] = {("t", 0): (5, "")}
    source.groups["bad"] = {("t", 1): (7, "")}
    target.always["offset_commit"] = Fault(0, refused_for_partition_1(ErrorCode.topic_authorization_failed))
    outcome = failing_over(fakes)
    assert verdicts(outcome) == {("good", 0): Verdict.MOVED, ("bad", 1): Verdict.REFUSED}


def test_records_that_are_not_copied_are_waited_for_and_then_told(fakes, monkeypatch):
    monkeypatch.setattr("heliograph.offsets.failover.LOOK_AGAIN_S", 0.01)
    source, _ = fakes
    source.write("t", [b"more"] * 3)
    source.groups["g"] = {("t", 0): (RECORDS + 2, "")}
    outcome = failing_over(fakes, "g", wait_s=0.01)
    assert verdicts(outcome) == {("g", 0): Verdict.REFUSED}
    assert outcome.moves[0].position.behind == 2
    assert outcome.notes == ("2 records that groups have read are not copied yet; --wait waits for them",)


def test_without_the_source_checkpoints_stand_for_the_groups(fakes):
    _, target = fakes
    rows = [encode_checkpoint(Checkpoint("g", "A.t", 0, 8, 8))]
    outcome = failing_over(fakes, without_source=True, rows=rows)
    assert verdicts(outcome) == {("g", 0): Verdict.MOVED}
    assert target.groups["g"]["A.t", 0][0] == 8
    assert outcome.notes[0] == "A is not asked"
    assert "newest checkpoints" in outcome.notes[1]
