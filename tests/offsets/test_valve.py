"""Pause, resume, restart: what is written for an order, what is refused, and when it counts as done."""

import asyncio

import pytest

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.cluster import table
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import Part
from heliograph.errors import BrokerError, HeliographError, NotFound
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.observe.operations import Copier
from heliograph.offsets.valve import Order, Outcome, Verb, carry_out
from occupied import Occupied, shared

NAME = "mm2-configs.one.internal"
STATES = [b"target-state-Mirror%sConnector" % each for each in (b"Source", b"Checkpoint", b"Heartbeat")]
PAUSED = b'{"state":"PAUSED","state.v2":"PAUSED"}'
STARTED = PAUSED.replace(b"PAUSED", b"STARTED")


def worker(*lanes, given=(), steered=99):
    """A cluster on which one worker of ours has ``lanes`` and was given ``given``."""
    says, told = (
        encode_member(MemberSays(frozenset(lanes), steered=steered)),
        encode_leader(LeaderSays(frozenset(given)), "m-1"),
    )
    return shared(told, metadata=(says,))


@pytest.fixture
def ordered():
    """Carry out orders, one after the other, and return the last outcome and what stands in the topic then."""

    def run(*orders, target_type=FakeCluster, topics=("orders", "payments"), parts=tuple(Part)):
        async def work(source, target):
            flow = flow_config(source.config, target.config, topics=topics, replicate_heartbeats=False)
            outcome: Outcome | None = None
            for verb, names, partitions in orders:
                outcome = await carry_out(Order(flow, verb, names, partitions, parts, timeout_s=0.1))
            cluster = Cluster(target.config)
            await cluster.start()
            try:
                return outcome, await table.read(cluster, NAME)
            finally:
                await cluster.close()

        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 3)
            source.create("payments")
            return asyncio.run(work(source, target))

    return run


def test_a_flow_is_paused_as_connect_does_it_for_all_three_connectors(ordered):
    outcome, rows = ordered((Verb.PAUSE, (), None))
    assert rows == dict.fromkeys(STATES, PAUSED)
    assert (outcome.changed, outcome.done, outcome.copier) == (True, True, Copier.NOBODY)
    assert outcome.notes == ["No worker runs: it holds from the next start on"]


def test_a_connector_is_paused_by_itself(ordered):
    outcome, rows = ordered((Verb.PAUSE, (), None), parts=(Part.HEARTBEAT,), target_type=worker(("orders", 0)))
    assert rows == {STATES[2]: PAUSED}
    assert (outcome.done, outcome.left) == (True, frozenset())


def test_it_goes_on_the_same_way(ordered):
    outcome, rows = ordered((Verb.PAUSE, (), None), (Verb.RESUME, (), None))
    assert rows == dict.fromkeys(STATES, STARTED)
    assert outcome.done


def test_what_holds_already_is_not_written_again(ordered):
    outcome, _ = ordered((Verb.PAUSE, ("orders",), None), (Verb.PAUSE, ("orders",), frozenset({1})))
    assert (outcome.changed, outcome.done) == (False, True)


def test_partitions_of_a_topic(ordered):
    outcome, rows = ordered(
        (Verb.PAUSE, ("orders",), frozenset({0})),
        (Verb.PAUSE, ("orders",), frozenset({2})),
        (Verb.PAUSE, ("payments",), None),
    )
    assert rows == {
        b"heliograph-paused-orders": b'{"partitions":[0,2]}',
        b"heliograph-paused-payments": b'{"partitions":"all"}',
    }
    assert outcome.lanes == {("payments", 0)}


def test_one_partition_of_a_paused_topic_goes_on(ordered):
    _, rows = ordered((Verb.PAUSE, ("orders",), None), (Verb.RESUME, ("orders",), frozenset({1})))
    assert rows == {b"heliograph-paused-orders": b'{"partitions":[0,2]}'}
    _, rows = ordered((Verb.PAUSE, ("orders",), None), (Verb.RESUME, ("orders",), None))
    assert rows == {}


