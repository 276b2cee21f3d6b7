"""What ``rewind`` shows, and which command lines it refuses."""

import json

import pytest


def test_it_shows_what_it_would_do(told):
    code, out, _ = told("rewind", "--topic", "orders", "--to-end")
    assert code == 0
    assert out[0] == "one->two  orders"
    assert out[-1] == "Nothing was changed; --execute stores the new positions"
    assert [line.split() for line in out if line.strip()[:1] in {"0", "1"}] == [
        ["0", "0", "0", "-", "-"],
        ["1", "0", "0", "-", "-"],
    ]


def test_it_stores_the_positions(told):
    code, out, _ = told("rewind", "--topic", "orders", "--partition", "1", "--to-beginning", "--execute")
    assert (code, out[-1]) == (0, "Stored; copying goes on there when a worker starts")


def test_the_same_for_a_program(told):
    code, out, _ = told("rewind", "--topic", "orders", "--partition", "1", "--by", "-3", "--json")
    said = json.loads("\n".join(out))
    assert (code, said["executed"], said["goal"]) == (0, False, {"kind": "by", "value": -3})
    assert said["partitions"] == [
        {
            "partition": 1,
            "target_topic": "one.orders",
            "log_start_offset": 0,
            "end_offset": 0,
            "position": 0,
            "new_position": 0,
            "twice": 0,
            "left_out": 0,
            "counted": True,
        }
    ]
    assert said["notes"] == ["orders-1 goes to 0: -3 lies before the log start offset 0"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "Missing option '--topic'"),
        (("--topic", "orders"), 2, "rewind needs to know where to go on"),
        (("--topic", "orders", "--to-end", "--by", "1"), 2, "rewind can only go to one place"),
        (("--topic", "orders", "--to-time", "yesterday"), 2, "--to-time does not understand 'yesterday'"),
        (("--topic", "orders", "--to-time", "2999-01-01T00:00:00"), 2, "is yet to come"),
        (("--topic", "other", "--to-end"), 1, "copies no topic 'other'"),
        (("--topic", "orders", "--partition", "7", "--to-end"), 1, "orders has no partition 7"),
        (("--topic", "orders", "--to-end", "--flow", "two->one"), 2, "enables no flow"),
    ],
)
def test_what_cannot_be_meant_is_one_line(told, options, code, words):
    ended, out, err = told("rewind", *options)
    assert (ended, out) == (code, [])
    assert words in err
    assert err.count("\n") == 1
