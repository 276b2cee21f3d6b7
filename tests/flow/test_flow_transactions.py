"""Transactions of a flow: what is committed together, what an abort undoes, and who may not take part."""

import asyncio
import random

import pytest
from transaction_world import POSITIONS, World

from heliograph.cluster.transactions import is_fenced
from heliograph.errors import BrokerError, DataError, NotAuthorized, Unreachable
from heliograph.flow.lane_model import Producer
from heliograph.flow.transaction_model import Limits
from heliograph.wire import errors as codes

NOT_ENOUGH_REPLICAS = 19


def story(tell):
    """Run a test that needs a loop."""

    def run():
        asyncio.run(tell())

    run.__name__ = tell.__name__
    return run


def filled(world, count=20):
    for source in world.sources:
        for _ in range(count):
            source.append(3)
    return world


@story
async def test_records_and_positions_are_committed_together():
    world = filled(World())
    await world.run_until(world.all_there)
    assert world.coordinator.aborts == 0
    for lane in world.lanes:
        assert (lane.records_copied, lane.anchor.source_offset, lane.uncommitted) == (60, 59, None)
        log = world.coordinator.logs["one.t", lane.partition]
        assert lane.expected_offset == log.next_offset, "the markers' offsets are known"
    assert world.transactions.at_rest


@story
async def test_nothing_moves_before_the_commit():
    world = filled(World(limits=Limits(age_s=3_600, at_rest=False)))

    def acknowledged():
        assert not (world.lanes[0].in_flight and world.transactions.at_rest)
        return all(lane.uncommitted and lane.uncommitted.records == 60 for lane in world.lanes)

    await world.run_until(acknowledged)
    for lane in world.lanes:
        assert (lane.records_copied, lane.anchor, list(lane.new_runs)) == (0, None, [])
        assert lane.settled == 60
    assert world.coordinator.commits == 0


@story
async def test_a_transaction_is_closed_by_its_age_and_by_its_size():
    for limits in (Limits(age_s=0.01, at_rest=False), Limits(age_s=3_600, size_bytes=500, at_rest=False)):
        world = filled(World(limits=limits))

        def closed_thrice(world=world):
            filled(world, 1)
            return world.coordinator.commits >= 3

        await world.run_until(closed_thrice)
        world.check()


@story
async def test_at_an_end_it_is_not_waited_for_the_interval():
    world = filled(World(limits=Limits(age_s=3_600, at_rest=False)))
    asyncio.get_running_loop().call_later(0.1, world.transactions.hurry)
    await world.run_until(world.all_there)


@story
async def test_what_passes_by_itself_does_not_abort():
    world = filled(World())
    world.refuse.extend([NOT_ENOUGH_REPLICAS, None, "lost", "written but lost", codes.NOT_LEADER_OR_FOLLOWER])
    await world.run_until(world.all_there)
    assert world.coordinator.aborts == 0


@pytest.mark.parametrize(
    "code",
    [codes.OUT_OF_ORDER_SEQUENCE_NUMBER, codes.INVALID_PRODUCER_EPOCH, codes.INVALID_TXN_STATE, codes.PRODUCER_FENCED],
)
def test_a_batch_that_spoils_the_transaction(code):
    async def tell():
        world = filled(World())
        world.refuse.extend([None, None, None, None, code])
        await world.run_until(world.all_there)
        assert world.coordinator.aborts == 1
        ((lanes, cause),) = world.aborted
        assert lanes
        assert cause.code == code
        for lane in world.lanes:
            assert lane.records_copied == 60, "what was aborted is not counted"
            assert lane.producer == Producer(9, 1)

    asyncio.run(tell())


@pytest.mark.parametrize("code", [codes.INVALID_TXN_STATE, codes.TRANSACTION_ABORTABLE])
@pytest.mark.parametrize("request_number", [2, 3])
def test_a_commit_that_is_refused_is_an_abort(code, request_number):
    """The second request writes the positions, the third ends the transaction."""

    async def tell():
        world = filled(World(), 1)
        ask, asked = world.coordinator._ask, []

        async def refusing():
            asked.append(1)
            await ask()
            if len(asked) == request_number:
                raise BrokerError("no", code=code)

        world.coordinator._ask = refusing
        await world.run_until(world.all_there)
        assert world.coordinator.aborts == 1

    asyncio.run(tell())


@story
async def test_a_coordinator_that_does_not_answer_is_asked_again():
    world = filled(World(), 1)
    world.coordinator.failing.append(Unreachable("gone"))
    await world.run_until(world.all_there)
    assert world.coordinator.aborts == 0


@story
async def test_an_id_that_the_coordinator_has_forgotten_is_begun_anew():
    world = filled(World(), 1)
    world.coordinator.failing.append(BrokerError("forgotten", code=codes.INVALID_PRODUCER_ID_MAPPING))
    await world.run_until(world.all_there)
    assert world.coordinator.epoch == 1


@story
async def test_whoever_is_fenced_ends():
    world = filled(World(limits=Limits(age_s=0.01)), 500)
    asyncio.get_running_loop().call_later(0.05, lambda: setattr(world.coordinator, "epoch", 7))
    with pytest.raises(BrokerError) as fenced:
        await world.run_until(world.all_there)
    assert is_fenced(fenced.value)
    world.check()


