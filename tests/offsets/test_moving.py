"""Which positions a plan has, whatever can be known of the groups; between two fake clusters."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from configs import sync_config
from fake_cluster import FakeCluster, Fault
from fake_flow import connected, stored
from heliograph.errors import ClusterError, HeliographError
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import Checkpoint, encode_checkpoint
from heliograph.mirror.moves import Allowances, Basis, Move, Position, Verdict, judge
from heliograph.offsets import moving
from heliograph.offsets.endpoints import Endpoints
from heliograph.offsets.failover import crossing_of
from heliograph.offsets.moving import GroupMoves, who_runs

RECORDS = 20


def with_moves(steps, *names, prepare=lambda *_: None, source_asked=True, rows=(), **sync):
    """Run ``steps`` with the groups of a flow that has copied everything."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name in ((source, "t"), (target, "A.t")):
            fake.create(name)
            fake.write(name, [b"%d" % number for number in range(RECORDS)])
        source.create("else").append(0, source.topics["t"].logs[0][0][2])
        prepare(source, target)

        async def scenario():
            async with connected(source, target, sync=sync_config(**sync)) as ends:
                await stored(ends, {("t", 0): Anchor(RECORDS - 1, RECORDS - 1)}, checkpoints=rows)
                endpoints = Endpoints(ends.source if source_asked else None, ends.target)
                crossing = await crossing_of(ends.flow, None, endpoints)
                return await steps(GroupMoves(crossing, ends.flow, Allowances(), names))

        return asyncio.run(scenario())


async def positions(moves):
    return {(each.group, each.topic): each for each in await moves.positions()}


async def plan(moves):
    return {(each.position.group, each.position.topic): each.verdict for each in await moves.plan()}


def commits(source, target):
    source.groups["both"] = {("t", 0): (20, ""), ("else", 0): (1, "")}
    source.groups["other"] = {("else", 0): (1, "")}
    source.groups["left-out"] = {("t", 0): (3, "")}
    target.groups["both"] = {("A.t", 0): (7, "")}


def test_all_groups_of_the_flow():
    found = with_moves(positions, prepare=commits, groups_exclude=("left.*",))
    assert set(found) == {("both", "t"), ("both", "else"), ("other", "else")}
    here = found["both", "t"]
    assert (here.to_topic, here.to_offset, here.exact, here.at_end) == ("A.t", 20, True, True)
    assert (here.lag, here.to_lag, here.held, here.problem) == (0, 0, 7, "")
    assert (found["both", "else"].to_topic, found["both", "else"].to_offset) == ("", None)


def test_groups_that_read_nothing_a_flow_copies_are_in_a_plan_only_if_named():
    assert with_moves(plan, prepare=commits, groups_exclude=("left.*",)) == {
        ("both", "t"): Verdict.MOVE,
        ("both", "else"): Verdict.LEFT,
    }
    assert with_moves(plan, "other", prepare=commits) == {("other", "else"): Verdict.LEFT}


@pytest.mark.parametrize("names", [("gone",), ("gone", "both")])
def test_a_group_that_is_not_there(names):
    if len(names) == 1:
        with pytest.raises(ClusterError, match="Group gone has committed nothing on A"):
            with_moves(positions, *names, prepare=commits)
        return
    found = with_moves(positions, *names, prepare=commits)
    assert "has committed nothing on A" in found["gone", ""].problem
    assert found["both", "t"].problem == ""
    verdicts = with_moves(plan, *names, prepare=commits)
    assert (verdicts["gone", ""], verdicts["both", "t"]) == (Verdict.REFUSED, Verdict.MOVE)


def refuse_group(offset):
    """Refuse the answer about the group that has committed ``offset``."""

    def change(values):
        rows = [row for topic in values["topics"] for row in topic["partitions"]]
        if any(row["committed_offset"] == offset for row in rows):
            return {**values, "topics": [], "error_code": ErrorCode.group_authorization_failed}
        return values

    return Fault(0, change)


