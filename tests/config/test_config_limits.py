"""Which limit of bandwidth a file asks for, where its keys may stand, and every mistake in them."""

import importlib.util
import zoneinfo
from datetime import UTC, datetime

import pytest

from heliograph.config.load import load
from heliograph.config.schedules import Schedule, parse_schedule
from heliograph.errors import ConfigError, ConfigErrors

FILE = (
    "clusters = A, B\nA.bootstrap.servers = h:1\nB.bootstrap.servers = h:2\nA->B.enabled = true\nB->A.enabled = true\n"
)
MB = 1_000_000
RATE = "Write 10MB, or none for no limit; to stop a flow, pause it"
SCHEDULE = "Write Mon-Fri 08:00-18:00 10MB; Sat,Sun none"
TIME_ZONE = "Where this is one, the system has no list of time zones: install Python's tzdata"


@pytest.fixture
def made(tmp_path):
    """Load the file with more lines."""

    def make(*lines):
        path = tmp_path / "mm2.properties"
        path.write_text(FILE + "\n".join(lines))
        return load(path, environ={})

    return make


def test_nothing_is_limited_unless_it_is_said(made):
    config = made()
    assert {flow.limit for flow in config.flows} == {Schedule()} == {config.total_limit}


def test_a_flow_has_the_limit_of_all_flows_or_its_own(made):
    config = made(
        "heliograph.limit.bytes.per.second = 10MB",
        "heliograph.limit.schedule = Sat,Sun none",
        "heliograph.limit.time.zone = Europe/Berlin",
        "A->B.heliograph.limit.bytes.per.second = 2 MB/s",
        "heliograph.total.limit.bytes.per.second = 11MB",
        "heliograph.total.limit.schedule = 22:00-06:00 none",
    )
    weekend = parse_schedule("Sat,Sun none")
    assert [flow.limit for flow in config.flows] == [
        Schedule(2 * MB, weekend, "Europe/Berlin"),
        Schedule(10 * MB, weekend, "Europe/Berlin"),
    ]
    assert config.total_limit == Schedule(11 * MB, parse_schedule("22:00-06:00 none"), "UTC")
    assert config.warnings == ()


def test_the_limit_for_all_flows_together_is_not_one_flows(made):
    config = made("A->B.heliograph.total.limit.bytes.per.second = 1MB")
    assert "heliograph.total.limit.bytes.per.second" in config.warnings[0].message
    assert config.total_limit == Schedule()


def test_every_mistake_is_one_line_with_a_remedy(made):
    with pytest.raises(ConfigErrors) as raised:
        made(
            "heliograph.limit.bytes.per.second = 10Mbit",
            "heliograph.limit.schedule = Mo-Fr 08:00-18:00 10MB",
            "heliograph.limit.time.zone = Berlin",
            "heliograph.total.limit.bytes.per.second = 0",
            "heliograph.total.limit.schedule = 08:00-18:00",
        )
    said = [str(error).partition(":")[2].split(" heliograph.") for error in raised.value.errors]
    assert [line for line, _ in said] == ["6", "7", "8", "9", "10"]
    number = "must be a number of bytes, as such or with a unit (B, kB, MB, GB, KiB, MiB, GiB), or none"
    assert [words for _, words in said] == [
        f"limit.bytes.per.second {number}, not '10Mbit'. {RATE}",
        f"limit.schedule has 'Mo-Fr' where days are expected. {SCHEDULE}",
        f"limit.time.zone must be the name of a time zone, such as Europe/Berlin or UTC, not 'Berlin'. {TIME_ZONE}",
        f"total.limit.bytes.per.second must be from 1000 to 1000000000000000 bytes a second, or none, not '0'. {RATE}",
        f"total.limit.schedule has an entry '08:00-18:00' whose rate {number}. {SCHEDULE}",
    ]


@pytest.fixture
def no_time_zones():
    """A system without a list of time zones."""
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_time_zones")
def test_a_system_that_knows_no_time_zones_knows_utc(made):
    schedule = made("heliograph.limit.schedule = Mon 1MB").flows[0].limit
    assert schedule.at(datetime(2026, 11, 30, tzinfo=UTC)) == MB
    assert schedule.changes_at(datetime(2026, 11, 30, tzinfo=UTC)) == datetime(2026, 12, 1, tzinfo=UTC)
    if importlib.util.find_spec("tzdata") is None:  # else Python has a list of its own
        with pytest.raises(ConfigError, match="install Python's tzdata"):
            made("heliograph.limit.time.zone = Europe/Berlin")


def test_a_comment_behind_a_limit_is_seen_as_one(made):
    with pytest.raises(ConfigError, match="Put the comment on a line of its own"):
        made("heliograph.limit.bytes.per.second = 10MB # by day")
