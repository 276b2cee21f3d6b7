"""The topics that hold a flow's state."""

import pytest

from configs import flow_config, sync_config
from heliograph.config.model import InternalTopic
from heliograph.mirror.naming import Location
from heliograph.mirror.state_topics import forgets, state_topics_of


def written(flow):
    return {(topic.name, topic.location) for topic in state_topics_of(flow) if topic.written}


def test_the_topics_have_the_names_and_shapes_of_the_configuration():
    flow = flow_config(offsets_topic=InternalTopic("offsets", 5, 2))
    first, *others = state_topics_of(flow)
    assert (first.name, first.partitions, first.replication_factor) == ("offsets", 5, 2)
    assert {(topic.name, topic.location, topic.replication_factor) for topic in others} == {
        ("mm2-offset-syncs.A.internal", Location.TARGET, 3),
        ("mm2-offset-syncs.B.internal", Location.SOURCE, 3),
        ("mm2-configs.A.internal", Location.TARGET, 3),
        ("A.checkpoints.internal", Location.TARGET, 3),
        ("heartbeats", Location.TARGET, 3),
    }


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, {"o", "mm2-offset-syncs.A.internal", "A.checkpoints.internal", "heartbeats", "c"}),
        (
            {"offset_syncs_location": "source"},
            {"o", "mm2-offset-syncs.B.internal", "A.checkpoints.internal", "heartbeats", "c"},
        ),
        ({"offset_syncs": False, "checkpoints_interval_s": None, "heartbeats_interval_s": None}, {"o", "c"}),
    ],
)
def test_only_what_the_flow_writes_has_to_be_made(changes, names):
    flow = flow_config(
        offsets_topic=InternalTopic("o", 1, 1), config_topic=InternalTopic("c", 1, 1), sync=sync_config(**changes)
    )
    assert {name for name, _ in written(flow)} == names


@pytest.mark.parametrize(
    ("policy", "lost"),
    [("compact", False), (" compact ", False), ("delete", True), ("compact,delete", True), ("delete, compact", True)],
)
def test_what_is_deleted_is_forgotten(policy, lost):
    assert forgets(policy) is lost
