"""A process's part of a limit: by the file, by the hour, by a command, and by the number of workers."""

from datetime import UTC, datetime

from heliograph.config.schedules import Schedule, parse_schedule
from heliograph.mirror.steering import ToldLimit
from heliograph.worker.limits import Limit, limits_of

MB = 1_000_000
BY_DAY = Schedule(None, parse_schedule("Mon-Fri 08:00-18:00 10MB"))


class At:
    """A clock that is set by hand."""

    def __init__(self, text):
        self.now = text

    def __call__(self):
        return datetime.fromisoformat(self.now).replace(tzinfo=UTC)


def limit_at(text, schedule=BY_DAY):
    clock = At(text)
    return Limit(schedule, steady=lambda: 0.0, clock=clock), clock


def test_the_limit_of_the_hour_holds():
    limit, clock = limit_at("2026-11-27T17:59:59")
    assert limit.throttle.bytes_per_s == 10 * MB
    clock.now = "2026-11-27T18:00:00"
    assert limit.throttle.bytes_per_s == 10 * MB  # until it looks
    limit.look()
    assert limit.throttle.bytes_per_s is None


def test_a_worker_keeps_to_its_part():
    limit, _ = limit_at("2026-11-27T12:00")
    limit.share(0.25)
    assert (limit.bytes_per_s, limit.throttle.bytes_per_s) == (10 * MB, 2.5 * MB)
    limit.share(0.0)  # it has no partitions
    assert limit.throttle.bytes_per_s == 1.0


def test_a_command_wins_over_the_file_until_it_is_taken_back():
    limit, clock = limit_at("2026-11-27T12:00")
    limit.override(ToldLimit(3 * MB))
    limit.share(0.5)
    assert limit.throttle.bytes_per_s == 1.5 * MB
    clock.now = "2026-11-27T20:00"
    limit.follow(Schedule(MB))
    assert limit.throttle.bytes_per_s == 1.5 * MB
    limit.override(ToldLimit(None))
    assert limit.throttle.bytes_per_s is None
    limit.override(None)
    assert limit.throttle.bytes_per_s == 0.5 * MB


def test_another_schedule_holds_at_once():
    limit, _ = limit_at("2026-11-27T12:00")
    limit.follow(Schedule(7 * MB))
    assert limit.throttle.bytes_per_s == 7 * MB


def test_of_several_limits_the_smallest_holds():
    flow, _ = limit_at("2026-11-27T12:00")
    total, _ = limit_at("2026-11-27T12:00", Schedule(4 * MB))
    assert limits_of(flow, total).bytes_per_s == 4 * MB
    total.override(ToldLimit(None))
    assert limits_of(flow, total).bytes_per_s == 10 * MB
