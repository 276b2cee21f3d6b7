"""What ``check`` says of a flow that is paused, or a part of it."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.config.model import Part
from heliograph.mirror.steering import TargetState, paused_row, rewind_row, state_row
from heliograph.offsets.steering import SteeringTopic
from heliograph.preflight.check_state import StateCheck


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], []),
        ([state_row(Part.SOURCE, TargetState.PAUSED)], ["The flow is paused: it will copy nothing"]),
        ([state_row(Part.HEARTBEAT, TargetState.PAUSED)], []),
        ([paused_row("b", None), paused_row("a", frozenset({1})), rewind_row(("c", 0), 3)], ["Paused: a, b, c"]),
    ],
)
def test_what_is_paused_is_a_warning(rows, said):
    async def work(flow):
        if rows:
            await SteeringTopic(flow.target, flow.config).write(rows)
        return await StateCheck(flow.config, flow.source, flow.target).steering()

    with FakeCluster("one") as source, FakeCluster("two") as target:
        assert [each.text for each in between(source, target, work)] == said
