"""What is told and asked of connectors, whichever kind they are; on a fake cluster."""

import asyncio
from dataclasses import replace

import pytest

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.model import ClusterConfig, Part
from heliograph.connect.board import Board
from heliograph.connect.desk import Peer
from heliograph.connect.picture import Entry
from heliograph.errors import NotFound
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.offsets import offset_key, offset_value
from heliograph.mirror.steering import TargetState
from heliograph.observe.connectors import Invalid, RunState, StoredOffset, Wanted
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, ProcessView

LIMIT_S = 20.0
ME = "127.0.0.1:8083"
LANE = LaneView("orders", "A.orders", 0, LaneState.RUNNING)
ORDERS = {"cluster": "A", "partition": 0, "topic": "orders"}


class Simple(Board):
    """Three connectors of one flow, and notes of what they were told."""

    def __init__(self, flow):
        super().__init__(ME)
        self.flow = flow
        self.states = dict.fromkeys(Part, TargetState.STARTED)
        self.told = []
        self.control = self
        self.view_now = FlowView(flow.name, FlowState.RUNNING, lanes=(LANE, replace(LANE, partition=1)))

    def view(self):
        return ProcessView("1", "compiled", 0.0, 0.0, 0, (self.view_now,))

    @property
    def cluster_id(self):
        return "id"

    @property
    def exactly_once(self):
        return False

    def entries(self):
        return [Entry(part.value, {}, part, self.flow) for part in Part]

    def wanted(self, entry):
        return self.states[entry.part]

    async def tell(self, entry, rows):
        self.told.append((entry.name, [key.decode() for key, _ in rows], [value for _, value in rows]))


async def until_connected(board):
    while not (board._desk(board.flow) and board._desk(board.flow).cluster_id):
        await asyncio.sleep(0.01)


def with_board(work):
    async def main():
        with FakeCluster("B") as target:
            target.create("A.orders", 2)
            board = Simple(flow_config("A", target.config, tasks_max=2))
            target.create(board.flow.offsets_topic.name, 3)
            watching = asyncio.create_task(board.watch())
            try:
                async with asyncio.timeout(LIMIT_S):
                    await until_connected(board)
                    return await work(board)
            finally:
                watching.cancel()
                await asyncio.wait([watching])

    return asyncio.run(main())


def test_all_are_shown_in_order():
    async def work(board):
        return board.all()

    shown = with_board(work)
    assert list(shown) == sorted(Part)
    assert [len(view.tasks) for view in shown.values()] == [1, 1, 2]


def test_tasks_stay_in_sight_while_the_configuration_changes():
    async def main():
        board = Simple(flow_config("A", ClusterConfig("B", (("127.0.0.1", 1),)), tasks_max=1))  # nothing answers there
        seen = []
        for number in range(20):
            board.flow = replace(board.flow, tasks_max=1 + number % 2)
            seen.append(len(board.all()[Part.SOURCE].tasks))
            await board._watch({board.flow.name: board.flow})
            seen.append(len(board.all()[Part.SOURCE].tasks))
        await board._watch({})
        return seen

    assert asyncio.run(main()) == [1, 1, 2, 2] * 10


def test_another_configuration_knows_what_was_known():
    async def work(board):
        desk = board._desk(board.flow)
        desk.peers = (Peer("x", "10.0.0.2:8083", frozenset({("orders", 0), ("orders", 1)})),)
        board.flow = replace(board.flow, tasks_max=1)
        await board._watch({board.flow.name: board.flow})
        assert board._desk(board.flow) is not desk
        (task,) = board.all()[Part.SOURCE].tasks
        await until_connected(board)
        await board._watch({})
        return task.worker_id, board._desk(board.flow)

    assert with_board(work) == ("10.0.0.2:8083", None)


@pytest.mark.parametrize("wanted", Wanted)
def test_what_it_is_told_is_written(wanted):
    async def work(board):
        await board.want(Part.SOURCE, wanted)
        return board.told

    state = {"RUNNING": b"STARTED"}.get(wanted, wanted.encode())
    ((name, keys, values),) = with_board(work)
    assert (name, keys) == (Part.SOURCE, [f"target-state-{Part.SOURCE}"])
    assert state in values[0]


@pytest.mark.parametrize(
    ("tasks", "failed", "states", "rows"),
    [
        (False, False, (RunState.RESTARTING, RunState.RUNNING), 0),
        (True, False, (RunState.RESTARTING, RunState.RESTARTING), 1),
        (False, True, (RunState.RUNNING, RunState.RUNNING), 0),
        (True, True, (RunState.RUNNING, RunState.RUNNING), 1),
    ],
)
def test_a_restart_says_what_it_concerns(tasks, failed, states, rows):
    async def work(board):
        view = await board.restart(Part.SOURCE, include_tasks=tasks, only_failed=failed)
        return (view.state, view.tasks[0].state), board.told

    found, told = with_board(work)
    assert (found, len(told)) == (states, rows)
    assert all(keys == [f"restart-connector-{Part.SOURCE}"] for _, keys, _ in told)


