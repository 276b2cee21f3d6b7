"""What ``resume`` says."""


def test_nothing_was_paused(told):
    code, out, _ = told("resume", "--topic", "orders", "--partition", "1")
    assert (code, out[0]) == (0, "one->two  orders 1: was resumed before")
