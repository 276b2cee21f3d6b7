"""One member of a group: it joins with the id it is given, and begins as a new one when the group forgot it."""

from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.group import Beat, GroupConfig, Membership
from heliograph.errors import BrokerError

CONFIG = GroupConfig("flow", "protocol", "lanes-1", 10_000, 10_000)


async def joined(cluster):
    member = Membership(cluster, CONFIG)
    return member, await member.join(b"mine")


def heartbeat(code: ErrorCode) -> tuple[Beat, str]:
    async def beat(cluster):
        member, _ = await joined(cluster)
        return await member.heartbeat(), member.member_id

    with FakeCluster("lab") as fake:
        fake.always["heartbeat"] = Fault(0, with_code(("error_code",), code))
        return ask(fake, beat)


def test_the_only_member_leads_and_brings_its_own_assignment():
    async def life(cluster):
        member, found = await joined(cluster)
        taken = await member.sync({found.member_id: b"all"})
        beat = await member.heartbeat()
        await member.leave()
        return found.leads, dict(found.members) == {found.member_id: b"mine"}, taken, beat, member.member_id

    with FakeCluster("lab") as fake:
        assert ask(fake, life) == (True, True, b"all", Beat.GOOD, "")
        assert fake.asked.count("join_group") == 2  # the first answer only gives the member its id


def test_a_rebalance_is_told_and_the_member_keeps_its_id():
    beat, member_id = heartbeat(ErrorCode.rebalance_in_progress)
    assert beat is Beat.REBALANCE
    assert member_id


@pytest.mark.parametrize(
    "code", [ErrorCode.unknown_member_id, ErrorCode.illegal_generation, ErrorCode.fenced_instance_id]
)
def test_a_forgotten_member_is_lost_and_joins_as_a_new_one(code):
    assert heartbeat(code) == (Beat.LOST, "")


def test_an_assignment_during_a_rebalance_is_none():
    async def sync(cluster):
        member, _ = await joined(cluster)
        return await member.sync({})

    with FakeCluster("lab") as fake:
        fake.always["sync_group"] = Fault(0, with_code(("error_code",), ErrorCode.rebalance_in_progress))
        assert ask(fake, sync) is None


def test_a_group_of_another_protocol_is_an_error():
    with FakeCluster("lab") as fake:
        fake.always["join_group"] = Fault(0, with_code(("error_code",), ErrorCode.inconsistent_group_protocol))
        with pytest.raises(BrokerError, match="INCONSISTENT_GROUP_PROTOCOL"):
            ask(fake, joined)


def test_among_others_the_session_is_shorter_where_the_broker_allows_it():
    async def life(cluster):
        member, _ = await joined(cluster)
        alone = member.session_ms
        assert member.be_among(others=True)
        await member.join(b"mine")
        among = member.session_ms
        assert not member.be_among(others=True)
        return alone, among

    with FakeCluster("lab") as fake:
        assert ask(fake, life) == (10_000, 7_500)

    async def refused(cluster):
        member, _ = await joined(cluster)
        member.be_among(others=True)
        fake.faults[len(fake.asked)] = Fault(0, with_code(("error_code",), ErrorCode.invalid_session_timeout))
        await member.join(b"mine")
        return member.session_ms, member.be_among(others=True)

    with FakeCluster("lab") as fake:
        assert ask(fake, refused) == (10_000, False)


def test_a_static_member_that_its_earlier_life_has_fenced_joins_again_as_a_new_one():
    async def life(cluster):
        member = Membership(cluster, replace(CONFIG, instance_id="host-1", watched=True))
        with pytest.raises(BrokerError, match="UNKNOWN_MEMBER_ID"):
            await member.join(b"mine")
        return member.member_id

    with FakeCluster("lab") as fake:
        fake.always["join_group"] = Fault(0, with_code(("error_code",), ErrorCode.fenced_instance_id))
        assert ask(fake, life) == ""


def test_a_static_member_that_another_process_has_fenced_says_so():
    async def life(cluster):
        await Membership(cluster, replace(CONFIG, instance_id="host-1")).join(b"mine")

    with FakeCluster("lab") as fake:
        fake.always["join_group"] = Fault(0, with_code(("error_code",), ErrorCode.fenced_instance_id))
        with pytest.raises(BrokerError, match="Another process has taken the place of host-1 in group flow on lab"):
            ask(fake, life)
