"""Topic configs follow the source; what goes on the target is told, and what it refuses keeps nothing else back."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.refused_configs import RefusedConfigs
from heliograph.mirror.topics import topic_rules_of
from heliograph.upkeep.topic_configs import TopicConfigsJob

PAIRS = {"orders": "one.orders"}
CHANGED, REPLACED = "topic config changed", "a config set on the target is replaced by the source's"


class Picky(FakeCluster):
    """Refuses topics' configs as a whole for one of them, as a broker does."""

    def _incremental_alter_configs(self, body, version):
        if any(each.name == "cleanup.policy" for row in body.resources for each in row.configs):
            rows = [
                {
                    "error_code": ErrorCode.policy_violation,
                    "error_message": "cleanup.policy must be delete here",
                    "resource_type": row.resource_type,
                    "resource_name": row.resource_name,
                }
                for row in body.resources
            ]
            return {"responses": rows}
        return super()._incremental_alter_configs(body, version)


@pytest.fixture
def follow():
    """Look once, and again after each of some changes of the two topics and the job; return target's topic and log."""

    def run(theirs, ours, *changes, spared=dict, target_type=FakeCluster, source_fault=None):
        with FakeCluster("one") as source, target_type("two") as target:
            original, copy = source.create("orders", **theirs), target.create("one.orders", **ours)
            source.always.update(source_fault or {})

            async def work(flow):
                rules = topic_rules_of(flow.config)
                job = TopicConfigsJob(flow.source, flow.target, rules, flow.log, RefusedConfigs())
                for change in (lambda *_: None, *changes):
                    change(original.configs, copy.configs)
                    target.forget_requests()
                    await job.sync(PAIRS, spared)
                return flow.log

            log = between(source, target, work)
            return copy.configs, log, target.asked

    return run


def test_a_change_on_the_source_follows_and_then_its_removal(follow):
    configs, log, _ = follow({"retention_ms": "1000"}, {}, lambda theirs, _: theirs.clear())
    assert configs == {}
    where = {"topic": "one.orders", "config": "retention.ms"}
    assert log.lines == [
        ("info", CHANGED, {**where, "value": "1000", "before": "604800000"}),
        ("info", CHANGED, {**where, "value": "(default)", "before": "1000"}),
    ]


def test_what_was_set_on_the_target_by_hand_is_told_before_it_goes(follow):
    configs, log, _ = follow({"retention_ms": "1000"}, {}, lambda _, ours: ours.update({"retention.ms": "5"}))
    assert configs == {"retention.ms": "1000"}
    fields = {"topic": "one.orders", "config": "retention.ms", "value": "1000", "before": "5"}
    assert log.lines[1:] == [("warning", REPLACED, fields), ("info", CHANGED, fields)]


def test_nothing_is_written_while_nothing_differs(follow):
    same = {"retention_ms": "1000"}
    _, log, asked = follow(same, same, lambda *_: None)
    assert log.lines == []
    assert set(asked) <= {"metadata", "describe_configs"}


def test_what_is_spared_stays(follow):
    spared = {"one.orders": frozenset({"cleanup.policy"})}
    configs, _, _ = follow({"cleanup_policy": "compact", "retention_ms": "1"}, {}, spared=lambda: spared)
    assert configs == {"retention.ms": "1"}


def test_what_another_job_begins_to_hold_while_both_sides_are_read_is_spared(follow):
    spared = {}

    def begin(answer):
        spared["one.orders"] = frozenset({"cleanup.policy"})
        return answer

    theirs = {"cleanup_policy": "compact", "retention_ms": "1"}
    fault = {"describe_configs": Fault(0, begin)}
    configs, _, _ = follow(theirs, {}, spared=lambda: spared, source_fault=fault)
    assert configs == {"retention.ms": "1"}


def test_a_refused_config_is_told_once_and_the_others_follow(follow):
    theirs = {"cleanup_policy": "compact", "retention_ms": "1000"}
    configs, log, asked = follow(theirs, {}, lambda *_: None, target_type=Picky)
    assert configs == {"retention.ms": "1000"}
    (refused,) = log.fields("the target refuses a topic config; the topic goes without it")
    assert (refused["topic"], refused["config"], refused["value"]) == ("one.orders", "cleanup.policy", "compact")
    assert "incremental_alter_configs" not in asked, "it is not tried again while the source's value stays"


def test_configs_that_may_not_be_read_are_told_of_once_and_left_alone(follow):
    code = ErrorCode.topic_authorization_failed
    fault = {"describe_configs": Fault(0, with_code(("results", 0, "error_code"), code))}
    configs, log, _ = follow({"retention_ms": "1000"}, {"retention_ms": "5"}, lambda *_: None, source_fault=fault)
    assert configs == {"retention.ms": "5"}
    ((level, message, fields),) = log.lines
    assert (level, message, fields["topic"]) == ("warning", "topic configs cannot be followed", "orders")
