"""What cannot be told to a flow, for ``pause``, ``resume`` and ``restart`` alike."""

import pytest


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--partition", "1"), 2, "--partition needs one --topic"),
        (("--topic", "a", "--topic", "b", "--partition", "1"), 2, "--partition needs one --topic"),
        (("--flow", "two->one"), 2, "enables no flow"),
        (("--topic", "other"), 1, "one->two copies no topic 'other'"),
        (("--topic", "orders", "--partition", "9"), 1, "orders has no partition 9"),
    ],
)
@pytest.mark.parametrize("command", ["pause", "resume", "restart"])
def test_what_cannot_be_meant_is_one_line(told, command, options, code, words):
    ended, out, err = told(command, *options)
    assert (ended, out) == (code, [])
    assert words in err
    assert err.count("\n") == 1