def test_a_resumed_flow_names_what_stays_paused(ordered):
    outcome, _ = ordered((Verb.PAUSE, ("orders",), None), (Verb.PAUSE, (), None), (Verb.RESUME, (), None))
    assert outcome.notes[0] == "Paused by themselves, and still: orders"


def test_a_resumed_topic_of_a_paused_flow_is_told_of(ordered):
    outcome, _ = ordered((Verb.PAUSE, (), None), (Verb.RESUME, ("orders",), None))
    assert outcome.notes[0] == "The whole flow is paused; nothing is copied before that is resumed"


def test_it_is_done_when_no_worker_has_it(ordered):
    outcome, _ = ordered((Verb.PAUSE, ("orders",), frozenset({1})), target_type=worker(("orders", 0)))
    assert (outcome.done, outcome.left) == (True, frozenset())


@pytest.mark.parametrize("kind", [worker(("orders", 1)), worker(given=[("orders", 1)]), worker(steered=0)])
def test_what_a_worker_still_has_is_named(ordered, kind):
    outcome, rows = ordered((Verb.PAUSE, ("orders",), frozenset({1})), target_type=kind)
    assert (outcome.done, outcome.left) == (False, {("orders", 1)})
    assert rows == {b"heliograph-paused-orders": b'{"partitions":[1]}'}


def test_what_no_worker_has_taken_yet_is_named(ordered):
    kind = worker(given=[("orders", 0), ("orders", 2)])
    outcome, _ = ordered((Verb.RESUME, ("orders",), None), target_type=kind)
    assert (outcome.done, outcome.left) == (False, {("orders", 1)})


def test_a_restart_is_told_to_those_who_run(ordered):
    outcome, rows = ordered((Verb.RESTART, (), None), (Verb.RESTART, ("orders",), frozenset({2})), target_type=worker())
    assert outcome.done
    assert rows == {
        b"restart-connector-MirrorSourceConnector": b'{"include-tasks":true,"only-failed":false}',
        b"heliograph-restart-orders": b'{"partitions":[2]}',
    }
    outcome, _ = ordered((Verb.RESTART, (), None))
    assert (outcome.done, outcome.notes) == (False, ["No worker runs: nothing is started again"])


def test_mirror_maker_is_told_of_flows_only(ordered):
    outcome, _ = ordered((Verb.PAUSE, (), None), target_type=Occupied)
    assert (outcome.done, outcome.copier) == (True, Copier.MIRROR_MAKER)
    assert outcome.notes == ["MirrorMaker 2 runs, and does it by itself"]
    with pytest.raises(BrokerError, match="running MirrorMaker 2, which cannot be told of topics"):
        ordered((Verb.PAUSE, ("orders",), None), target_type=Occupied)


@pytest.mark.parametrize(
    ("target_type", "words"),
    [
        (type("Other", (Occupied,), {"protocol_type": "x"}), "belongs to another program"),
        (shared(b'{"owner":"m-1"}'), "A worker of version 0.1"),
    ],
)
def test_who_would_not_understand_is_not_told(ordered, target_type, words):
    with pytest.raises(HeliographError, match=words):
        ordered((Verb.PAUSE, (), None), target_type=target_type)


@pytest.mark.parametrize(
    ("names", "partitions", "words"),
    [
        (("one.orders",), None, "copies no topic 'one.orders'. Name it as on one; it copies orders, payments"),
        (("orders",), frozenset({3}), "orders has no partition 3. It has 3 partitions"),
        (("orders", "other"), None, "copies no topic 'other'"),
    ],
)
def test_what_there_is_not_is_refused(ordered, names, partitions, words):
    with pytest.raises(NotFound) as refusal:
        ordered((Verb.PAUSE, names, partitions))
    assert words in str(refusal.value)
