"""Which jobs a flow has beside its copying, and that the last offset syncs are written at a stop."""

import asyncio

from between import between
from configs import sync_config
from fake_cluster import FakeCluster
from heliograph.mirror.formats import OffsetSync
from heliograph.upkeep.jobs import Upkeep
from heliograph.upkeep.periodic import Scope

KEY = ("orders", 0)
ALWAYS = ("look at the topics that hold the state", Scope.FLOW)


def jobs_with(**changes):
    with FakeCluster("one") as source, FakeCluster("two") as target:

        async def work(flow):
            upkeep = Upkeep(flow.config, flow.source, flow.target, flow.session().flow, flow.log)
            return [(job.name, job.scope) for job in upkeep.jobs()]

        return between(source, target, work, sync=sync_config(**changes))


def test_by_default_all_is_kept_in_step_but_positions_of_groups():
    assert jobs_with() == [
        ("write heartbeats to two", Scope.FLOW),
        ("write heartbeats to one", Scope.FLOW),
        ("follow offsets", Scope.LANES),
        ("write checkpoints", Scope.LANES),
        ("sync ACLs", Scope.FLOW),
        ALWAYS,
    ]
    assert ("sync group offsets", Scope.LANES) in jobs_with(group_offsets_interval_s=1.0)


def test_what_is_turned_off_has_no_job():
    intervals = ("checkpoints", "heartbeats", "reverse_heartbeats", "acls")
    off = {f"{name}_interval_s": None for name in intervals}
    assert jobs_with(offset_syncs=False, **off) == [("follow offsets", Scope.LANES), ALWAYS]


def test_a_stop_writes_the_last_offset_syncs_and_does_not_wait_for_long():
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("mm2-offset-syncs.two.internal")

        async def work(flow):
            upkeep = flow.session()._upkeep
            upkeep.syncs.loaded = True
            upkeep.syncs.waiting[KEY, 1] = OffsetSync(*KEY, 1, 1)
            await upkeep.finish(10.0)
            written = source.topics["mm2-offset-syncs.two.internal"].end(0)
            upkeep.syncs.waiting[KEY, 2] = OffsetSync(*KEY, 2, 2)
            begun = asyncio.get_running_loop().time()
            await upkeep.finish(0.0)
            assert asyncio.get_running_loop().time() - begun < 5
            return written

        assert between(source, target, work) == 1