@story
async def test_a_partition_that_may_not_be_written_to_leaves_the_others_alone():
    world = filled(World())
    world.coordinator.refuses["one.t", 1] = codes.TOPIC_AUTHORIZATION_FAILED
    await world.run_until(lambda: len(world.committed(0)) == len(world.committed(2)) == 60)
    assert world.committed(1) == []
    lane, error = world.failed[0]
    assert lane is world.lanes[1]
    assert isinstance(error, NotAuthorized)
    assert error.right == "Write"


@pytest.mark.parametrize("place", [("one.t", 1), (POSITIONS, 0)])
def test_a_topic_that_the_coordinator_does_not_know_yet(place):
    async def tell():
        world = filled(World(), 1)
        world.coordinator.refuses[place] = codes.UNKNOWN_TOPIC_OR_PARTITION
        asyncio.get_running_loop().call_later(0.2, world.coordinator.refuses.clear)
        await world.run_until(world.all_there)
        assert not world.failed

    asyncio.run(tell())


@story
async def test_a_topic_that_stays_unknown_stops_its_own_lane():
    world = filled(World(), 1)
    world.coordinator.refuses["one.t", 1] = codes.UNKNOWN_TOPIC_OR_PARTITION
    await world.run_until(lambda: world.failed and len(world.committed(0)) == len(world.committed(2)) == 3)
    assert world.failed[0][0] is world.lanes[1]


@story
async def test_without_the_right_to_write_positions_nothing_is_copied():
    world = filled(World())
    world.coordinator.refuses[POSITIONS, 0] = codes.TOPIC_AUTHORIZATION_FAILED
    with pytest.raises(NotAuthorized, match=POSITIONS):
        await world.run_until(world.all_there)


@story
async def test_lanes_that_share_a_partition_are_turned_away():
    world = filled(World())
    world.lanes[2].share(shared=True)
    await world.run_until(lambda: len(world.committed(0)) == 60 and world.failed)
    assert isinstance(world.failed[0][1], DataError)
    assert world.committed(2) == []


@story
async def test_positions_are_stored_without_records():
    world = World()
    lane = world.lanes[0]
    lane.start(42, 38, world.transactions.producer, target_before=37)
    world.transactions.store([lane])
    await world.run_until(lambda: world.transactions.at_rest)
    assert world.coordinator.positions == {0: 41}
    assert world.coordinator.commits == 1


@story
async def test_a_lane_that_is_given_up_takes_its_records_with_it():
    world = filled(World(limits=Limits(age_s=3_600, at_rest=False)), 5)
    await world.run_until(lambda: world.lanes[0].uncommitted and world.lanes[0].uncommitted.records == 15)
    world = filled(World(limits=Limits(age_s=0.2, at_rest=False)), 5)
    lane = world.lanes[0]

    def give_up():
        if lane.uncommitted and lane in world.lanes:
            world.lanes.remove(lane)
            world.transactions.remove(lane)
            lane.close()
        return lane not in world.lanes and world.all_there()

    await world.run_until(give_up)
    assert world.committed(0) == []
    assert 0 not in world.coordinator.positions


@story
async def test_a_lane_that_is_given_up_while_its_partition_is_added():
    world = filled(World(), 1)
    lane, add = world.lanes[0], world.coordinator.add

    async def adding(partitions):
        if lane in world.lanes:
            world.lanes.remove(lane)
            world.transactions.remove(lane)
            lane.close()
        return await add(partitions)

    world.coordinator.add = adding
    await world.run_until(lambda: lane not in world.lanes and world.all_there())
    assert lane.uncommitted is None
    assert world.committed(0) == []


@story
async def test_another_start_of_a_lane_gets_an_epoch_of_its_own():
    """Its numbers begin with 0 again, and the broker must not take them for those it knows."""
    world = filled(World(), 1)
    await world.run_until(world.all_there)
    filled(world, 1)
    for lane in world.lanes[:2]:
        lane.start(lane.settled, lane.expected_offset, world.transactions.producer)
    await world.run_until(world.all_there)
    assert world.coordinator.epoch >= 1


@story
async def test_a_lane_placed_anew_in_the_middle_has_the_transaction_aborted():
    world = filled(World(limits=Limits(age_s=0.2, at_rest=False)), 5)
    lane = world.lanes[1]

    def placed():
        if lane.uncommitted and lane.uncommitted.records == 15:
            lane.start(0, 0, world.transactions.producer)
            lane.fail(DataError("placed again"), asyncio.get_running_loop().time(), retry_s=0.3)
        world.check()
        return world.coordinator.aborts > 0

    await world.run_until(placed)
    await world.run_until(world.all_there)


@pytest.mark.parametrize("seed", range(12))
def test_any_luck(seed):
    async def tell():
        chance = random.Random(seed)
        world = filled(World(4, limits=Limits(age_s=0.005)), 40)
        fates = [None] * 20 + [
            "lost",
            "written but lost",
            NOT_ENOUGH_REPLICAS,
            codes.NOT_LEADER_OR_FOLLOWER,
            codes.OUT_OF_ORDER_SEQUENCE_NUMBER,
            codes.INVALID_PRODUCER_EPOCH,
        ]
        world.refuse.extend(chance.choice(fates) for _ in range(60))
        await world.run_until(world.all_there, 30.0)
        assert world.window.used_bytes == 0

    asyncio.run(tell())
