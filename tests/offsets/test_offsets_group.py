"""Who is in a flow's group, and which configuration is in force there."""

import pytest

from between import between
from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.told import tell
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.observe.operations import Copier
from heliograph.offsets.group import GroupNow, group_now
from occupied import shared

FORCE, OTHER = (flow_config("one", "two", topics=topics) for topics in (("orders",), ("clicks",)))


@pytest.fixture
def look():
    """Look at the group of a flow."""

    def run(target_type) -> GroupNow:
        with FakeCluster("one") as source, target_type("two") as target:
            return between(source, target, lambda flow: group_now(flow.config, flow.target))

    return run


def given(*lanes) -> bytes:
    return encode_leader(LeaderSays(frozenset(lanes), config=FORCE.digest), "m-1")


def says(flow) -> bytes:
    return encode_member(MemberSays(config=flow.digest, options=tell(flow)))


def test_the_leaders_configuration_is_in_force(look):
    found = look(shared(given(), given(("orders", 0)), metadata=(says(OTHER), says(FORCE))))
    assert (found.copier, found.resting, found.in_force, found.differing) == (Copier.WORKERS, True, FORCE.digest, 1)
    assert found.lanes == {("orders", 0)}
    assert found.told is not None
    assert (found.told.whole, found.told.flow.topics) == (True, ("orders",))


def test_where_nobody_says_it_is_not_known(look):
    found = look(shared(given(), b'{"owner":"m-2"}', metadata=(says(OTHER), b"")))
    assert found.told is None
    assert found.lanes is None


def test_nobody(look):
    found = look(FakeCluster)
    assert (found.copier, found.members, found.lanes, found.told) == (Copier.NOBODY, [], frozenset(), None)
