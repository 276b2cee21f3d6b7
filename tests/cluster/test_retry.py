import asyncio

import pytest

from heliograph.cluster.retry import backoff_s, retriable, until_answered
from heliograph.config.model import ClusterConfig
from heliograph.errors import (
    AuthenticationFailed,
    BrokerError,
    ClusterError,
    ConfigError,
    NotAuthorized,
    NotKafka,
    ProtocolError,
    TlsError,
    Unreachable,
)
from heliograph.wire import errors as codes
from heliograph.wire.errors import TABLE, After

CONFIG = ClusterConfig("c", (), retry_backoff_ms=100, retry_backoff_max_ms=1_000)


@pytest.mark.parametrize("error", [Unreachable("x"), ProtocolError("x")])
def test_a_broken_connection_is_tried_again_after_a_look_around(error):
    again = retriable(error)
    assert again is not None
    assert again.after is After.METADATA


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("x"),
        TlsError("x"),
        NotKafka("x"),
        ConfigError("x"),
        ClusterError("closed by ourselves"),
        NotAuthorized("x", right="Read", resource="topic t"),
        BrokerError("x", code=codes.UNKNOWN_MEMBER_ID),
        BrokerError("x", code=9_999),
    ],
)
def test_what_only_a_person_can_mend_is_not_tried_again(error):
    assert retriable(error) is None


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_brokers_code_decides_by_the_table(row):
    again = retriable(BrokerError("x", code=row.code))
    assert (again is not None) == row.retriable
    if again:
        assert again.after is row.after


def test_the_pause_doubles_up_to_its_limit_and_is_spread():
    middle = [backoff_s(attempt, CONFIG, 0.5) for attempt in range(1, 8)]
    assert middle == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])
    assert backoff_s(1, CONFIG, 0.0) == pytest.approx(0.08)
    assert backoff_s(1, CONFIG, 0.999) < 0.12
    assert backoff_s(10_000, CONFIG, 0.5) == pytest.approx(1.0)


def answered(*outcomes):
    """Ask until one of ``outcomes`` is no error; return it, the troubles and the pauses."""
    coming = iter(outcomes)
    troubles, pauses = [], []

    async def ask():
        outcome = next(coming)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def pause_s(failures):
        pauses.append(failures)
        return 0.0

    return asyncio.run(until_answered(ask, pause_s=pause_s, trouble=troubles.append)), troubles, pauses


def test_what_passes_is_told_and_asked_again_until_there_is_an_answer():
    first, second = Unreachable("x"), BrokerError("x", code=codes.NOT_COORDINATOR)
    assert answered(7) == (7, [], [])
    assert answered(first, second, 7) == (7, [first, second], [1, 2])


def test_what_does_not_pass_is_raised_at_once():
    with pytest.raises(NotAuthorized):
        answered(Unreachable("x"), NotAuthorized("x", right="Read", resource="topic t"), 7)
