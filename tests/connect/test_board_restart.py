"""A flow that has failed is begun again when its connector is; and a connector has one home, wherever one asks."""

import asyncio

from test_board import ME, Simple, with_board

from configs import flow_config
from heliograph.connect.desk import Peer
from heliograph.observe.connectors import RunState
from heliograph.observe.model import FlowState, FlowView

NAME = "MirrorSourceConnector"


class Failed(Simple):
    """One whose flow has failed."""

    def __init__(self):
        super().__init__(flow_config("A", "B"))
        self.started: list[str] = []
        self.view_now = FlowView(self.flow.name, FlowState.FAILED, "the password was refused")

    async def start_flow(self, name: str) -> None:
        self.started.append(name)


def test_a_failed_flow_is_shown_and_begun_again():
    board = Failed()
    shown = board.all()[NAME]
    assert (shown.state, shown.trace) == (RunState.FAILED, "the password was refused")
    asyncio.run(board.restart(NAME, include_tasks=False, only_failed=True))
    assert board.started == [board.flow.name]


def test_one_that_runs_is_not_begun_again():
    board = Failed()
    board.view_now = FlowView(board.flow.name, FlowState.RUNNING)
    asyncio.run(board.restart(NAME, include_tasks=True, only_failed=False))
    assert board.started == []


def test_all_workers_name_the_same_home():
    async def work(board):
        desk = board._desk(board.flow)
        desk.peers = (
            Peer("member-b", ME, frozenset({("orders", 0)})),
            Peer("member-a", "127.0.0.2:8083", frozenset({("orders", 1)})),
        )
        return {view.worker_id for view in board.all().values()}

    assert with_board(work) == {"127.0.0.2:8083"}
