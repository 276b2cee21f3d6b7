import pytest

from configs import flow_config
from heliograph.offsets.fencing import is_task_of

FLOW = flow_config("a", "b")


@pytest.mark.parametrize(
    ("transactional_id", "ours"),
    [
        ("a-mm2-MirrorSourceConnector-0", True),
        ("a-mm2-MirrorSourceConnector-12", True),
        ("connect-cluster-a-mm2", True),
        ("a-mm2-MirrorSourceConnector-", False),
        ("a-mm2-MirrorSourceConnector-x", False),
        ("a-mm2-MirrorHeartbeatConnector-0", False),
        ("other-mm2-MirrorSourceConnector-0", False),
        ("connect-cluster-other", False),
        ("a-mm2", False),
    ],
)
def test_only_the_tasks_of_this_flow_are_fenced(transactional_id, ours):
    assert is_task_of(transactional_id, FLOW) is ours
