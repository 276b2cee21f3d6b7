"""A cluster that cannot be used is told once, whichever of its brokers answers meanwhile."""

import pytest

from heliograph.errors import Unreachable
from heliograph.flow.events import ClusterBack, ClusterTrouble
from heliograph.flow.reach import METADATA, Reach

ERROR = Unreachable("no answer")
TROUBLE, BACK = ClusterTrouble("A", ERROR), ClusterBack("A")


@pytest.fixture
def told():
    return []


@pytest.fixture
def reach(told):
    return Reach("A", told.append)


def test_a_broker_that_does_not_answer_for_a_while(reach, told):
    reach.fine(0)
    reach.trouble(0, ERROR)
    reach.trouble(0, Unreachable("something else"))
    assert told == [TROUBLE]
    reach.fine(0)
    reach.fine(0)
    assert told == [TROUBLE, BACK]
    reach.trouble(0, ERROR)
    assert told == [TROUBLE, BACK, TROUBLE]


def test_a_broker_that_answers_does_not_speak_for_another(reach, told):
    reach.trouble(2, ERROR)
    for _ in range(5):
        reach.fine(1)
        reach.trouble(2, ERROR)
    assert told == [TROUBLE]
    reach.fine(2)
    assert told == [TROUBLE, BACK]


def test_all_must_answer_again(reach, told):
    reach.trouble(1, ERROR)
    reach.trouble(METADATA, ERROR)
    reach.fine(1)
    assert told == [TROUBLE]
    reach.fine(METADATA)
    assert told == [TROUBLE, BACK]


def test_a_broker_whose_partitions_have_moved_does_not_matter(reach, told):
    reach.trouble(2, ERROR)
    reach.needs([1, 2])
    assert told == [TROUBLE]
    reach.needs([1, 3])
    assert told == [TROUBLE, BACK]
    reach.needs([1, 3])
    assert told == [TROUBLE, BACK]


def test_metadata_that_cannot_be_had_matters_whoever_leads(reach, told):
    reach.trouble(METADATA, ERROR)
    reach.needs([1])
    assert told == [TROUBLE]
