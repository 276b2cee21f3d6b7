"""What people tell a flow, as records: Connect's where it has them, and what any bytes mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from heliograph.config.model import Part
from heliograph.errors import DataError
from heliograph.mirror.steering import (
    LIMIT_MAX,
    Restart,
    Steering,
    TargetState,
    ToldLimit,
    at_first,
    limit_row,
    paused_row,
    restart_of,
    restart_row,
    rewind_row,
    state_row,
    steered,
)

NUMBERS = some.frozensets(some.integers(0, 2**31 - 1))
TOPICS = some.from_regex(r"[a-zA-Z0-9._-]{1,40}", fullmatch=True)


def after(*rows, before=Steering()):  # noqa: B008 - it is frozen
    for key, value in rows:
        before = steered(before, key, value)
    return before


@pytest.mark.parametrize(
    ("state", "value"),
    [
        (TargetState.STARTED, b'{"state":"STARTED","state.v2":"STARTED"}'),
        (TargetState.PAUSED, b'{"state":"PAUSED","state.v2":"PAUSED"}'),
        (TargetState.STOPPED, b'{"state":"PAUSED","state.v2":"STOPPED"}'),
    ],
)
def test_a_paused_flow_is_connects_own_record(state, value):
    assert state_row(Part.SOURCE, state) == (b"target-state-MirrorSourceConnector", value)
    assert after(state_row(Part.SOURCE, state)).states == {Part.SOURCE: state}


def test_connectors_may_have_any_names():
    names = {Part.SOURCE: "a->b.MirrorSourceConnector", Part.HEARTBEAT: "beats"}
    assert at_first(names).states == {Part.CHECKPOINT: TargetState.STOPPED}
    key, value = state_row("beats", TargetState.PAUSED)
    assert key == b"target-state-beats"
    assert not steered(Steering(), key, value, names).runs(Part.HEARTBEAT)
    key, value = restart_row(Restart(only_failed=True), names)
    assert key == b"restart-connector-a->b.MirrorSourceConnector"
    assert restart_of(key, value, names) == Restart(only_failed=True)


def test_a_connector_that_starts_again_without_its_tasks_changes_nothing():
    key, _ = restart_row(Restart())
    assert restart_of(key, b'{"include-tasks":false,"only-failed":true}') is None


@pytest.mark.parametrize(
    ("value", "runs"),
    [(b'{"state":"PAUSED"}', False), (b'{"state.v2":"STOPPED","state":"PAUSED"}', False), (None, True)],
)
def test_old_new_and_deleted_states_are_understood(value, runs):
    steering = after((b"target-state-MirrorSourceConnector", value))
    assert steering.runs(Part.SOURCE) is runs
    assert steering.pauses(("orders", 0)) is not runs
    assert not steering.pauses_itself(("orders", 0))


def test_each_part_is_paused_by_itself():
    steering = after(state_row(Part.CHECKPOINT, TargetState.PAUSED))
    assert [part for part in Part if not steering.runs(part)] == [Part.CHECKPOINT]
    assert not steering.pauses(("orders", 0))


@given(TOPICS, NUMBERS.filter(bool))
def test_partitions_of_a_topic_are_paused_until_that_is_taken_back(topic, numbers):
    steering = after(paused_row(topic, numbers))
    assert steering.paused == {topic: numbers}
    assert all(steering.pauses((topic, number)) for number in numbers)
    assert not steering.pauses((topic, max(numbers) + 1))
    assert after(paused_row(topic, frozenset()), before=steering) == Steering()


def test_a_whole_topic_is_paused_with_the_partitions_that_it_will_get():
    steering = after(paused_row("orders", None))
    assert paused_row("orders", None) == (b"heliograph-paused-orders", b'{"partitions":"all"}')
    assert steering.pauses(("orders", 99))
    assert not steering.pauses(("orders-9", 9))


def test_what_is_paused_grows_and_shrinks():
    some_, all_ = after(paused_row("t", frozenset({1}))), after(paused_row("t", None))
    assert some_.with_paused("t", frozenset({2})) == {1, 2}
    assert some_.with_paused("t", None) is None
    assert all_.with_paused("t", frozenset({2})) is None
    assert all_.without_paused("t", frozenset({2}), [0, 1, 2]) == {0, 1}
    assert some_.without_paused("t", frozenset({2}), [0, 1, 2]) == {1}
    assert all_.without_paused("t", None, [0, 1, 2]) == frozenset()


@given(TOPICS, some.integers(0, 2**31 - 1))
def test_a_partition_waits_for_the_end_of_a_rewind(topic, number):
    steering = after(rewind_row((topic, number), 41))
    assert steering.rewinding == {(topic, number)}
    assert steering.pauses((topic, number))
    assert after(rewind_row((topic, number), None), before=steering) == Steering()


@given(TOPICS, some.none() | NUMBERS)
def test_a_restart_says_what_is_concerned(topic, numbers):
    found = restart_of(*restart_row(Restart(topic, numbers)))
    assert found == Restart(topic, numbers)
    assert found.has((topic, 7)) is (numbers is None or 7 in numbers)
    assert not found.has((topic + "x", 7))


def test_a_flow_is_restarted_with_connects_own_record():
    key, value = restart_row(Restart())
    assert (key, value) == (
        b"restart-connector-MirrorSourceConnector",
        b'{"include-tasks":true,"only-failed":false}',
    )
    assert restart_of(key, value) == Restart()
    assert Restart().has(("any", 1))
    assert restart_of(b"restart-connector-MirrorHeartbeatConnector", value) is None


@pytest.mark.parametrize(
    "key", [None, b"", b"\xff", b"session-key", b"connector-MirrorSourceConnector", b"target-state-other"]
)
def test_other_records_mean_nothing(key):
    assert steered(Steering(), key, b"whatever") == Steering()
    assert restart_of(key, b"whatever") is None


@given(some.none() | some.integers(1, LIMIT_MAX))
def test_a_limit_holds_until_the_files_does_again(limit):
    told = after(limit_row(ToldLimit(limit)), paused_row("orders", None))
    assert told.limit == ToldLimit(limit)
    assert after(limit_row(None), before=told) == Steering(paused={"orders": None})


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "true", '"10"', str(LIMIT_MAX + 1), "9" * 400])
def test_what_is_no_limit_is_said(number):
    with pytest.raises(DataError, match=r"heliograph-limit .* cannot be read"):
        steered(Steering(), b"heliograph-limit", b'{"bytes-per-second":%s}' % number.encode())


KEYS = (
    b"heliograph-limit",
    b"target-state-MirrorSourceConnector",
    b"heliograph-paused-orders",
    b"heliograph-rewind-3-orders",
    b"heliograph-rewind-x",
    b"heliograph-restart-orders",
)


@pytest.mark.parametrize("key", [each for each in KEYS if b"restart" not in each and b"3-" not in each])
@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b'{"state":"paused"}', b'{"partitions":[-1]}', b'{"partitions":[true]}', b"\xff"]
)
def test_what_cannot_be_read_is_said(key, value):
    with pytest.raises(DataError, match="cannot be read"):
        steered(Steering(), key, value)


@given(some.sampled_from(KEYS) | some.binary(max_size=40), some.none() | some.binary(max_size=60))
def test_any_bytes_are_read_or_refused(key, value):
    for read in (lambda: steered(Steering(), key, value), lambda: restart_of(key, value)):
        try:
            read()
        except DataError as error:
            assert "cannot be read" in str(error)
