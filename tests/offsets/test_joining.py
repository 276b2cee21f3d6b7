"""Into a group that is another program's: waited for, and then refused with where it runs."""

import asyncio

import pytest
from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from heliograph.cluster.group import GroupConfig, Membership
from heliograph.errors import BrokerError
from heliograph.offsets import joining

CONFIG = GroupConfig("mine", "heliograph", "test-1", 10_000, 10_000)


def another_has_it(values):
    return {**values, "error_code": ErrorCode.inconsistent_group_protocol}


def join(fake, says=lambda: b"hello", while_joining=lambda: None):
    async def work(cluster):
        now = iter(range(0, 1000, 5))
        task = asyncio.create_task(
            joining.join(cluster, Membership(cluster, CONFIG), says, remedy="Stop it", clock=lambda: float(next(now)))
        )
        await asyncio.sleep(0.2)
        while_joining()
        return await task

    return ask(fake, work)


def test_a_free_group_is_joined():
    with FakeCluster("one") as fake:
        joined = join(fake)
    assert joined.leads
    assert list(joined.members.values()) == [b"hello"]


def test_who_leaves_meanwhile_is_waited_for(monkeypatch):
    monkeypatch.setattr(joining, "OTHER_PROTOCOL_S", 500.0)
    said = []
    with FakeCluster("one") as fake:
        fake.always["join_group"] = Fault(0, change=another_has_it)
        joined = join(fake, lambda: said.append(1) or b"hello", lambda: fake.always.pop("join_group"))
    assert joined.leads
    assert len(said) > 1, "what it says may have changed meanwhile"


def test_who_stays_is_named_with_a_remedy():
    with FakeCluster("one") as fake:
        fake.always["join_group"] = Fault(0, change=another_has_it)
        with pytest.raises(BrokerError, match="Group mine on one belongs to another program") as told:
            join(fake)
    assert str(told.value).endswith("Stop it")
