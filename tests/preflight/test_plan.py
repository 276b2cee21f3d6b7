"""What a file would change, as the clusters tell it."""

from dataclasses import replace

import pytest

from between import between
from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.changes import Extent
from heliograph.config.differences import OptionDifference
from heliograph.config.model import Part
from heliograph.config.told import tell
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.mirror.steering import TargetState, paused_row, state_row
from heliograph.mirror.topic_changes import Turn
from heliograph.observe.operations import Copier
from heliograph.offsets.steering import SteeringTopic
from heliograph.preflight import plan
from heliograph.preflight.plan import plan_of
from occupied import Occupied, shared

RUNS = flow_config("one", "two", topics=("orders",))
BOTH = frozenset({("orders", 0), ("orders", 1)})


def given(lanes=BOTH, config=RUNS.digest) -> bytes:
    return encode_leader(LeaderSays(lanes, config=config), "m-1")


def says(flow=RUNS, **changes) -> bytes:
    return encode_member(replace(MemberSays(config=flow.digest, options=tell(flow)), **changes))


@pytest.fixture
def planned():
    """Ask what a file would change; the source has ``orders`` and ``clicks``."""

    def run(target_type, *, told=(), **changes):
        with FakeCluster("one") as source, target_type("two") as target:
            source.create("orders", 2)
            source.create("clicks", 1)

            async def work(flow):
                if told:
                    target.create(flow.config.config_topic.name)
                    await SteeringTopic(flow.target, flow.config).write(told)
                return await plan_of(flow.config, flow.source, flow.target)

            return between(source, target, work, **{"topics": ("orders",), **changes})

    return run


def turns(found):
    return {each.topic: each.turn for each in found.topics}


def test_the_same_file_changes_nothing(planned):
    found = planned(shared(given(), metadata=(says(),)))
    assert (found.copier, found.changes, found.notes) == (Copier.WORKERS, False, [])


def test_another_file(planned):
    found = planned(shared(given(), metadata=(says(),)), topics=("clicks",), refresh_topics_interval_s=5.0)
    assert found.changes
    assert turns(found) == {"clicks": Turn.BEGINS, "orders": Turn.ENDS}
    assert found.options == (
        OptionDifference("topics", ("orders",), ("clicks",), Extent.IN_PLACE),
        OptionDifference("refresh.topics.interval.seconds", "10", "5", Extent.IN_PLACE),
    )


def test_the_leaders_configuration_counts(planned):
    older = flow_config("one", "two", topics=("orders", "older"))
    found = planned(shared(given(frozenset()), given(), metadata=(says(older), says())))
    assert found.options == ()
    assert found.notes == ["1 worker with another configuration than the leader's, which is compared here"]


def test_a_worker_that_does_not_say(planned):
    assert planned(shared(given(), metadata=(says(options=None),))).changes is False
    found = planned(shared(given(), metadata=(says(options=None),)), topics=("clicks",))
    assert turns(found) == {"clicks": Turn.BEGINS, "orders": Turn.ENDS}
    assert found.notes == ["The workers have another configuration, but do not say which: their lists are too long"]


def test_workers_of_an_older_version(planned):
    found = planned(shared(given(config="")))
    assert found.notes == ["The workers are of a version that does not say which configuration it has"]
    found = planned(shared(b'{"owner":"m-1"}'), topics=("clicks",))
    assert found.notes[1] == "A worker of version 0.1 copies everything: the file is compared with the stored positions"


def test_workers_of_a_newer_version(planned):
    found = planned(shared(given(config="12345678"), metadata=(says(config="12345678"),)))
    assert found.notes == [
        "The workers are of another version, whose defaults may differ: not every option could be compared"
    ]


def test_nobody(planned):
    found = planned(FakeCluster)
    assert (found.copier, found.changes, turns(found)) == (Copier.NOBODY, True, {"orders": Turn.BEGINS})
    assert found.notes == ["Nobody copies this flow: the file is compared with the stored positions"]


def test_mirror_maker(planned):
    found = planned(Occupied)
    assert found.notes == ["MirrorMaker 2 has the group one-mm2: heliograph run does not start before it has stopped"]


def test_a_group_that_does_not_come_to_rest(planned, monkeypatch):
    monkeypatch.setattr(plan, "REST_S", 0.0)
    found = planned(shared(b"", metadata=(says(),), state="PreparingRebalance"))
    assert "The workers share the partitions out at this moment, so what they copy is not known" in found.notes


def test_what_is_paused_is_no_change(planned):
    in_force = shared(given(frozenset({("orders", 0)})), metadata=(says(),))
    found = planned(in_force, told=[paused_row("orders", frozenset({1}))])
    assert (found.changes, found.notes) == (False, ["1 topic with paused partitions, which stay so"])
    found = planned(shared(given(frozenset()), metadata=(says(),)), told=[state_row(Part.SOURCE, TargetState.PAUSED)])
    assert (found.changes, found.notes) == (False, ["The flow is paused: no topic begins before it is resumed"])
