"""When a copy may be deleted: rules that err on the side of keeping it."""

import pytest

from heliograph.config.model import Policy
from heliograph.mirror.deletions import LOOKS, Deletions
from heliograph.mirror.naming import Naming

DEFAULT = Naming("A", "B", Policy.DEFAULT, ".", ".")


def looked(naming, gone):
    rules = Deletions(naming)
    rules.due((), {*gone, "x", "y"})
    for _ in range(LOOKS - 1):
        assert rules.due(gone, ["x", "y"]) == ()
    return rules.due(gone, ["x", "y"])


def test_a_topic_must_be_gone_several_times_in_a_row():
    assert looked(DEFAULT, ["t", "a.b"]) == ("a.b", "t")
    rules = Deletions(DEFAULT)
    rules.due((), ["t", "u", "x"])
    for look in range(3 * LOOKS):
        gone, present = (["u"], ["t", "x"]) if look % LOOKS == 0 else (["t", "u"], ["x", "y"])
        assert "t" not in rules.due(gone, present), "it is seen again now and then"
    assert rules.due(["u"], ["t", "x"]) == ("u",)


def test_what_was_gone_at_the_start_is_kept():
    rules = Deletions(DEFAULT)
    for _ in range(LOOKS * 2):
        assert rules.due(["t"], ["x", "y"]) == ()


def test_a_source_that_is_nearly_empty_is_an_accident():
    rules = Deletions(DEFAULT)
    rules.due((), ["t", "u", "x"])
    for _ in range(LOOKS * 2):
        assert rules.due(["t", "u"], ["x"]) == ()
    assert rules.due(["t", "u"], ["x", "y"]) == (), "and counting starts again"


@pytest.mark.parametrize(
    ("naming", "topic"),
    [
        (Naming("A", "B", Policy.IDENTITY, ".", "."), "t"),
        (Naming("A", "B", Policy.IDENTITY, ".", "."), "heartbeats"),
        (Naming("us.west", "B", Policy.DEFAULT, ".", "."), "t"),
        (Naming("mm2", "B", Policy.DEFAULT, ".", "."), "x.internal"),
        (DEFAULT, "heartbeats"),
        (DEFAULT, "C.heartbeats"),
        (DEFAULT, "__t"),
        (DEFAULT, "checkpoints.internal"),
    ],
)
def test_what_is_never_deleted(naming, topic):
    assert looked(naming, [topic]) == ()
