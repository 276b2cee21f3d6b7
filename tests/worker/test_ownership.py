"""Who copies what: one member's life against a coordinator that is a script, as leader and as one who is led."""

import asyncio
import time
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from configs import flow_config
from heliograph.cluster.group import Beat, Joined
from heliograph.errors import BrokerError, NotAuthorized, Unreachable
from heliograph.mirror.assignment import Load
from heliograph.mirror.group_messages import LeaderSays, MemberSays, decode_leader, encode_leader, encode_member
from heliograph.mirror.group_messages import decode_member as decode
from heliograph.wire import errors as codes
from heliograph.worker.ownership import LEASE_SHARE, Ownership, lease_clock_s
from heliograph.worker.sharing import OwnershipListener, Share, Wanted
from heliograph.worker.succession import Inheritance

FLOW = flow_config("a", "b", group_id="g", session_timeout_ms=500, heartbeat_interval_ms=10)
LANES = frozenset(("t", partition) for partition in range(4))
HALF = frozenset(("t", partition) for partition in range(2))


def says(lanes=frozenset(), **more) -> bytes:
    """What another member with our configuration says."""
    return encode_member(MemberSays(lanes, **{"config": FLOW.digest, **more}))


@dataclass
class Coordinator:
    """Plays the group's side; ``joins`` and ``beats`` are what comes next, an exception is raised."""

    joins: list = field(default_factory=list)
    beats: list = field(default_factory=list)
    others: dict = field(default_factory=dict)
    assignment: bytes | None = None
    """What another leader sends; None: this member leads."""
    told: list = field(default_factory=list)
    """(what, ...) in the order in which it happened."""
    said: list = field(default_factory=list)
    """What this member said with each join."""
    joining_s: float = 0.0
    """How long a join takes."""
    session_ms: int = 500
    generation: int = 0
    assignments: dict = field(default_factory=dict)
    beside: int = 0

    async def join(self, metadata):
        self.told.append(("join", decode(metadata).lanes))
        self.said.append(decode(metadata))
        outcome = self.joins.pop(0) if self.joins else None
        if isinstance(outcome, Exception):
            raise outcome
        await asyncio.sleep(self.joining_s)
        self.generation += 1
        return Joined(self.generation, "me", self.assignment is None, {"me": metadata, **self.others})

    async def sync(self, assignments):
        self.assignments = assignments
        return assignments["me"] if self.assignment is None else self.assignment

    async def heartbeat(self):
        await asyncio.sleep(0)
        outcome = self.beats.pop(0) if self.beats else Beat.GOOD
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def heartbeat_beside(self):
        self.beside += 1
        return Beat.REBALANCE

    def be_among(self, *, others):
        return False

    async def leave(self):
        self.told.append(("leave",))


def live(
    coordinator,
    until,
    clock=time.monotonic,
    wanted=lambda: Wanted(LANES, {}),
    opened=frozenset,
    *,
    flow=FLOW,
    inherited=None,
    after=None,
    **asked,
):
    """Let a member live until ``until(ownership, told)`` holds."""

    async def job():
        listener = OwnershipListener(
            gained=lambda: coordinator.told.append(("gained",)),
            shared=lambda: coordinator.told.append(("shared",)),
            lost=lambda reason: coordinator.told.append(("lost", reason)),
            held=opened,
            spared=lambda: frozenset({"a.t"}),
            able=lambda: True,
            steered=lambda: 7,
            loads=lambda: {("t", 0): Load(1000.0, 10.0)},
            wanted=wanted,
            **asked,
        )
        ownership = Ownership(None, flow, 5, listener, clock=clock)
        ownership._inherited, ownership._looked = inherited, True
        ownership._membership = coordinator
        running = asyncio.create_task(ownership.run())
        try:
            async with asyncio.timeout(10):
                while not until(ownership, coordinator.told):
                    if running.done():
                        running.result()
                    await asyncio.sleep(0)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if after is not None:
            await after(ownership)
        return ownership

    return asyncio.run(job())


def count(told, what):
    return sum(each[0] == what for each in told)


def test_leases_end_by_a_clock_that_counts_while_the_machine_sleeps():
    steady_s = time.monotonic()
    assert lease_clock_s() >= steady_s
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert lease_clock_s() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)


def test_a_member_alone_has_everything_and_holds_while_its_heartbeats_are_answered():
    coordinator = Coordinator()
    ownership = live(coordinator, lambda ownership, told: ownership.holds() and not coordinator.beats)
    assert coordinator.told == [("join", frozenset()), ("gained",)]
    assert (ownership.share.lanes, ownership.leads) == (LANES, True)


