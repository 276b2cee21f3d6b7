"""What a static member takes over from the process that had its place before it."""

import pytest

from between import between
from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.told import tell
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.worker import succession
from heliograph.worker.succession import Inheritance, inheritance, inheritance_of, waits
from occupied import shared

ONE, TWO = (frozenset({("orders", number)}) for number in (0, 1))


def static(*says: MemberSays, state="Stable", told=b""):
    """Return a cluster where static members have the flow: ``host-1`` and so on."""
    cluster = shared(*[told for _ in says], state=state, metadata=tuple(map(encode_member, says)))
    cluster.static = True
    return cluster


@pytest.fixture
def look():
    """Look for who had the place of an instance before."""

    def run(target_type, instance_id):
        with FakeCluster("one") as source, target_type("two") as target:
            return between(source, target, lambda flow: inheritance(flow.target, flow.config), instance_id=instance_id)

    return run


def test_nobody_had_it(look):
    assert look(FakeCluster, "host-1") is None
    assert look(static(MemberSays(ONE)), "host-9") is None


def test_what_the_other_says_it_has_and_what_it_was_given(look):
    given = encode_leader(LeaderSays(TWO), "x")
    found = look(static(MemberSays(), MemberSays(ONE, generation=4, slot=2), told=given), "host-2")
    assert found is not None
    assert (found.says.lanes, found.says.generation, found.says.slot) == (ONE | TWO, 4, 2)
    assert (found.in_order, found.session_ms) == (False, 10_000)


def test_one_that_has_stopped_in_good_order(look):
    found = look(static(MemberSays(ONE, stopped=True)), "host-1")
    assert found is not None
    assert found.in_order


def test_the_longer_session_counts(look):
    other = flow_config("one", "two", session_timeout_ms=60_000)
    found = look(static(MemberSays(ONE, options=tell(other))), "host-1")
    assert found is not None
    assert found.session_ms == 60_000


def test_a_group_that_is_not_at_rest_is_waited_for(look, monkeypatch):
    monkeypatch.setattr(succession, "LOOK_S", 0.01)

    class Resting(static(MemberSays(ONE), state="PreparingRebalance")):
        looks = 0

        def _describe_groups(self, body, version):
            self.looks += 1
            self.group_state = "Stable" if self.looks > 3 else "PreparingRebalance"
            return super()._describe_groups(body, version)

    found = look(Resting, "host-1")
    assert found is not None
    assert found.says.lanes == ONE


def had(*, stopped: bool) -> Inheritance:
    return Inheritance(MemberSays(ONE, waiting_since_ms=5, stopped=stopped), 10_000)


@pytest.mark.parametrize(
    ("before", "since_ms", "waits_for_it"),
    [
        (None, 7, False),
        (None, 6, True),
        (had(stopped=True), 5, False),
        (had(stopped=True), 7, False),
        (had(stopped=True), 6, True),
        (had(stopped=False), 7, True),
    ],
)
def test_what_another_process_was_given_is_waited_for(before, since_ms, waits_for_it):
    """It was started at 7; whoever it saw had been at 5, and one that came in between at 6."""
    assert waits(before, LeaderSays(TWO, since_ms=since_ms), 7) is waits_for_it
    assert waits(before, LeaderSays(since_ms=since_ms), 7) is (before is not None and not before.in_order)


def test_what_was_not_seen_is_what_it_was_given():
    found = inheritance_of(LeaderSays(TWO, slot=3), flow_config("one", "two"))
    assert (found.says.lanes, found.says.slot, found.in_order, found.session_ms) == (TWO, 3, False, 10_000)
