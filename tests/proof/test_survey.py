"""What is known of a flow's partitions before they are compared."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.flow.lane import Lane as Copied
from heliograph.flow.window import Window
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.patterns import Patterns
from heliograph.offsets.stored import Offsets, ensure_topic
from heliograph.proof.model import Span
from heliograph.proof.places import Spans
from heliograph.proof.survey import Clusters, survey


@pytest.fixture
def surveyed():
    """Look at a topic of two partitions, six records in the first, of which four were copied."""

    def run(anchors=(), *, prepare=lambda _source, _target: None, then=lambda _source, _target: None, only=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.create("orders", 2)
            source.write("orders", [b"%d" % number for number in range(6)])
            target.create("one.orders", 2)
            target.write("one.orders", [b"%d" % number for number in range(4)])
            prepare(source, target)

            async def work(flow):
                await ensure_topic(flow.target, flow.config)
                rows = [
                    (Copied("orders", "one.orders", partition, Window(1 << 20)), anchor)
                    for partition, anchor in anchors
                ]
                await Offsets(flow.target, flow.config).write(rows, 1_700_000_000_000)
                then(source, target)
                return await survey(Clusters(flow.config, flow.source, flow.target), only)

            return between(source, target, work, topics=("orders", "other"), replicate_heartbeats=False)

    return run


def test_ends_of_both_sides_and_how_far_was_acknowledged(surveyed):
    first, second = surveyed([(0, Anchor(3, 3))])
    assert (first.topic, first.partition, first.copy, first.copy_partition) == ("orders", 0, "one.orders", 0)
    assert first.ends == Spans(Span(0, 6), Span(0, 4), acknowledged=3, anchor_target=3)
    assert second.ends == Spans(Span(0, 0), Span(0, 0))
    assert {(each.reason, each.absent, each.compacted, each.appended) for each in (first, second)} == {
        ("", False, False, False)
    }


def test_what_was_deleted_lies_before_the_ends(surveyed):
    def delete(source, target):
        source.topics["orders"].delete_before(0, 2)
        target.topics["one.orders"].delete_before(0, 1)

    assert surveyed(prepare=delete)[0].ends == Spans(Span(2, 6), Span(1, 4))


def test_a_position_of_a_topic_that_was_recreated_says_nothing(surveyed):
    (first, _) = surveyed([(0, Anchor(3, 3, topic_id="00000000-0000-0000-0000-000000000007"))])
    assert (first.ends.acknowledged, first.ends.anchor_target) == (-1, None)


def test_configs_of_either_side_count(surveyed):
    def configure(source, target):
        source.topics["orders"].configs["cleanup.policy"] = "compact,delete"
        target.topics["one.orders"].configs["message.timestamp.type"] = "LogAppendTime"

    (first, _) = surveyed(prepare=configure)
    assert (first.compacted, first.appended) == (True, True)


def test_a_copy_that_is_not_there_is_absent(surveyed):
    (first, _) = surveyed(prepare=lambda _, target: target.topics.pop("one.orders"))
    assert (first.absent, first.ends) == (True, Spans(Span(0, 6), Span(0, 0)))


def test_partitions_that_share_one_cannot_be_compared(surveyed):
    anchors = [(0, Anchor(3, 3)), (1, Anchor(0, None, target_partition=0))]
    first, second = surveyed(anchors)
    told = "several partitions of the source go to one partition of the target"
    assert (first.reason, second.reason) == (told, told)


def test_only_what_is_asked_for_is_looked_at(surveyed):
    def more(source, target):
        source.create("other")
        target.create("one.other")

    lanes = surveyed(prepare=more, only=Patterns(("oth.*",)))
    assert [(lane.topic, lane.partition) for lane in lanes] == [("other", 0)]


def test_without_the_permission_to_read_positions_less_is_known_and_nothing_is_wrong(surveyed):
    def forbid(_source, target):
        place = ("responses", 0, "partitions", 0, "error_code")
        target.always["fetch"] = Fault(0, with_code(place, ErrorCode.topic_authorization_failed))

    (first, _) = surveyed([(0, Anchor(3, 3))], then=forbid)
    assert (first.ends, first.reason) == (Spans(Span(0, 6), Span(0, 4)), "")
