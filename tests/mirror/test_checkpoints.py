import pytest

from heliograph.config.model import Policy
from heliograph.errors import ConfigError
from heliograph.mirror.checkpoints import (
    GroupChoice,
    GroupSync,
    Left,
    Wanted,
    checkpoint_key,
    follows_topic,
    is_news,
    news,
    plan_group_sync,
)
from heliograph.mirror.formats import Checkpoint
from heliograph.mirror.naming import Naming
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.selection import Selection

DEFAULT_EXCLUDE = ("console-consumer-.*", "connect-.*", "__.*")


def naming(policy=Policy.DEFAULT):
    return Naming("A", "B", policy, ".", ".")


@pytest.mark.parametrize(
    ("group", "follows", "reason"),
    [
        ("billing", True, "included by .*"),
        ("console-consumer-123", False, "excluded by console-consumer-.*"),
        ("connect-sink", False, "excluded by connect-.*"),
        ("__internal", False, "excluded by __.*"),
        ("myconnect-x", True, "included by .*"),
        ("", True, "included by .*"),
    ],
)
def test_the_default_choice_of_groups(group, follows, reason):
    choice = GroupChoice(Patterns((".*",)), Patterns(DEFAULT_EXCLUDE))
    assert (choice.follows(group), choice.why(group)) == (follows, reason)


def test_groups_match_whole_names():
    choice = GroupChoice(Patterns(("bill", "ship.*")), Patterns(()))
    assert [choice.follows(group) for group in ("bill", "billing", "shipping")] == [True, False, True]
    assert choice.why("billing") == "not included by groups"
    with pytest.raises(ConfigError):
        GroupChoice(Patterns(("(",)), Patterns(()))


def test_topics_are_judged_by_the_lists_alone():
    """MM2 does not ask whether a topic is internal or came from the target: such positions are followed too."""
    selection = Selection(naming(), Patterns((".*",)), Patterns(("x.*",)), replicate_heartbeats=True)
    assert follows_topic(selection, "orders")
    assert follows_topic(selection, "B.orders")
    assert not follows_topic(selection, "xyz")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, (0, 0), True),
        ((40, 38), (42, 40), True),
        ((40, 38), (40, 38), False),
        ((40, 38), (39, 38), True),
        ((40, 38), (39, 30), True),
        ((40, 38), (42, 38), False),
        ((40, 38), (42, 37), False),
        ((40, 38), (40, 39), True),
    ],
)
def test_mm2s_rule_of_what_is_written(before, now, expected):
    made = [pair and Checkpoint("g", "A.t", 0, *pair) for pair in (before, now)]
    assert is_news(made[1], made[0]) is expected
    known = {checkpoint_key(made[0]): made[0]} if made[0] else {}
    assert news([made[1]], known) == ((made[1],) if expected else ())


@pytest.mark.parametrize(("now", "written"), [((42, 38), True), ((42, 37), False), ((40, 38), True)])
def test_a_change_of_metadata_alone_is_written(now, written):
    before, after = Checkpoint("g", "A.t", 0, 40, 38, "old"), Checkpoint("g", "A.t", 0, *now, "new")
    assert is_news(after, before) is written


def test_checkpoints_of_others_do_not_count():
    known = {("g", "A.t", 0): Checkpoint("g", "A.t", 0, 5, 5)}
    others = [Checkpoint("h", "A.t", 0, 5, 5), Checkpoint("g", "A.u", 0, 5, 5), Checkpoint("g", "A.t", 1, 5, 5)]
    assert news(others, known) == tuple(others)


T0, T1, T2, T3 = (("A.t", partition) for partition in range(4))
WANTED = {T0: Wanted(20), T1: Wanted(30, "x"), T2: Wanted(40), T3: Wanted(0)}


def test_an_absent_group_gets_everything():
    assert plan_group_sync(WANTED, {}, active=False, metadata={}) == GroupSync(WANTED, {})


def test_an_idle_group_is_only_moved_forward():
    committed = {T0: Wanted(19), T1: Wanted(30, "x"), T2: Wanted(41, "y"), ("other", 0): Wanted(7)}
    found = plan_group_sync(WANTED, committed, active=False, metadata={})
    assert found.commit == {T0: Wanted(20), T3: Wanted(0)}
    assert found.left == {T1: Left.EQUAL, T2: Left.AHEAD}


@pytest.mark.parametrize(
    ("before", "follows"),
    [({T0: "old"}, True), ({T0: ""}, True), ({T0: "new"}, False), ({}, False), ({T1: "old"}, False)],
)
def test_metadata_follows_where_it_has_changed_on_the_source(before, follows):
    committed = {T0: Wanted(20, "the target's"), T1: Wanted(30, "x"), T2: Wanted(41, "old"), T3: Wanted(0)}
    found = plan_group_sync(WANTED | {T0: Wanted(20, "new")}, committed, active=False, metadata=before)
    assert found.commit == ({T0: Wanted(20, "new")} if follows else {})
    assert found.left[T2] is Left.AHEAD


def test_an_active_group_is_left_alone():
    found = plan_group_sync(WANTED, {T0: Wanted(1)}, active=True, metadata={})
    assert found == GroupSync({}, dict.fromkeys(WANTED, Left.ACTIVE))
