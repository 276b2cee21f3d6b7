"""Limits of bandwidth as a file has them: what can be read, which limit holds when, and when another does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.config.schedules import (
    DAYS,
    ENTRIES_MAX,
    MOST_BYTES_S,
    Entry,
    Schedule,
    parse_rate,
    parse_schedule,
    parse_time_zone,
)

MB = 1_000_000
BERLIN = "Europe/Berlin"
ZONES = ("UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("none", None),
        (" None ", None),
        ("1000", 1_000),
        ("10MB", 10 * MB),
        ("10 MB", 10 * MB),
        ("10mB", 10 * MB),
        ("10MB/s", 10 * MB),
        ("1.5 MB/s", 1_500_000),
        ("0.25GB", 250 * MB),
        ("64KiB", 65_536),
        ("2 MiB", 2 << 20),
        ("5000B", 5_000),
    ],
)
def test_a_rate_is_bytes_with_or_without_a_unit(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "with a unit"),
        ("ten", "with a unit"),
        ("10MB/h", "with a unit"),
        ("10Mbit", "with a unit"),
        ("1e6", "with a unit"),
        ("-3MB", "with a unit"),
        ("1.5", "with a unit"),
        ("\u0661\u0660MB", "with a unit"),
        ("10Mb", "may mean bits"),
        ("0", "must be from 1000"),
        ("999", "must be from 1000"),
        ("9999999GB", "must be from 1000"),
        ("9" * 1_000, "with a unit"),
    ],
)
def test_what_is_no_rate_is_refused_with_what_was_expected(text, said):
    with pytest.raises(ValueError, match=said):
        parse_rate(text)


def test_a_schedule_has_days_hours_and_rates():
    assert parse_schedule("Mon-Fri 08:00-18:00 10MB; Sat,Sun none;") == (
        Entry(frozenset(range(5)), 480, 1080, 10 * MB),
        Entry(frozenset({5, 6}), 0, 1440, None),
    )
    assert parse_schedule("22:00 - 6:00 2MB") == (Entry(frozenset(range(7)), 1320, 360, 2 * MB),)
    assert parse_schedule("fri-mon, WED 24MB")[0].days == frozenset({4, 5, 6, 0, 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10MB", "days, hours or both"),
        (";;", "days, hours or both"),
        ("Mo 10MB", "where days are expected"),
        ("Mon- 10MB", "where days are expected"),
        ("Mon-Fri", "whose rate must be"),
        ("Mon-Fri 08:00-18:00", "whose rate must be"),
        ("Mon 0", "whose rate must be"),
        ("Mon 08:00 10MB", "whose rate must be"),
        ("08:00-25:00 1MB", "no time of day"),
        ("08:60-09:00 1MB", "no time of day"),
        ("24:00-06:00 1MB", "hours that are none"),
        ("10:00-10:00 1MB", "hours that are none"),
        ("Mon 1MB;" * (ENTRIES_MAX + 1), "more than 100 entries"),
        ("x" * 10_001, "longer than"),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_was_expected(text, said):
    with pytest.raises(ValueError, match=said):
        parse_schedule(text)


@settings(max_examples=500)
@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
    | st.text(alphabet="MonFriSat,-;: 0123456789MBk/s.", max_size=60)
)
def test_any_text_is_a_schedule_or_a_value_error(text):
    for parse in (parse_schedule, parse_rate, parse_time_zone):
        try:
            found = parse(text)
        except ValueError as error:
            assert "\n" not in str(error)  # one line
            assert len(str(error)) < 500
        else:
            if parse is parse_rate:
                assert found is None or 0 < found <= MOST_BYTES_S
            if parse is parse_schedule:
                assert all(entry.days and 0 <= entry.begin < 1440 and 0 <= entry.end <= 1440 for entry in found)


@pytest.mark.parametrize("name", ["UTC", BERLIN, "America/New_York"])
def test_time_zones_that_there_are(name):
    assert parse_time_zone(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../../etc/passwd",
        "Europe",
        "Mars/Base",
        "CEST+1",
        "a\0b",
        "x" * 5_000,
        "tzdata.zi",
    ],
)
def test_what_is_no_time_zone(name):
    with pytest.raises(ValueError, match="must be the name of a time zone"):
        parse_time_zone(name)


def test_the_first_entry_that_fits_holds_and_else_the_limit_itself():
    schedule = Schedule(50 * MB, parse_schedule("Mon-Fri 08:00-18:00 10MB; Mon 20MB; Sat,Sun none"), BERLIN)
    week = [berlin(f"2026-11-{day}T{hour:02}:00") for day in range(23, 30) for hour in (7, 8, 17, 18)]
    assert [None if (found := schedule.at(each)) is None else found // MB for each in week] == [
        *(20, 10, 10, 20),
        *(50, 10, 10, 50) * 4,
        *(None,) * 8,
    ]


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin():
    schedule = Schedule(None, parse_schedule("Fri 22:00-06:00 1MB"))
    held = [
        f"2026-11-{day}T{hour}:00"
        for day in (26, 27, 28)
        for hour in ("05", "23")
        if schedule.at(utc(f"2026-11-{day}T{hour}:00"))
    ]
    assert held == ["2026-11-27T23:00", "2026-11-28T05:00"]


def test_a_limit_without_a_schedule_never_changes():
    assert (Schedule(MB).at(utc("2026-11-29T12:00")), Schedule(MB).changes_at(utc("2026-11-29T12:00"))) == (MB, None)
    same = Schedule(MB, parse_schedule("Mon 1MB"))
    assert same.changes_at(utc("2026-11-29T12:00")) is None


def test_the_next_change_is_told():
    schedule = Schedule(None, parse_schedule("Mon-Fri 08:00-18:00 10MB"), BERLIN)
    at, changes = utc("2026-11-29T12:00"), []
    for _ in range(3):
        at = schedule.changes_at(at)
        changes.append(at)
    assert changes == [utc("2026-11-30T07:00"), utc("2026-11-30T17:00"), utc("2026-12-01T07:00")]


def test_an_hour_that_is_left_out_in_spring_does_not_come():
    schedule = Schedule(None, parse_schedule("Sun 02:15-02:45 10MB"), BERLIN)
    assert schedule.changes_at(utc("2026-03-28T12:00")) == utc("2026-04-05T00:15")
    whole_night = Schedule(None, parse_schedule("Sun 01:30-02:30 10MB"), BERLIN)
    begins = whole_night.changes_at(utc("2026-03-28T12:00"))
    assert (begins, whole_night.changes_at(begins)) == (utc("2026-03-29T00:30"), utc("2026-03-29T01:00"))


def test_an_hour_that_comes_twice_in_autumn_counts_twice():
    schedule = Schedule(None, parse_schedule("Sun 02:15-02:45 10MB"), BERLIN)
    at, changes = utc("2026-10-24T12:00"), []
    for _ in range(4):
        at = schedule.changes_at(at)
        changes.append(at)
    assert changes == [utc(f"2026-10-25T0{time}") for time in ("0:15", "0:45", "1:15", "1:45")]


entries = st.builds(
    Entry,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from([None, 1_000, MB]),
).filter(lambda entry: entry.begin != entry.end)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(entries, max_size=4),
    st.sampled_from(ZONES),
    st.integers(0, 2 * 365 * 1440),
)
def test_no_change_is_missed_and_none_is_told_that_is_none(found, zone, minute):
    schedule = Schedule(5_000, tuple(found), zone)
    at = utc("2026-01-01") + timedelta(minutes=minute)
    told = schedule.changes_at(at)
    minutes = [at + timedelta(minutes=passed) for passed in range(1, 3 * 1440)]
    seen = next((each for each in minutes if schedule.at(each) != schedule.at(at)), None)
    if seen is not None or (told is not None and told <= minutes[-1]):
        assert told == seen


def test_every_day_has_a_name():
    assert [parse_schedule(f"{day} 1MB")[0].days for day in DAYS] == [frozenset({day}) for day in range(7)]
