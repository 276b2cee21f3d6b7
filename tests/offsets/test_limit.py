"""A limit that a command sets: written once, read by whoever asks, and taken back."""

import asyncio

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.mirror.steering import LIMIT, ToldLimit
from heliograph.observe.operations import Copier
from heliograph.offsets.limit import LimitOutcome, Wish, limit_flow

TEN = ToldLimit(10_000_000)


def tell(*wishes):
    """Tell a flow one wish after the other; returns what came of each, and what stands in the topic then."""

    async def work(source, target):
        flow = flow_config(source.config, target.config)
        outcomes = [await limit_flow(flow, wish) for wish in wishes]
        cluster = Cluster(target.config)
        await cluster.start()
        try:
            return outcomes, (await table.read(cluster, flow.config_topic.name)).get(LIMIT.encode())
        finally:
            await cluster.close()

    with FakeCluster("one") as source, FakeCluster("two") as target:
        return asyncio.run(work(source, target))


def test_a_limit_is_told_and_seen_and_told_only_once():
    outcomes, written = tell(Wish(TEN), None, Wish(TEN))
    assert outcomes == [
        LimitOutcome(TEN, changed, Copier.NOBODY, before)
        for changed, before in ((True, None), (False, TEN), (False, TEN))
    ]
    assert written == b'{"bytes-per-second":10000000}'


def test_no_limit_is_not_the_same_as_the_files():
    outcomes, written = tell(Wish(ToldLimit(None)), None)
    assert [outcome.told for outcome in outcomes] == [ToldLimit(None)] * 2
    assert written == b'{"bytes-per-second":null}'


def test_the_files_limit_holds_again():
    outcomes, written = tell(Wish(TEN), Wish(None), None)
    assert [(outcome.told, outcome.changed) for outcome in outcomes] == [(TEN, True), (None, True), (None, False)]
    assert written is None
