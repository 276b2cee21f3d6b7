"""What a lane is, as values."""

import pytest

from heliograph.flow.lane_model import RETRY_S_MAX, Identity, retry_pause_s
from heliograph.mirror.anchor import Anchor


@pytest.mark.parametrize(
    ("failures", "pause_s"), [(1, 0.2), (2, 0.4), (8, 25.6), (9, RETRY_S_MAX), (10_000, RETRY_S_MAX)]
)
def test_the_pause_doubles_up_to_its_limit(failures, pause_s):
    assert retry_pause_s(failures) == pytest.approx(pause_s)


def test_an_anchor_says_of_which_topics_it_is_true():
    identity = Identity("source id", "target id", 4)
    assert identity.anchor(41, 37, -1) == Anchor(41, 37, "source id", 4, -1, "target id")
    assert identity.anchor(41, None, 2) == Anchor(41, None, "source id", 4, 2, "target id")
