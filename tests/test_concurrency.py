"""What comes out of concurrent work: one error for a person, or the whole group where a defect is in it."""

import asyncio
import traceback

import pytest

from heliograph.concurrency import all_of, cancel_all, each_of, first_cause, single_cause
from heliograph.errors import BrokerError, HeliographError, Unreachable


def test_the_error_for_a_person_is_found_however_deep_it_lies():
    error = BrokerError("no", code=90)
    inner = BaseExceptionGroup("inner", [BaseExceptionGroup("innermost", [error])])
    assert first_cause(BaseExceptionGroup("outer", [inner, Unreachable("later")])) is error


def test_a_group_with_a_defect_in_it_stays_whole():
    group = BaseExceptionGroup("outer", [BrokerError("no", code=90), BaseExceptionGroup("inner", [ValueError("a")])])
    assert first_cause(group) is None
    with pytest.raises(BaseExceptionGroup) as raised, single_cause():
        raise group
    assert raised.value is group


def test_a_single_cause_keeps_its_own_cause_and_loses_the_group():
    error = BrokerError("no", code=90)
    error.__cause__ = OSError("the socket")
    with pytest.raises(BrokerError) as raised, single_cause():
        raise BaseExceptionGroup("group", [error])
    assert raised.value is error
    assert isinstance(error.__cause__, OSError)


def test_what_is_no_group_passes_as_it_is():
    with pytest.raises(KeyError), single_cause():
        raise KeyError


async def _fail(error: Exception) -> None:
    raise error


def test_all_of_ends_the_others_with_the_first_error():
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def both() -> None:
        await all_of((wait(), _fail(Unreachable("gone"))))

    with pytest.raises(Unreachable):
        asyncio.run(both())
    assert ended == [True]


def test_all_of_gives_results_in_order():
    async def after(rounds: int) -> int:
        for _ in range(rounds):
            await asyncio.sleep(0)
        return rounds

    assert asyncio.run(all_of(after(n) for n in (3, 1, 2))) == [3, 1, 2]


def test_each_of_gives_answers_and_errors_and_asks_a_few_at_a_time():
    running, most = 0, 0

    async def ask(key: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if key == 2:
            await all_of([_fail(Unreachable("no answer"))])  # an error that comes out of a group counts like any other
        return key * 10

    answers = asyncio.run(each_of([1, 2, 3, 1], ask, 2))
    assert list(answers) == [1, 2, 3]
    assert (answers[1], answers[3]) == (10, 30)
    assert isinstance(answers[2], HeliographError)
    assert most == 2


def test_each_of_does_not_hide_a_defect():
    async def ask(key: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(BaseExceptionGroup):
        asyncio.run(each_of([1], ask, 8))


def test_a_defect_keeps_its_trace_beside_an_error_that_ended_the_same_group():
    async def both() -> None:
        await all_of((_fail(Unreachable("gone")), _fail(ZeroDivisionError("defect"))))

    with pytest.raises(BaseExceptionGroup) as raised:
        asyncio.run(both())
    assert {type(each) for each in raised.value.exceptions} == {Unreachable, ZeroDivisionError}
    (defect,) = [each for each in raised.value.exceptions if isinstance(each, ZeroDivisionError)]
    assert "_fail" in [frame.name for frame in traceback.extract_tb(defect.__traceback__)]


@pytest.mark.parametrize(
    ("ends", "raised"),
    [
        (ZeroDivisionError("defect"), ZeroDivisionError),
        (BaseExceptionGroup("group", [Unreachable("gone"), ZeroDivisionError("defect")]), BaseExceptionGroup),
        (BaseExceptionGroup("group", [Unreachable("gone")]), None),
        (Unreachable("gone"), None),
    ],
)
def test_tasks_that_are_cancelled_raise_defects_alone(ends, raised):
    async def main() -> None:
        done, waits = asyncio.create_task(_fail(ends)), asyncio.create_task(asyncio.Event().wait())
        await asyncio.wait([done])
        try:
            await cancel_all(waits, done)
        finally:
            assert waits.cancelled()

    if raised is None:
        asyncio.run(main())
    else:
        with pytest.raises(raised) as found:
            asyncio.run(main())
        assert found.value is ends
