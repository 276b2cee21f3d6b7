import pytest

from heliograph.config.typed import Kind, has_trailing_comment, parse

GOOD = [
    (Kind.BOOLEAN, " TRUE ", True),
    (Kind.BOOLEAN, "false", False),
    (Kind.INT, " +5", 5),
    (Kind.INT, "-2147483648", -(2**31)),
    (Kind.LONG, "9223372036854775807", 2**63 - 1),
    (Kind.SHORT, "-1", -1),
    (Kind.DOUBLE, "0.25", 0.25),
    (Kind.STRING, "  a b ", "a b"),
    (Kind.PASSWORD, " p ", "p"),
    (Kind.LIST, "a, b ,c", ("a", "b", "c")),
    (Kind.LIST, "  ", ()),
    (Kind.LIST, "a,a,b", ("a", "b")),
]
BAD = [
    (Kind.BOOLEAN, "yes", "true or false"),
    (Kind.BOOLEAN, "", "true or false"),
    (Kind.INT, "2147483648", "from -2147483648 to 2147483647"),
    (Kind.SHORT, "32768", "32767"),
    (Kind.INT, "1.0", "whole number"),
    (Kind.INT, "1_000", "whole number"),
    (Kind.INT, "\u0661", "whole number"),
    (Kind.INT, "", "whole number"),
    (Kind.DOUBLE, "x", "number"),
    (Kind.DOUBLE, "nan", "finite"),
    (Kind.LIST, "a,b,", "empty items"),
    (Kind.LIST, "a,,b", "empty items"),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_values_are_parsed_as_kafka_does(kind, text, value):
    assert parse(kind, text) == value


@pytest.mark.parametrize(("kind", "text", "expected"), BAD)
def test_a_value_of_another_type_is_refused_with_what_was_expected(kind, text, expected):
    with pytest.raises(ValueError, match=expected):
        parse(kind, text)


@pytest.mark.parametrize(("text", "comment"), [("true # yes", True), ("a#b", False), ("# all", False), ("x !y", True)])
def test_a_comment_behind_a_value_is_noticed(text, comment):
    assert has_trailing_comment(text) is comment
