"""Which groups of a fake cluster are followed, and what is said of the others."""

import asyncio

from kio.schema.errors import ErrorCode

from between import Noted
from configs import sync_config
from fake_cluster import FakeCluster, Fault
from fake_flow import connected
from heliograph.upkeep.groups import Followed

UNREAD = "a group's positions cannot be read"


def following(steps, **options):
    with FakeCluster("A") as source, FakeCluster("B") as target:
        source.create("t", 2)

        async def scenario():
            options.setdefault("refresh_groups_interval_s", None)
            async with connected(source, target, sync=sync_config(**options)) as ends:
                await steps(Followed(ends.flow, ends.source, log), source)

        log = Noted()
        asyncio.run(scenario())
    return log


def test_groups_are_chosen_by_the_lists_and_by_what_is_copied():
    async def steps(followed, source):
        source.groups["app-1"] = {("t", 0): (3, "m"), ("other", 0): (4, "")}
        source.groups["app-2"] = {("other", 0): (4, "")}
        source.groups["app-left"] = {("t", 0): (5, "")}
        source.groups["else"] = {("t", 0): (6, "")}
        found = await followed.positions()
        assert {
            group: {key: (at.offset, at.metadata) for key, at in each.items()} for group, each in found.items()
        } == {"app-1": {("t", 0): (3, "m")}}
        assert set(followed.names) == {"app-1", "app-2"}

    following(steps, groups=("app-.*",), groups_exclude=(".*-left",))


def test_groups_are_listed_anew_when_it_is_due():
    async def steps(followed, source):
        source.groups["one"] = {("t", 0): (3, "")}
        assert set(await followed.positions()) == {"one"}
        source.groups["two"] = {("t", 0): (3, "")}
        assert set(await followed.positions()) == {"one"}, "never again without an interval"
        followed._listed_s = None
        assert set(await followed.positions()) == {"one", "two"}

    following(steps)


def test_a_short_interval_lists_every_time():
    async def steps(followed, source):
        for name in ("one", "two"):
            source.groups[name] = {("t", 0): (3, "")}
            assert name in await followed.positions()

    following(steps, refresh_groups_interval_s=0.0)


def test_a_group_that_cannot_be_read_is_told_once_and_hides_no_other():
    def change(values):
        if any(row["metadata"] == "bad" for topic in values["topics"] for row in topic["partitions"]):
            return {**values, "topics": [], "error_code": ErrorCode.group_authorization_failed}
        return values

    async def steps(followed, source):
        source.groups["good"] = {("t", 0): (3, "")}
        source.groups["bad"] = {("t", 0): (3, "bad")}
        source.always["offset_fetch"] = Fault(0, change)
        for _ in range(2):
            assert set(await followed.positions()) == {"good"}
        source.always.clear()
        assert set(await followed.positions()) == {"good", "bad"}
        source.always["offset_fetch"] = Fault(0, change)
        await followed.positions()

    log = following(steps)
    assert [(message, fields["group"]) for message, fields in log.of("warning")] == [(UNREAD, "bad")] * 2


def test_groups_of_other_kinds_are_not_followed():
    def change(values):
        for row in values["groups"]:
            row["group_type"] = {"shared": "share", "streaming": "streams"}.get(row["group_id"], "classic")
            row["protocol_type"] = "connect" if row["group_id"] == "connect" else "consumer"
        return values

    async def steps(followed, source):
        for name in ("plain", "shared", "streaming", "connect"):
            source.groups[name] = {("t", 0): (3, "")}
        source.always["list_groups"] = Fault(0, change)
        for _ in range(2):
            assert set(await followed.positions()) == {"plain"}

    log = following(steps, refresh_groups_interval_s=0.0)
    assert log.of("info") == [("share and streams groups are not followed", {"count": 2, "groups": "shared,streaming"})]
