"""What a worker says of its share, where that has changed."""

import pytest

from between import Noted
from heliograph.config.model import Part
from heliograph.mirror.steering import Steering, TargetState
from heliograph.worker.share_told import Doing, ShareTold, paused_words


def doing(partitions: int, of: int, *, same_config: bool = True) -> Doing:
    return Doing(partitions, 2, of, same_config)


@pytest.fixture
def told():
    return ShareTold(Noted(), "g")


@pytest.mark.parametrize(
    ("states", "lines"),
    [
        ([doing(6, 6)], [("running", {"topics": 2, "partitions": 6})]),
        ([doing(3, 6)], [("running", {"topics": 2, "partitions": 3, "of": 6})]),
        ([doing(0, 6), doing(0, 6)], [("standing by: other workers copy all partitions", {"group": "g"})]),
        ([doing(3, 6), doing(4, 7)], [("running", {"topics": 2, "partitions": 3, "of": 6})]),
        (
            [doing(0, 6), doing(3, 6)],
            [
                ("standing by: other workers copy all partitions", {"group": "g"}),
                ("share of the partitions", {"partitions": 3, "of": 6}),
            ],
        ),
    ],
)
def test_each_change_is_said_once(told, states, lines):
    for each in states:
        told.tell(each)
    assert told.log.of("info") == lines


def test_another_configuration_is_said_each_time_it_comes(told):
    for same in (True, False, False, True, False):
        told.tell(doing(1, 1, same_config=same))
    assert len(told.log.of("warning")) == 2


def test_what_is_paused_counts_when_it_has_been_closed(told):
    told.tell(doing(3, 6))
    told.steered(doing(3, 4))
    told.tell(doing(3, 4))
    told.tell(doing(2, 4))
    assert told.log.of("info")[1:] == [("share of the partitions", {"partitions": 2, "of": 4})]


def test_why_nothing_is_copied():
    whole = Steering({Part.SOURCE: TargetState.PAUSED})
    assert paused_words(whole, doing(0, 0), plans=0) == "as a whole"
    assert paused_words(Steering(), doing(0, 0), plans=3) == "all its topics are"
    assert paused_words(Steering(), doing(0, 0), plans=0) == ""
    assert paused_words(Steering(), doing(0, 2), plans=3) == ""
