"""What the keys for limits of bandwidth say, taken together (:mod:`heliograph.config.schedules` reads each)."""

from collections.abc import Callable
from typing import TypeVar

from heliograph.config.problems import Problems
from heliograph.config.resolve import Found
from heliograph.config.schedules import Schedule, parse_rate, parse_schedule, parse_time_zone
from heliograph.config.typed import has_trailing_comment
from heliograph.errors import ConfigError

Parsed = TypeVar("Parsed")

LIMIT_NAMES = ("bytes.per.second", "schedule", "time.zone")
"""How the three keys of a limit end."""


def schedule_of(problems: Problems, rate: Found, entries: Found, time_zone: Found) -> Schedule:
    """Return the limit that three keys make; what cannot be read of it is noted."""
    return Schedule(
        problems.attempt(lambda: _parsed(rate, parse_rate), None),
        problems.attempt(lambda: _parsed(entries, parse_schedule), ()) if entries.text else (),
        problems.attempt(lambda: _parsed(time_zone, parse_time_zone), "UTC"),
    )


def _parsed(found: Found, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(found.text)
    except ValueError as error:
        comment = has_trailing_comment(found.text)
        remedy = (
            "Put the comment on a line of its own" if comment else _REMEDIES[found.option.name.partition("limit.")[2]]
        )
        shown = "" if parse is parse_schedule else f", not {found.text[:100]!r}"
        raise ConfigError(f"{found.where} {error}{shown}", remedy=remedy) from None


_REMEDIES = {
    "bytes.per.second": "Write 10MB, or none for no limit; to stop a flow, pause it",
    "schedule": "Write Mon-Fri 08:00-18:00 10MB; Sat,Sun none",
    "time.zone": "Where this is one, the system has no list of time zones: install Python's tzdata",
}