def test_a_restart_of_a_stopped_one_is_told_too():
    async def work(board):
        board.states[Part.SOURCE] = TargetState.STOPPED
        view = await board.restart(Part.SOURCE, include_tasks=True, only_failed=False)
        return view.state, view.tasks

    assert with_board(work) == (RunState.RESTARTING, ())


def test_a_task_is_started_again():
    async def work(board):
        await board.restart_task(Part.SOURCE, 1)
        return board.told

    assert with_board(work) == [(Part.SOURCE, ["heliograph-restart-orders"], [b'{"partitions":[1]}'])]


def test_who_is_not_there():
    async def work(board):
        for asked, words in (
            (board.want("x", Wanted.PAUSED), "Unknown connector x"),
            (board.restart("x", include_tasks=False, only_failed=False), "Unknown connector: x"),
            (board.restart_task("x", 0), "Unknown connector: x"),
            (board.restart_task(Part.SOURCE, 9), f"Unknown task: {Part.SOURCE}-9"),
            (board.offsets("x"), "Connector x not found"),
            (board.alter_offsets("x", []), "Connector x not found"),
            (board.reset_offsets("x"), "Connector x not found"),
        ):
            with pytest.raises(NotFound) as told:
                await asked
            assert str(told.value) == words

    with_board(work)


async def stored(board):
    return [(dict(each.partition), dict(each.offset)) for each in await board.offsets(Part.SOURCE)]


async def keep(board, offset):
    key = offset_key(board.flow.connector_name, "A", "orders", 0)
    await board._desk(board.flow).store([(key, offset_value(Anchor(offset, offset)))])


def test_positions_are_shown_set_and_forgotten():
    async def work(board):
        await keep(board, 41)
        assert await stored(board) == [(ORDERS, {"offset": 41})]
        board.states[Part.SOURCE] = TargetState.STOPPED
        await board.alter_offsets(Part.SOURCE, [StoredOffset(ORDERS, {"offset": 7})])
        assert await stored(board) == [(ORDERS, {"offset": 7})]
        await board.alter_offsets(Part.SOURCE, [StoredOffset({"garbage": 1}, None), StoredOffset(ORDERS, None)])
        assert await stored(board) == []
        await keep(board, 41)
        await board.reset_offsets(Part.SOURCE)
        return await stored(board)

    assert with_board(work) == []


def test_who_asks_right_after_a_change_is_answered():
    async def work(board):
        await keep(board, 41)
        board.flow = replace(board.flow, tasks_max=1)
        board.states[Part.SOURCE] = TargetState.STOPPED
        await board.reset_offsets(Part.SOURCE)
        assert board._desk(board.flow).flow == board.flow
        return await stored(board)

    assert with_board(work) == []


def test_positions_of_a_running_one_stay():
    async def work(board):
        for asked in (board.alter_offsets(Part.SOURCE, []), board.reset_offsets(Part.SOURCE)):
            with pytest.raises(Invalid, match="Connectors must be in the STOPPED state"):
                await asked

    with_board(work)


@pytest.mark.parametrize(
    "partition", [{**ORDERS, "cluster": "elsewhere"}, {**ORDERS, "more": 1}, {**ORDERS, "topic": None}]
)
def test_nothing_is_stored_when_one_position_is_wrong(partition):
    async def work(board):
        board.states[Part.SOURCE] = TargetState.STOPPED
        with pytest.raises(Invalid):
            await board.alter_offsets(
                Part.SOURCE, [StoredOffset(ORDERS, {"offset": 7}), StoredOffset(partition, {"offset": 7})]
            )
        return await stored(board)

    assert with_board(work) == []


def test_the_other_connectors_have_no_positions_to_set():
    async def work(board):
        board.states[Part.HEARTBEAT] = TargetState.STOPPED
        aliases = {"sourceClusterAlias": "A", "targetClusterAlias": "B"}
        await board.alter_offsets(Part.HEARTBEAT, [StoredOffset(aliases, {"offset": 0})])
        await board.reset_offsets(Part.HEARTBEAT)
        return await board.offsets(Part.HEARTBEAT)

    assert with_board(work) == []


def test_a_picture_is_not_taken_for_each_question():
    async def work(board):
        before = board.all()[Part.SOURCE].tasks
        board.view_now = replace(board.view_now, lanes=())
        assert board.all()[Part.SOURCE].tasks == before
        while board.all()[Part.SOURCE].tasks:
            await asyncio.sleep(0.01)
        return len(before)

    assert with_board(work) == 2