def test_before_the_topics_are_known_everybody_keeps_what_he_has():
    other = says(HALF, generation=3)
    coordinator = Coordinator(others={"other": other})
    ownership = live(coordinator, lambda ownership, told: ownership.owns, wanted=lambda: None)
    assert ownership.share.lanes == frozenset()
    assert decode_leader(coordinator.assignments["other"]).lanes == HALF


def test_a_leader_gives_nobody_what_another_still_has():
    coordinator = Coordinator(others={"other": says(LANES, generation=3)})
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == frozenset()
    kept = decode_leader(coordinator.assignments["other"])
    assert len(kept.lanes) == 2
    coordinator.others["other"] = says(kept.lanes, generation=4)
    coordinator.beats = [Beat.REBALANCE]
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == LANES - kept.lanes


def test_what_was_given_up_but_is_still_open_is_claimed():
    coordinator = Coordinator(beats=[Beat.REBALANCE])
    live(coordinator, lambda ownership, told: count(told, "join") == 2, opened=lambda: frozenset({("old", 7)}))
    assert coordinator.told[-1] == ("join", LANES | {("old", 7)})


def test_the_leader_knows_what_must_be_left_alone():
    others = {"other": says(spared=frozenset({"a.u"}))}
    coordinator = Coordinator(others=others, beats=[Beat.REBALANCE])
    ownership = live(coordinator, lambda ownership, told: count(told, "shared"))
    assert ownership.spared == {"a.t", "a.u"}


def test_each_member_has_a_number_of_its_own_and_keeps_it():
    others = {
        "kept": says(generation=3, slot=1),
        "late": says(generation=2, slot=1, waiting_since_ms=9),
        "new": says(waiting_since_ms=7),
    }
    coordinator = Coordinator(others=others)
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    told = {member: decode_leader(raw) for member, raw in coordinator.assignments.items()}
    assert {member: each.slot for member, each in told.items()} == {"me": 0, "kept": 1, "new": 2, "late": 3}
    assert {each.slots for each in told.values()} == {frozenset(range(4))} == {ownership.share.slots}


def test_whoever_comes_is_not_given_the_number_of_one_that_has_just_gone():
    """Those who take over from it shut it out by that number, in whatever generation."""
    coordinator = Coordinator(others={"gone": says(generation=3, slot=1)}, beats=[Beat.REBALANCE])

    def replaced(ownership, told):
        coordinator.others = {"new": says(waiting_since_ms=7)}
        return count(told, "shared")

    ownership = live(coordinator, replaced)
    assert decode_leader(coordinator.assignments["new"]).slot == 2
    assert ownership.share.slots == {0, 2}


def test_each_worker_is_told_its_part_of_the_limit():
    loads = dict.fromkeys(HALF, Load(500_000.0, 1.0))
    others = {"other": says(HALF, generation=3, loads=loads), "idle": says(config="another")}
    coordinator = Coordinator(others=others)
    live(coordinator, lambda ownership, told: ownership.owns, limit=lambda: 10_000_000.0)
    told = {member: decode_leader(raw).part for member, raw in coordinator.assignments.items()}
    # one reads 1 MB/s and is not held back; of another, which has new lanes, nobody knows; a third has none
    assert told == pytest.approx({"other": 0.125, "me": 0.875, "idle": 0.0}, rel=0.1)
    coordinator.others["other"] = says(HALF, generation=3, loads=loads, held_back=True)
    live(coordinator, lambda ownership, told: ownership.owns, limit=lambda: 10_000_000.0)
    told = {member: decode_leader(raw).part for member, raw in coordinator.assignments.items()}
    assert told == pytest.approx({"other": 0.5, "me": 0.5, "idle": 0.0})


def test_a_worker_says_that_its_part_holds_it_back():
    said = []

    class Listening(Coordinator):
        async def join(self, metadata):
            said.append(decode(metadata).held_back)
            return await super().join(metadata)

    coordinator = Listening(beats=[Beat.REBALANCE])
    live(coordinator, lambda ownership, told: count(told, "shared"), held_back=lambda: True)
    assert said == [False, True]  # a new one has nothing to say yet


def test_one_whose_leader_says_nothing_of_parts_has_an_even_one():
    raw = encode_leader(LeaderSays(HALF, {}, 2, frozenset({0, 1, 2, 3})), "leader")
    share = live(Coordinator(assignment=raw), lambda ownership, told: ownership.owns).share
    assert (share.part, share.even_part) == (None, 0.25)


