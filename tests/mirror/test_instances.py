"""Who has the heartbeats, of several instances between the same two clusters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import flow_config, sync_config
from heliograph.config.model import Policy
from heliograph.mirror.instances import Duty, Instance, beside, copies_heartbeats, duties_among, duties_of

ALL = frozenset(Duty)


def test_alone_it_does_everything():
    assert duties_among(Instance("a", ALL), []) == ALL


@pytest.mark.parametrize(
    ("copies", "who"),
    [((False, False, False), "a"), ((False, True, False), "b"), ((False, True, True), "b"), ((True, False, True), "a")],
)
def test_who_copies_goes_on_and_else_the_first_by_name_does(copies, who):
    there = [Instance(group, ALL, each) for group, each in zip("abc", copies, strict=True)]
    assert {each.group: duties_among(each, there) for each in there} == {
        each.group: ALL if each.group == who else frozenset() for each in there
    }


def test_what_the_first_does_not_want_another_does():
    first, second = Instance("a", frozenset({Duty.COPY})), Instance("b", ALL)
    assert duties_among(first, [second]) == {Duty.COPY}
    assert duties_among(second, [first]) == {Duty.WRITE_TO_SOURCE, Duty.WRITE_TO_TARGET}


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.frozensets(st.sampled_from(Duty)), st.booleans()), min_size=1))
def test_each_duty_is_done_by_one_that_wants_it(given_groups):
    there = [Instance(group, *each) for group, each in given_groups.items()]
    done = [duty for each in there for duty in duties_among(each, there)]
    assert sorted(done) == sorted({duty for each in there for duty in each.duties})


def test_what_a_configuration_wants():
    assert duties_of(flow_config()) == ALL
    none = sync_config(heartbeats_interval_s=None, reverse_heartbeats_interval_s=None)
    assert duties_of(flow_config(sync=none, replicate_heartbeats=False)) == frozenset()


def test_only_those_that_fill_the_same_copies_are_beside_each_other():
    flow = flow_config()
    assert beside(flow, flow_config(topics=("others",), policy=Policy.IDENTITY))
    assert not beside(flow, flow_config("C"))
    assert not beside(flow, flow_config(separator="-"))


def test_which_lanes_are_heartbeats():
    flow = flow_config()
    assert copies_heartbeats(flow, [("orders", 1), ("X.heartbeats", 0)])
    assert not copies_heartbeats(flow, [("orders", 1), ("heartbeats.old", 0)])
