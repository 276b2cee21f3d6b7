import pytest

from heliograph.errors import ConfigError
from heliograph.mirror.patterns import Patterns


@pytest.mark.parametrize(
    ("items", "name", "which"),
    [
        ((), "a", None),
        ((".*",), "", ".*"),
        (("a", "b.*"), "bcd", "b.*"),
        (("a", "b"), "ab", None),
        (("order", "orders"), "orders", "orders"),
        (("a.b",), "axb", "a.b"),
        (("(red", "blue)-.*"), "blue-1", "(red|blue)-.*"),
        (("(red", "blue)-.*"), "green-1", None),
    ],
)
def test_lists(items, name, which):
    patterns = Patterns(items)
    assert patterns.which(name) == which
    assert patterns.matches(name) is (which is not None)


def test_a_broken_list_is_refused():
    with pytest.raises(ConfigError):
        Patterns(("fine", "(open"))


def test_lists_are_equal_by_their_items():
    assert Patterns(("a", "b")) == Patterns(("a", "b"))
    assert Patterns(("a",)) != Patterns(("b",))