def test_one_who_is_led_takes_what_he_is_given():
    raw = encode_leader(LeaderSays(HALF, {"a.t": 3}, 2, frozenset({0, 2})), "leader")
    ownership = live(Coordinator(assignment=raw), lambda ownership, told: ownership.owns)
    assert ownership.share == Share(HALF, {"a.t": 3}, 2, frozenset({0, 2}))
    assert not ownership.leads


def test_one_with_another_configuration_is_given_nothing_and_told_which_counts():
    coordinator = Coordinator(others={"other": says(config="another")})
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == LANES
    assert ownership.share.same_config
    told = decode_leader(coordinator.assignments["other"])
    assert (told.lanes, told.config) == (frozenset(), FLOW.digest)
    raw = encode_leader(LeaderSays(HALF, config="another"), "leader")
    led = live(Coordinator(assignment=raw), lambda ownership, told: ownership.owns)
    assert not led.share.same_config


def test_an_owner_of_version_0_1_keeps_everything():
    coordinator = Coordinator(others={"old": b'{"owner":true,"waiting_since_ms":9}'})
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == frozenset()
    assert msgspec.json.decode(coordinator.assignments["old"])["owner"] == "old"


@pytest.mark.parametrize("raw", [b'{"owner":false,"waiting_since_ms":9}', b"not what we know"])
def test_a_member_of_another_version_that_has_nothing_waits(raw):
    coordinator = Coordinator(others={"old": raw})
    ownership = live(coordinator, lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == LANES
    assert msgspec.json.decode(coordinator.assignments["old"])["owner"] == "me"


@pytest.mark.parametrize(("owner", "lanes"), [("me", None), ("old", frozenset())])
def test_a_leader_of_version_0_1_gives_everything_to_one(owner, lanes):
    raw = msgspec.json.encode({"owner": owner})
    ownership = live(Coordinator(assignment=raw), lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == lanes
    assert ownership.share.has(("any", 9)) == (owner == "me")


def test_a_rebalance_takes_nothing_away():
    coordinator = Coordinator(beats=[Beat.GOOD, Beat.REBALANCE])
    live(coordinator, lambda ownership, told: count(told, "join") == 2 and count(told, "shared") and ownership.holds())
    assert coordinator.told == [("join", frozenset()), ("gained",), ("join", LANES), ("shared",)]


def test_to_be_shared_out_once_more_needs_no_heartbeat():
    coordinator = Coordinator()

    asked = []

    def until(ownership, told):
        if ownership.owns and not asked:
            asked.append(True)
            ownership.rejoin()
        return count(told, "shared")

    live(coordinator, until)
    assert count(coordinator.told, "join") == 2


def test_heartbeats_go_on_while_the_others_are_waited_for():
    """The lease, here of 0.4 s, holds throughout, though the broker answers after 0.6 s."""
    coordinator = Coordinator(beats=[Beat.REBALANCE], joining_s=0.0)
    held = []

    def until(ownership, told):
        if count(told, "gained"):
            coordinator.joining_s = 0.6
            held.append(ownership.holds())
        return count(told, "shared")

    live(coordinator, until)
    assert all(held)
    assert coordinator.beside > 10
    assert not count(coordinator.told, "lost")


@pytest.mark.parametrize("how", ["heartbeat", "join"])
def test_a_member_that_was_forgotten_gives_up_before_it_joins_anew(how):
    """Others may have the lanes by now: to claim them again would write records twice."""
    unknown = BrokerError("unknown", code=codes.UNKNOWN_MEMBER_ID)
    coordinator = Coordinator(beats=[Beat.LOST]) if how == "heartbeat" else Coordinator(
        joins=[None, unknown], beats=[Unreachable("gone")]
    )  # fmt: skip
    live(coordinator, lambda ownership, told: count(told, "gained") == 2)
    told = [each[:2] if each[0] == "join" else each[:1] for each in coordinator.told]
    expected = [("join", frozenset()), ("gained",)]
    expected += [("join", LANES)] if how == "join" else []
    assert told == [*expected, ("lost",), ("join", frozenset()), ("gained",)]


def test_what_a_person_must_mend_ends_it():
    coordinator = Coordinator(joins=[NotAuthorized("no", right="Read", resource="group g")])
    with pytest.raises(NotAuthorized):
        live(coordinator, lambda ownership, told: False)


def test_without_answers_the_lease_runs_out():
    coordinator = Coordinator(beats=[Unreachable("gone")] * 1, joins=[None, *[Unreachable("gone")] * 1_000])
    ownership = live(coordinator, lambda ownership, told: count(told, "lost"))
    assert not ownership.holds()
    assert ownership.share == Share()
    assert any(each[0] == "lost" and "no heartbeat" in each[1] for each in coordinator.told)


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b'{"owner": 1}', b"[" * 100_000])
def test_an_assignment_that_cannot_be_read_gives_nothing_and_is_asked_for_again(raw):
    coordinator = Coordinator(assignment=raw)
    live(coordinator, lambda ownership, told: count(told, "join") == 3)
    assert coordinator.told == [("join", frozenset())] * 3


