"""A worker's part of its flow's limit: taken from its share, asked for when it is too small, and told in the log."""

from dataclasses import dataclass

import pytest

from between import Noted
from configs import flow_config
from heliograph.config.schedules import Schedule
from heliograph.mirror.steering import ToldLimit
from heliograph.worker.flow_runner import FlowRunner
from heliograph.worker.limits import Limit
from heliograph.worker.losses import Losses
from heliograph.worker.sharing import Share

MB = 1_000_000


@dataclass
class Group:
    """A worker's part in the group, as far as limits go."""

    share: Share
    asked: int = 0

    def rejoin(self) -> None:
        self.asked += 1


@pytest.fixture
def runner():
    flow = flow_config("a", "b", limit_bytes_per_s=10 * MB)
    return FlowRunner(flow, Losses(), Limit(flow.limit), Limit(Schedule()))


def given(runner, part, workers=2):
    """Let the leader have said so."""
    asked = 0 if runner._ownership is None else runner._ownership.asked
    runner._ownership = Group(Share(part=part, slots=frozenset(range(workers))), asked)
    runner._on_shared()


def test_a_worker_keeps_to_the_part_that_it_is_told(runner):
    assert (runner.workers, runner.limit.throttle.bytes_per_s) == (1, 10 * MB)
    given(runner, 0.1)
    assert (runner.workers, runner.limit.throttle.bytes_per_s) == (2, MB)
    given(runner, None, workers=4)  # by a leader that says nothing of parts
    assert (runner.workers, runner.limit.throttle.bytes_per_s) == (4, 2.5 * MB)


def test_one_that_is_held_back_with_less_than_an_even_part_asks_once_for_more(runner):
    given(runner, 0.1)
    runner.look()
    assert runner._ownership.asked == 0  # it needs no more
    runner.limit.throttle.took(10 * MB)
    assert runner.limit.throttle.pause_s > 0
    runner.look()
    runner.look()
    assert runner._ownership.asked == 1
    given(runner, 0.5)
    runner.look()
    assert runner._ownership.asked == 1
    given(runner, 0.2)
    runner.look()
    assert runner._ownership.asked == 2


def test_another_limit_is_told_once(runner):
    runner.log = Noted()
    runner.look()
    runner.look()
    runner.limit.override(ToldLimit(2 * MB))
    runner.look()
    runner.limit.override(ToldLimit(None))
    runner.look()
    runner.limit.override(None)
    runner.look()
    told = [(fields["rate"], fields["by"]) for fields in runner.log.fields("limit of bandwidth")]
    assert told == [
        ("10 MB/s", "the file"),
        ("2.0 MB/s", "a command"),
        ("none", "a command"),
        ("10 MB/s", "the file"),
    ]
