"""Who owns the lanes: the choice as a pure function, and one member's life against a coordinator that is a script."""

import asyncio
import time
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import flow_config
from heliograph.cluster.group import Beat, Joined
from heliograph.errors import BrokerError, NotAuthorized, Unreachable
from heliograph.wire import errors as codes
from heliograph.worker.ownership import LEASE_SHARE, Metadata, Ownership, OwnershipListener, choose_owner

FLOW = flow_config("a", "b", group_id="g", session_timeout_ms=500, heartbeat_interval_ms=10)
MEMBERS = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.builds(Metadata, owner=st.booleans(), waiting_since_ms=st.integers(0, 5)),
    min_size=1,
    max_size=5,
)


def test_the_present_owner_stays():
    assert choose_owner({"new": Metadata(False, 1), "old": Metadata(True, 9)}) == "old"


def test_without_an_owner_the_one_that_waits_longest_begins():
    assert choose_owner({"b": Metadata(False, 2), "a": Metadata(False, 3), "c": Metadata(False, 2)}) == "b"


@given(MEMBERS)
def test_everybody_would_choose_the_same_and_one_of_them(members):
    chosen = choose_owner(members)
    assert chosen == choose_owner(dict(reversed(members.items())))
    assert members[chosen].owner or not any(each.owner for each in members.values())


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

    async def join(self, metadata):
        claim = msgspec.json.decode(metadata, type=Metadata)
        self.told.append(("join", claim.owner))
        outcome = self.joins.pop(0) if self.joins else None
        if isinstance(outcome, Exception):
            raise outcome
        return Joined(1, "me", True, {"me": metadata, **self.others})

    async def sync(self, assignments):
        return assignments["me"] if self.assignment is None else self.assignment

    async def heartbeat(self):
        await asyncio.sleep(0)
        outcome = self.beats.pop(0) if self.beats else Beat.GOOD
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def leave(self):
        self.told.append(("leave",))


def live(coordinator, until, clock=time.monotonic):
    """Let a member live until ``until(ownership, told)`` holds."""

    async def job():
        listener = OwnershipListener(
            gained=lambda: coordinator.told.append(("gained",)),
            lost=lambda reason: coordinator.told.append(("lost", reason)),
            standby=lambda: coordinator.told.append(("standby",)),
        )
        ownership = Ownership(None, FLOW, 5, listener, clock=clock)
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
        return ownership

    return asyncio.run(job())


def count(told, what):
    return sum(each[0] == what for each in told)


def test_a_member_alone_owns_and_holds_while_its_heartbeats_are_answered():
    coordinator = Coordinator()
    live(coordinator, lambda ownership, told: ownership.holds() and not coordinator.beats)
    assert coordinator.told == [("join", False), ("gained",)]


def test_another_owner_makes_it_stand_by():
    coordinator = Coordinator(others={"other": msgspec.json.encode(Metadata(True, 9))})
    live(coordinator, lambda ownership, told: count(told, "standby"))
    assert ("gained",) not in coordinator.told


def test_a_member_of_a_later_version_waits_its_turn():
    coordinator = Coordinator(others={"new": b"not what we know"})
    live(coordinator, lambda ownership, told: ownership.holds())
    assert coordinator.told == [("join", False), ("gained",)]


def test_a_rebalance_changes_nothing_for_the_owner():
    coordinator = Coordinator(beats=[Beat.GOOD, Beat.REBALANCE])
    live(coordinator, lambda ownership, told: count(told, "join") == 2 and ownership.holds())
    assert coordinator.told == [("join", False), ("gained",), ("join", True)]


@pytest.mark.parametrize("how", ["heartbeat", "join"])
def test_a_member_that_was_forgotten_gives_up_before_it_joins_anew(how):
    """Another may own the lanes by now: to claim them again would write records twice."""
    unknown = BrokerError("unknown", code=codes.UNKNOWN_MEMBER_ID)
    coordinator = Coordinator(beats=[Beat.LOST]) if how == "heartbeat" else Coordinator(
        joins=[None, unknown], beats=[Unreachable("gone")]
    )  # fmt: skip
    live(coordinator, lambda ownership, told: count(told, "gained") == 2)
    told = [each[:2] if each[0] == "join" else each[:1] for each in coordinator.told]
    expected = [("join", False), ("gained",)]
    expected += [("join", True)] if how == "join" else []
    assert told == [*expected, ("lost",), ("join", False), ("gained",)]


def test_what_a_person_must_mend_ends_it():
    coordinator = Coordinator(joins=[NotAuthorized("no", right="Read", resource="group g")])
    with pytest.raises(NotAuthorized):
        live(coordinator, lambda ownership, told: False)


def test_without_answers_the_lease_runs_out():
    coordinator = Coordinator(beats=[Unreachable("gone")] * 1, joins=[None, *[Unreachable("gone")] * 1_000])
    ownership = live(coordinator, lambda ownership, told: count(told, "lost"))
    assert not ownership.holds()
    assert any(each[0] == "lost" and "no heartbeat" in each[1] for each in coordinator.told)


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b'{"owner": 1}', b"[" * 100_000])
def test_an_assignment_that_cannot_be_read_gives_nothing_and_is_asked_for_again(raw):
    coordinator = Coordinator(assignment=raw)
    live(coordinator, lambda ownership, told: count(told, "join") == 3)
    assert coordinator.told == [("join", False)] * 3


def test_an_assignment_without_an_owner_makes_it_stand_by():
    coordinator = Coordinator(assignment=b"")
    live(coordinator, lambda ownership, told: count(told, "standby"))
    assert ("gained",) not in coordinator.told


def test_the_lease_counts_from_before_the_heartbeat_and_ends_at_its_moment():
    now = [100.0]
    ownership = live(Coordinator(), lambda ownership, told: ownership.owns, clock=lambda: now[0])
    lease_s = FLOW.session_timeout_ms / 1000 * LEASE_SHARE
    now[0] = 100.0 + lease_s * 0.999
    assert ownership.holds()
    now[0] = 100.0 + lease_s
    assert not ownership.holds()
