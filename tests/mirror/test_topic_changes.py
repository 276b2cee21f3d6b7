"""Which topics another configuration begins, ends and moves."""

import pytest

from configs import flow_config
from heliograph.config.model import Policy
from heliograph.mirror.naming import naming_of
from heliograph.mirror.topic_changes import Copy, Now, TopicChange, Turn, topic_changes
from heliograph.mirror.topics import TopicShape, topic_rules_of

SOURCE = {"orders": TopicShape(2), "payments": TopicShape(3), "clicks": TopicShape(1)}


def lanes(**topics):
    return {(topic, partition) for topic, count in topics.items() for partition in range(count)}


@pytest.fixture
def compare():
    """Compare the new list of topics with what is copied now."""

    def run(topics, running, *, stored=(), target=None, old=None, paused=frozenset(), **changes):
        rules = topic_rules_of(flow_config(topics=topics, **changes))
        naming = None if old is None else naming_of(old)
        return topic_changes(rules, SOURCE, target or {}, Now(running, naming, set(stored), paused.__contains__))

    return run


def test_the_same_changes_nothing(compare):
    assert compare(("orders",), lanes(orders=2), target={"A.orders": 2}) == ()


def test_one_more_and_one_less(compare):
    assert compare(("orders", "clicks"), lanes(orders=2, payments=3)) == (
        TopicChange("clicks", Turn.BEGINS, 1, "A.clicks", "", Copy.CREATED, 0, 1),
        TopicChange("payments", Turn.ENDS, 3, copied_to="A.payments", reason="not included by topics"),
    )


def test_one_that_was_copied_before_goes_on_where_it_ended(compare):
    found = compare(("payments",), frozenset(), stored=lanes(payments=2), target={"A.payments": 2})
    assert found == (TopicChange("payments", Turn.BEGINS, 3, "A.payments", "", Copy.GROWN, 2, 1),)


def test_one_that_is_excluded_ends_for_that_reason(compare):
    (found,) = compare((".*",), lanes(orders=2, payments=3, clicks=1), topics_exclude=("pay.*",))
    assert (found.turn, found.reason) == (Turn.ENDS, "excluded by pay.*")


def test_one_that_is_gone_from_the_source_ends(compare):
    (found,) = compare(("orders", "gone"), lanes(orders=2, gone=1))
    assert (found.topic, found.reason) == ("gone", "it is not on the source")


def test_other_names_move_what_is_copied(compare):
    (found,) = compare(
        ("orders",),
        lanes(orders=2),
        stored=lanes(orders=2),
        target={"A.orders": 2},
        old=flow_config(),
        policy=Policy.IDENTITY,
    )
    assert found == TopicChange("orders", Turn.MOVES, 2, "orders", "A.orders", Copy.CREATED, 2, 0)


def test_where_nobody_copies_everything_begins_and_what_is_not_selected_any_more_ended(compare):
    found = compare(("orders", "clicks"), None, stored=lanes(orders=2, payments=3), target={"A.orders": 2})
    assert [(each.topic, each.turn, each.stored, each.fresh, each.copy) for each in found] == [
        ("clicks", Turn.BEGINS, 0, 1, Copy.CREATED),
        ("orders", Turn.BEGINS, 2, 0, Copy.THERE),
        ("payments", Turn.ENDS, 0, 0, None),
    ]


def test_workers_without_partitions_leave_nothing_to_end(compare):
    assert compare(("nothing",), frozenset(), stored=lanes(orders=2)) == ()


def test_what_is_paused_does_not_begin(compare):
    assert compare(("orders", "clicks"), lanes(orders=2), target={"A.orders": 2}, paused=lanes(clicks=1)) == ()
    (found,) = compare(("payments",), frozenset(), paused={("payments", 0)})
    assert (found.topic, found.turn) == ("payments", Turn.BEGINS)