@pytest.mark.parametrize("side", [0, 1])
def test_a_problem_is_of_its_group_only(side):
    def prepare(*fakes):
        commits(*fakes)
        fakes[0].groups["bad"] = {("t", 0): (9, "")}
        fakes[1].groups["bad"] = {("A.t", 0): (9, "")}
        fakes[side].always["offset_fetch"] = refuse_group(9)

    found = with_moves(plan, prepare=prepare, groups_exclude=("left.*",))
    assert found["bad", "" if side == 0 else "t"] is Verdict.REFUSED
    assert found["both", "t"] is Verdict.MOVE


def test_a_problem_refuses_whatever_else_is_known():
    position = Position("g", "t", 0, 5, "A.t", 5, exact=True, held=5, problem="the coordinator does not answer")
    (move,) = judge([position], "", Allowances(rewind=True, repeats=True))
    assert (move.verdict, move.reason) == (Verdict.REFUSED, "the coordinator does not answer")


def test_too_many_groups(monkeypatch):
    monkeypatch.setattr(moving, "GROUPS_MAX", 2)
    with pytest.raises(ClusterError, match="A has 3 groups"):
        with_moves(positions, prepare=commits)


ROWS = [
    encode_checkpoint(Checkpoint("g", "A.t", 0, 12, 11)),
    encode_checkpoint(Checkpoint("h", "A.t", 0, 19, 19)),
    encode_checkpoint(Checkpoint("left-out", "A.t", 0, 1, 1)),
]


def test_checkpoints_stand_for_groups_of_a_source_that_cannot_be_asked():
    found = with_moves(positions, source_asked=False, rows=ROWS, groups_exclude=("left.*",))
    assert set(found) == {("g", "t"), ("h", "t")}
    here = found["g", "t"]
    assert (here.to_topic, here.to_offset, here.basis, here.to_lag) == ("A.t", 11, Basis.CHECKPOINT, 9)
    assert here.age_ms > 0
    assert found["h", "t"].to_offset == 19
    found = with_moves(positions, "g", "gone", source_asked=False, rows=ROWS)
    assert "Group gone has no checkpoint, and A cannot be asked" in found["gone", ""].problem
    with pytest.raises(HeliographError, match="Group gone has no checkpoint"):
        with_moves(positions, "gone", source_asked=False, rows=ROWS)


def member(values):
    for row in values["groups"]:
        row["group_state"] = "Stable"
        row["members"] = [
            {
                "member_id": f"m{number}",
                "group_instance_id": None,
                "client_id": f"app-{number}",
                "client_host": "/10.0.0.7",
                "member_metadata": b"",
                "member_assignment": b"",
            }
            for number in range(3)
        ]
    return values


def test_a_group_with_members_is_refused():
    def prepare(source, target):
        commits(source, target)
        source.always["describe_groups"] = Fault(0, member)

    async def steps(moves):
        (move,) = await moves.plan()
        return move, await who_runs(moves.crossing.clusters[0], "left-out")

    move, where = with_moves(steps, "left-out", prepare=prepare)
    assert move.verdict is Verdict.REFUSED
    assert move.reason.startswith("group left-out is still active on A (3 members: client app-0 on ")
    assert where.startswith("3 members: client app-0 on ")
    assert where.count("client app-") == 3


def test_a_commit_says_what_became_of_each_partition():
    move = Move(Position("g", "t", 0, 5, "A.t", 5, exact=True), Verdict.MOVE, "copied")
    refused = Move(Position("g", "u", 0, 5), Verdict.REFUSED, "no")

    def prepare(_, target):
        target.always["offset_commit"] = Fault(0, unknown_member)

    async def steps(moves):
        return await moves.commit(moves.crossing.clusters[1], [move, refused])

    moved, left = with_moves(steps)
    assert (moved.verdict, moved.position.held, left) == (Verdict.MOVED, 5, refused)
    moved, _ = with_moves(steps, prepare=prepare)
    assert (moved.verdict, moved.reason) == (Verdict.REFUSED, "group g became active on B")


def unknown_member(values):
    for topic in values["topics"]:
        for row in topic["partitions"]:
            row["error_code"] = ErrorCode.unknown_member_id
    return values
