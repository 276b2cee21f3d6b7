"""Limits in virtual time: how exact they are, who comes first, and who gets what the others leave."""

import asyncio
import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heliograph.flow.throttle import CHUNK_BYTES_MIN, Limits, Throttle, nap
from virtual_time import run_virtually

MB = 1_000_000
WINDOW_S = 10.0


class Line:
    """What is read through some limits, and when it came."""

    def __init__(self, *limits_bytes_s):
        self.clock = asyncio.get_running_loop().time
        self.throttles = tuple(Throttle(self.clock) for _ in limits_bytes_s)
        for throttle, limit in zip(self.throttles, limits_bytes_s, strict=True):
            throttle.set(limit)
        self.limits = Limits(self.throttles)
        self.came = []
        """(when, who, bytes)"""

    async def catch_up(self, who, *, weight=1, round_trip_s=0.001, batch_bytes=1, limits=None):
        """Read for ever as one who is behind: whole batches, at least one."""
        while True:
            async with (limits or self.limits).turn(who, weight) as turn:
                await asyncio.sleep(round_trip_s)
                turn.came_bytes = max(batch_bytes, turn.size_bytes // batch_bytes * batch_bytes)
                self.came.append((self.clock(), who, turn.came_bytes))

    async def stay_at_end(self, who, bytes_s, *, every_s=0.01, limits=None):
        """Read for ever what is written evenly, and note how long each piece has waited; what is too much is left."""
        limits, read_until = limits or self.limits, self.clock()
        self.waits_s = []
        while True:
            await asyncio.sleep(every_s)
            while (pause_s := limits.pause_s) > 0:
                await nap(pause_s)
            now = self.clock()
            self.waits_s.append(now - read_until - every_s)
            size = min(int((now - read_until) * bytes_s), limits.chunk_bytes)
            read_until = now
            limits.took(size)
            self.came.append((now, who, size))

    def of(self, who, since=0.0):
        return sum(size for at, each, size in self.came if each == who and at >= since)

    def most_in_a_window(self):
        """Most bytes of any ten seconds."""
        best = total = 0
        first = 0
        for at, _, size in self.came:
            total += size
            while self.came[first][0] < at - WINDOW_S:
                total -= self.came[first][2]
                first += 1
            best = max(best, total)
        return best


def run(scene):
    return run_virtually(scene())


async def go_on(seconds, *works):
    tasks = [asyncio.create_task(work) for work in works]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError)


