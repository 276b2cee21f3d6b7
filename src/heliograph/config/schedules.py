"""Limits of bandwidth: a rate, and by the week other rates, as a file has them; and which one holds when.

::

    heliograph.limit.bytes.per.second = 50MB
    heliograph.limit.schedule         = Mon-Fri 08:00-18:00 10MB; Sat,Sun none
    heliograph.limit.time.zone        = Europe/Berlin

Entries are parted by semicolons, and the first that fits holds. Days and hours are what clocks show there: an hour
that is left out in spring does not come, and one that comes twice in autumn counts twice. Hours may pass midnight, and
belong to the day on which they begin.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LEAST_BYTES_S = 1_000
MOST_BYTES_S = 10**15
ENTRIES_MAX = 100
TEXT_MAX = 10_000
NONE = "none"

_RATE = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,9}))?[ \t]*([A-Za-z]*)(?:/s)?")
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})(?=[ \t]|$)")
_BLANKS = re.compile(r"[ \t]*([,-])[ \t]*")
_LOOK_AHEAD_DAYS = 16
"""A week, another where the hour of an entry is left out, and a day before and behind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rate for some hours of some days."""

    days: frozenset[int]
    """0: Monday."""
    begin: int
    """In minutes after midnight."""
    end: int
    """The same; not behind ``begin``: on the next day."""
    bytes_per_s: int | None
    """None: no limit then."""

    def __str__(self) -> str:
        """Return it as a file has it."""
        days = ",".join(DAYS[day] for day in sorted(self.days))
        begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begin, self.end))
        return f"{days} {begin}-{end} {NONE if self.bytes_per_s is None else f'{self.bytes_per_s}B'}"

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether the entry is for this minute of this day."""
        if self.begin < self.end:
            return weekday in self.days and self.begin <= minute < self.end
        return (weekday in self.days and minute >= self.begin) or ((weekday - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A limit that may change by the week."""

    bytes_per_s: int | None = None
    """Where no entry fits; None: no limit."""
    entries: tuple[Entry, ...] = ()
    time_zone: str = "UTC"

    def at(self, instant: datetime) -> int | None:
        """Return the limit that holds at ``instant``, an aware time."""
        if not self.entries:
            return self.bytes_per_s
        there = instant.astimezone(_zone(self.time_zone))
        weekday, minute = there.weekday(), there.hour * 60 + there.minute
        fitting = (entry.bytes_per_s for entry in self.entries if entry.holds(weekday, minute))
        return next(fitting, self.bytes_per_s)

    def changes_at(self, instant: datetime) -> datetime | None:
        """Return when another limit holds after ``instant``, in UTC; None: never."""
        now = self.at(instant)
        return next((each for each in self._turns_after(instant) if self.at(each) != now), None)

    def _turns_after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the instants, in order, at which an entry may begin or end."""
        zone = _zone(self.time_zone)
        minutes = sorted({each % DAY_MINUTES for entry in self.entries for each in (entry.begin, entry.end)} | {0})
        first = instant.astimezone(zone).date() - timedelta(days=1)
        for day in range(_LOOK_AHEAD_DAYS if self.entries else 0):
            found = {each for minute in minutes for each in _instants(first + timedelta(days=day), minute, zone)}
            yield from (each for each in sorted(found) if each > instant)


def _zone(name: str) -> tzinfo:
    """Return a time zone; UTC also where the system knows of none."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _instants(day: date, minute: int, zone: tzinfo) -> Iterator[datetime]:
    """Yield when the wall shows this time; of an hour that does not come or comes twice, every minute around it."""
    shown = datetime.combine(day, time(minute // 60, minute % 60), zone)
    first, second = sorted((shown.astimezone(UTC), shown.replace(fold=1).astimezone(UTC)))
    yield first
    if first != second:  # the clocks are put forward or back within these
        around = second - first
        for passed in range(int(3 * around / timedelta(minutes=1)) + 1):
            yield first - around + timedelta(minutes=passed)


def parse_rate(text: str) -> int | None:
    """Parse a rate such as ``10MB``, ``1.5 MB/s`` or ``none``. Raises ValueError with what was expected."""
    word = text.strip()
    if word.lower() == NONE:
        return None
    found = _RATE.fullmatch(word)
    units = {unit.lower(): size for unit, size in UNITS.items()}
    if found is None or (found[3] and found[3].lower() not in units) or (found[2] and not found[3]):
        raise ValueError(f"must be a number of bytes, as such or with a unit ({', '.join(UNITS)}), or {NONE}")
    if found[3][-1:] == "b":
        raise ValueError(f"must not have the unit {found[3]}, which may mean bits")
    unit = units[found[3].lower() or "b"]
    size: int = int(found[1]) * unit + int(found[2] or 0) * unit // 10 ** len(found[2] or "")
    if not LEAST_BYTES_S <= size <= MOST_BYTES_S:
        raise ValueError(f"must be from {LEAST_BYTES_S} to {MOST_BYTES_S} bytes a second, or {NONE}")
    return size


def parse_schedule(text: str) -> tuple[Entry, ...]:
    """Parse the entries of a schedule; raises ValueError with what was expected."""
    if len(text) > TEXT_MAX:
        raise ValueError(f"must not be longer than {TEXT_MAX} characters")
    parts = [part.strip() for part in text.split(";")]
    if parts[-1] == "":
        parts.pop()
    if len(parts) > ENTRIES_MAX:
        raise ValueError(f"must not have more than {ENTRIES_MAX} entries")
    return tuple(_entry(part) for part in parts)


def _entry(text: str) -> Entry:
    days, rest = _days(_BLANKS.sub(r"\1", text))
    begin, end = 0, DAY_MINUTES
    hours = _HOURS.match(rest)
    if hours is not None:
        begin, end = _minute(hours[1], hours[2]), _minute(hours[3], hours[4])
        if begin in {DAY_MINUTES, end}:
            raise ValueError(f"has hours that are none in {text[:100]!r}")
        rest = rest[hours.end() :]
    if days is None and hours is None:
        raise ValueError(f"must have days, hours or both, and a rate, in each entry, unlike {text[:100]!r}")
    try:
        return Entry(frozenset(range(7)) if days is None else days, begin, end, parse_rate(rest))
    except ValueError as error:
        raise ValueError(f"has an entry {text[:100]!r} whose rate {error}") from None


def _days(text: str) -> tuple[frozenset[int] | None, str]:
    """Return the days that an entry begins with (None: it does not), and what follows them."""
    word, _, rest = text.partition(" ")
    if not word[:1].isalpha() or word.lower() == NONE:
        return None, text
    numbers = {day.lower(): number for number, day in enumerate(DAYS)}
    days: set[int] = set()
    for part in word.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in numbers or (dash and last not in numbers):
            raise ValueError(f"has {word[:100]!r} where days are expected")
        begin, end = numbers[first], numbers[last or first]
        days.update((begin + each) % 7 for each in range((end - begin) % 7 + 1))
    return frozenset(days), rest.strip()


def _minute(hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > DAY_MINUTES:
        raise ValueError(f"has {hour}:{minute}, which is no time of day")
    return found


def parse_time_zone(text: str) -> str:
    """Return the name of a time zone that is known here; raises ValueError with what was expected."""
    try:
        _zone(text)
    except (ValueError, OSError, ModuleNotFoundError, KeyError):  # also paths, folders, and what is no such file
        raise ValueError("must be the name of a time zone, such as Europe/Berlin or UTC") from None
    return text
