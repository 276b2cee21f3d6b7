"""A place in a Connect cluster's group: taken, kept, given back."""

import asyncio
from contextlib import suppress

from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from heliograph.connect import guard
from heliograph.connect.guard import Guard


def test_it_joins_and_leaves():
    async def work(cluster):
        held = Guard(cluster, "cc")
        await held.enter()
        await held.leave()

    with FakeCluster("one") as fake:
        ask(fake, work)
        assert [api for api in fake.asked if "group" in api] == [
            "join_group",
            "join_group",
            "sync_group",
            "leave_group",
        ]


def test_who_is_forgotten_joins_again(monkeypatch):
    monkeypatch.setattr(guard, "HEARTBEAT_S", 0.01)

    async def work(cluster):
        held = Guard(cluster, "cc")
        await held.enter()
        fake.forget_requests()
        fake.always["heartbeat"] = Fault(0, change=lambda values: {**values, "error_code": ErrorCode.unknown_member_id})
        keeping = asyncio.create_task(held.keep())
        while "sync_group" not in fake.asked:
            await asyncio.sleep(0.01)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    with FakeCluster("one") as fake:
        ask(fake, work)
        assert "join_group" in fake.asked


def test_an_end_is_not_held_up_by_a_cluster_that_is_gone(monkeypatch):
    monkeypatch.setattr(guard, "LEAVE_S", 0.05)

    async def work(cluster):
        held = Guard(cluster, "cc")
        await held.enter()
        fake.always["leave_group"] = Fault(0)
        await held.leave()

    with FakeCluster("one") as fake:
        ask(fake, work)
