"""Events of the data plane as log lines: level, message and fields."""

import pytest

from heliograph.config.model import CauseKind, LossKind
from heliograph.errors import Unreachable
from heliograph.flow.events import ClusterBack, ClusterTrouble, LaneFailed, LaneRecovered, TransactionAborted
from heliograph.mirror.losses import Loss
from heliograph.observe.model import Cause
from heliograph.worker.event_log import tell, tell_health

CAUSE = Unreachable("No answer")


class Lines:
    """Takes what would be logged."""

    def __init__(self):
        self.taken = []

    def __getattr__(self, level):
        return lambda message, **fields: self.taken.append((level, message, fields))


def told(event):
    lines = Lines()
    tell(event, lines)
    (line,) = lines.taken
    return line


@pytest.mark.parametrize(
    ("event", "level", "fields"),
    [
        (
            LaneFailed("t", 3, CAUSE, 2.0),
            "error",
            {"topic": "t", "partition": 3, "cause": CAUSE, "next_try_in": "2.0s"},
        ),
        (
            LaneFailed("t", 3, CAUSE, None),
            "error",
            {"topic": "t", "partition": 3, "cause": CAUSE, "next_try_in": "never"},
        ),
        (LaneRecovered("t", 3), "info", {"topic": "t", "partition": 3}),
        (TransactionAborted("B", 4, CAUSE), "warning", {"target": "B", "partitions": 4, "cause": CAUSE}),
        (ClusterTrouble("A", CAUSE), "warning", {"cluster": "A", "cause": CAUSE}),
        (ClusterBack("A"), "info", {"cluster": "A"}),
    ],
)
def test_what_is_no_loss(event, level, fields):
    assert (told(event)[0], told(event)[2]) == (level, fields)


@pytest.mark.parametrize("kind", list(LossKind))
def test_a_loss_names_the_side_where_it_happened(kind):
    loss = Loss(kind, "t", 1, "A.t", 2, source_offsets=(10, 15), target_offsets=(3, 4), goes_on_at=15)
    level, _, fields = told(loss)
    there = {"topic": "A.t", "partition": 2, "offsets": "3..3", "count": 1}
    here = {"topic": "t", "partition": 1, "offsets": "10..14", "count": 5}
    assert level == "error"
    assert fields == (there if loss.on_target else here) | {"goes_on_at": 15}


def test_each_kind_of_loss_has_a_message_of_its_own():
    messages = {told(Loss(kind, "t", 0, "A.t", 0))[1] for kind in LossKind}
    assert len(messages) == len(LossKind)


def test_a_loss_whose_range_is_not_known():
    _, _, fields = told(Loss(LossKind.RETENTION, "t", 1, "A.t", 2))
    assert fields == {"topic": "t", "partition": 1, "offsets": "-", "count": 0}


def test_a_flow_that_becomes_degraded_and_well_again():
    lines = Lines()
    still = Cause(CauseKind.STANDING_STILL, "t-0: no permission", 3, 12.0)
    job = Cause(CauseKind.JOB, "store positions: no answer", 0, 61.0)
    tell_health((still, job), lines)
    tell_health((), lines)
    causes = (
        "standing-still, partitions=3: t-0: no permission (for 12 s); job: store positions: no answer (for 1 min 1 s)"
    )
    assert lines.taken == [
        ("warning", "the flow is degraded", {"causes": causes}),
        ("info", "the flow is well again", {}),
    ]