def test_an_empty_assignment_gives_nothing():
    ownership = live(Coordinator(assignment=b""), lambda ownership, told: ownership.owns)
    assert ownership.share.lanes == frozenset()


def test_the_lease_counts_from_before_the_heartbeat_and_ends_at_its_moment():
    now = [100.0]
    ownership = live(Coordinator(), lambda ownership, told: ownership.owns, clock=lambda: now[0])
    lease_s = Coordinator.session_ms / 1000 * LEASE_SHARE
    now[0] = 100.0 + lease_s * 0.999
    assert ownership.holds()
    now[0] = 100.0 + lease_s
    assert not ownership.holds()


STATIC = replace(FLOW, instance_id="host-1")


def before(*, stopped=False):
    """Return what the process that had the place before says of itself, with a session of 300 ms."""
    return Inheritance(MemberSays(HALF, generation=3, slot=1, stopped=stopped), 300)


def test_a_static_member_claims_what_was_its_own_and_begins_when_nobody_else_can_send():
    coordinator = Coordinator(beats=[Beat.GOOD] * 3 + [Beat.REBALANCE])
    begun = time.monotonic()
    ownership = live(coordinator, lambda ownership, told: ownership.owns, flow=STATIC, inherited=before())
    assert time.monotonic() - begun >= 0.3 * LEASE_SHARE
    assert [(each.lanes, each.generation, each.slot, each.stopped) for each in coordinator.said[:2]] == [
        (HALF, 3, 1, False)
    ] * 2
    assert ownership.share.lanes == LANES


def test_after_one_that_has_stopped_in_order_it_begins_at_once():
    frozen = time.monotonic()
    coordinator = Coordinator()
    live(
        coordinator,
        lambda ownership, told: ownership.owns,
        clock=lambda: frozen,
        flow=STATIC,
        inherited=before(stopped=True),
    )
    assert coordinator.told[:2] == [("join", HALF), ("gained",)]


def test_a_static_member_that_comes_back_keeps_its_place():
    coordinator = Coordinator()
    live(
        coordinator,
        lambda ownership, told: ownership.owns,
        flow=STATIC,
        after=lambda ownership: ownership.leave(comes_back=True),
    )
    assert count(coordinator.told, "leave") == 0
    assert (coordinator.said[-1].stopped, coordinator.said[-1].lanes) == (True, LANES)
    assert decode_leader(coordinator.assignments["me"]).lanes == LANES


@pytest.mark.parametrize(
    ("flow", "comes_back"), [(STATIC, False), (FLOW, True), (replace(STATIC, instance_watched=True), True)]
)
def test_others_leave(flow, comes_back):
    coordinator = Coordinator()
    live(
        coordinator,
        lambda ownership, told: ownership.owns,
        flow=flow,
        after=lambda ownership: ownership.leave(comes_back=comes_back),
    )
    assert coordinator.told[-1] == ("leave",)


def test_an_assignment_tells_for_which_process_it_was_made():
    coordinator = Coordinator(others={"other": says(waiting_since_ms=77)})
    live(coordinator, lambda ownership, told: ownership.owns)
    assert {name: decode_leader(raw).since_ms for name, raw in coordinator.assignments.items()} == {
        "me": 5,
        "other": 77,
    }


def test_who_was_given_what_was_for_another_process_waits_for_its_lease():
    coordinator = Coordinator(
        assignment=encode_leader(LeaderSays(HALF, slot=2, since_ms=4), "x"), beats=[Beat.REBALANCE]
    )
    begun = time.monotonic()
    ownership = live(coordinator, lambda ownership, told: ownership.owns, flow=STATIC)
    assert time.monotonic() - begun >= 0.5 * LEASE_SHARE
    assert [(each.lanes, each.slot) for each in coordinator.said[:2]] == [(frozenset(), None), (HALF, 2)]
    assert ownership.share.lanes == HALF


def test_what_is_looked_at_while_it_is_shared_out_is_shared_out_too():
    seen = iter([None, Wanted(LANES, {})])
    coordinator = Coordinator()
    ownership = live(
        coordinator,
        lambda ownership, told: ownership.share.lanes == LANES,
        wanted=lambda: next(seen, Wanted(LANES, {})),
    )
    assert count(coordinator.told, "join") == 2
    assert ownership.leads
