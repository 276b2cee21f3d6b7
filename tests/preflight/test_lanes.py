"""What a flow is to copy, and how far it is."""

import pytest

from between import between
from fake_cluster import FakeCluster
from heliograph.errors import Unreachable
from heliograph.preflight.lanes import lag_of, plans_of

GONE = Unreachable("it does not answer")


@pytest.mark.parametrize(
    ("reached", "begin", "end", "lag"),
    [
        (3, 0, 10, 7),
        (3, 5, 10, 5),
        (10, 0, 10, 0),
        (12, 0, 10, 0),
        (0, 4, 4, 0),
        (3, GONE, 10, None),
        (3, 0, GONE, None),
    ],
)
def test_the_lag_counts_what_there_is_yet_to_copy(reached, begin, end, lag):
    assert lag_of(reached, begin, end) == lag


def test_what_is_selected_is_to_be_copied():
    with FakeCluster("one") as source, FakeCluster("two") as target:
        source.create("orders", 2)
        source.create("left")

        async def work(flow):
            return await plans_of(flow.config, flow.source, flow.target)

        plans = between(source, target, work, topics=("orders",))
    assert [(each.source_topic, each.partition, each.target_topic) for each in plans] == [
        ("orders", 0, "one.orders"),
        ("orders", 1, "one.orders"),
    ]