@settings(max_examples=30, deadline=None)
@given(
    limit=st.sampled_from([200_000, MB, 5 * MB, 100 * MB]),
    round_trip_s=st.sampled_from([0.0005, 0.01, 0.1, 0.2]),
    batch_part=st.sampled_from([0.001, 0.01, 0.09]),
    live_part=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_a_limit_is_reached_and_kept_within_a_twentieth_over_ten_seconds(limit, round_trip_s, batch_part, live_part):
    assume(round_trip_s < 0.2 or batch_part < 0.09)  # what is kept for a quarter of a second must be enough for both

    async def scene():
        line = Line(limit)
        works = [line.catch_up("a", round_trip_s=round_trip_s, batch_bytes=int(limit * batch_part))]
        if live_part:
            works.append(line.stay_at_end("live", limit * live_part))
        await asyncio.sleep(5)
        await go_on(30, *works)
        return line

    line = run(scene)
    total = sum(size for _, _, size in line.came)
    assert total == pytest.approx(30 * limit, rel=0.05)
    assert line.most_in_a_window() <= WINDOW_S * limit * 1.05


def test_what_has_long_been_idle_may_burst_a_little_and_no_more():
    async def scene():
        line = Line(MB)
        await asyncio.sleep(1_000)
        await go_on(1, line.catch_up("a"))
        return line

    assert run(scene).of("a") <= MB * 1.4


def test_who_is_at_its_end_waits_for_nobody_who_is_behind():
    async def scene():
        line = Line(MB)
        # batches as large as the limit of a whole second
        await go_on(20, line.stay_at_end("live", 200_000), line.catch_up("a", batch_bytes=MB))
        return line

    line = run(scene)
    assert max(line.waits_s) < 0.001
    assert line.of("live") == pytest.approx(20 * 200_000, rel=0.05)
    assert line.of("a") == pytest.approx(20 * 800_000, rel=0.1)


def test_who_is_behind_has_a_tenth_however_much_is_read_at_the_end():
    async def scene():
        line = Line(MB)
        await go_on(30, line.stay_at_end("live", 3 * MB), line.catch_up("a"))
        return line

    line = run(scene)
    assert line.of("a") == pytest.approx(30 * MB * 0.1, rel=0.1)
    assert sum(size for _, _, size in line.came) == pytest.approx(30 * MB, rel=0.05)


def test_readers_come_as_often_as_they_have_partitions():
    async def scene():
        line = Line(MB)
        await go_on(
            40, line.catch_up("one", weight=1), line.catch_up("nine", weight=9), line.catch_up("ten", weight=10)
        )
        return line

    line = run(scene)
    parts = [line.of(who) / (40 * MB) for who in ("one", "nine", "ten")]
    assert parts == pytest.approx([0.05, 0.45, 0.5], abs=0.02)


def test_who_asks_for_much_and_gets_little_is_not_held_to_what_it_asked_for():
    async def scene():
        line = Line(MB)

        async def little():
            while True:
                async with line.limits.turn("little", 1) as turn:
                    await asyncio.sleep(0.001)
                    turn.came_bytes = 1_000
                    line.came.append((line.clock(), "little", 1_000))

        await go_on(20, little(), line.catch_up("much"))
        return line

    line = run(scene)
    turns = [len(list(group)) for who, group in itertools.groupby(who for _, who, _ in line.came) if who == "little"]
    assert max(turns) > 50  # a thousand bytes each, beside chunks of 100,000
    assert line.of("much") == pytest.approx(line.of("little"), rel=0.2)


def test_what_one_flow_does_not_use_of_the_limit_for_all_the_others_have():
    async def scene():
        line = Line(5 * MB)
        (total,) = line.throttles
        flows = [Throttle(line.clock) for _ in range(3)]
        flows[0].set(MB)
        flows[1].set(3 * MB)
        both = [Limits((each, total)) for each in flows]
        works = [line.catch_up(number, limits=limits) for number, limits in enumerate(both)]
        await go_on(20, *works)
        alone = line.clock()
        await go_on(20, line.catch_up(2, limits=both[2]))
        return line, alone

    line, alone = run(scene)
    shares = [(line.of(number) - line.of(number, alone)) / (20 * MB) for number in range(3)]
    assert shares == pytest.approx([1, 2, 2], rel=0.1)
    assert line.of(2, alone) == pytest.approx(20 * 5 * MB, rel=0.05)


def test_another_limit_holds_at_once_and_an_old_debt_becomes_no_longer():
    async def scene():
        line = Line(100 * MB)
        (throttle,) = line.throttles
        catching_up = asyncio.create_task(line.catch_up("a"))
        await asyncio.sleep(5)
        throttle.set(MB)
        slow = line.clock()
        await asyncio.sleep(10)
        throttle.set(None)
        free = line.clock()
        await asyncio.sleep(0.2)
        catching_up.cancel()
        return line, slow, free

    line, slow, free = run(scene)
    assert line.of("a", slow) - line.of("a", free) == pytest.approx(10 * MB, rel=0.15)
    assert len([at for at, _, _ in line.came if at >= free]) > 50  # no turn is waited for


def test_nothing_is_counted_and_nobody_waits_without_a_limit():
    async def scene():
        line = Line(None)
        line.limits.took(1 << 40)
        async with line.limits.turn("a", 1) as turn:
            turn.came_bytes = 1 << 40
        return line.clock(), line.limits

    at, limits = run(scene)
    assert at == 1_000.0
    assert (limits.pause_s, limits.bytes_per_s, limits.chunk_bytes) == (0.0, None, None)


def test_who_goes_while_it_waits_leaves_the_turn_to_the_next():
    async def scene():
        line = Line(MB)
        line.limits.took(2 * MB)
        first = asyncio.create_task(line.catch_up("first"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(line.catch_up("second"))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(5)
        second.cancel()
        return line

    line = run(scene)
    assert line.of("first") == 0
    assert line.of("second") > 2 * MB


def test_a_limit_holds_back_who_waits_for_it_and_nobody_else():
    async def scene():
        line = Line(MB)
        (throttle,) = line.throttles
        states = [throttle.holds_back]
        await go_on(3, line.stay_at_end("live", 100_000))
        states.append(throttle.holds_back)
        await go_on(3, line.catch_up("a"))
        states.append(throttle.holds_back)
        await asyncio.sleep(3)
        states.append(throttle.holds_back)
        return states

    assert run(scene) == [False, False, True, False]


@pytest.mark.parametrize(("limit", "chunk"), [(1_000, CHUNK_BYTES_MIN), (5 * MB, MB // 2), (None, None)])
def test_several_answers_come_in_a_second(limit, chunk):
    async def scene():
        return Line(limit, None).limits.chunk_bytes

    assert run(scene) == chunk


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_more_than_nothing(limit):
    async def scene():
        Line(limit)

    with pytest.raises(ValueError, match="more than 0"):
        run(scene)
