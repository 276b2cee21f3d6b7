"""Numbers as people read them: the one place that decides on digits, separators and units.

Sizes are decimal (1 MB is 1,000,000 bytes), as networks and clouds count. A number that is not known is a dash.
"""

import math

UNKNOWN = "-"
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_COUNT_UNITS = ("", " k", " M", " G", " T", " P", " E")
_COMPACT_FROM = 10_000_000


def count(number: float | None) -> str:
    """Return a whole number: ``3,200``; from ten millions on, ``12.3 M``."""
    if number is None or not math.isfinite(number):
        return UNKNOWN
    if abs(number) >= _COMPACT_FROM:
        return _scaled(number, _COUNT_UNITS)
    return f"{number:,.0f}"


def size(size_bytes: float | None) -> str:
    """Return a size: ``812 B``, ``1.2 MB``, ``36 GB``."""
    if size_bytes is None or not math.isfinite(size_bytes):
        return UNKNOWN
    return _scaled(size_bytes, _SIZE_UNITS)


def record_rate(records_per_s: float | None) -> str:
    """Return ``3,200 records/s``; below ten, one digit more: ``0.4 records/s``."""
    number = _small(records_per_s)
    return number if number == UNKNOWN else f"{number} records/s"


def byte_rate(bytes_per_s: float | None) -> str:
    """Return ``1.2 MB/s``."""
    number = size(bytes_per_s)
    return number if number == UNKNOWN else f"{number}/s"


def rate(per_s: float | None) -> str:
    """Return a rate for a column whose heading has the unit: ``3,200``, ``0.4``, ``0``."""
    return _small(per_s)


def megabytes(size_bytes: float | None) -> str:
    """Return megabytes for a column whose heading has the unit: ``1.24``, ``77.1``, ``310``, ``0``."""
    if size_bytes is None or not math.isfinite(size_bytes):
        return UNKNOWN
    number = size_bytes / 1e6
    if number == 0:
        return "0"
    if number < 9.995:
        return f"{number:.2f}"
    return f"{number:.1f}" if number < 99.95 else f"{number:,.0f}"


def duration(seconds: float | None) -> str:
    """Return a duration in at most two units: ``0.4 s``, ``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``4 d 3 h``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit_s, unit, below_s, below in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            rest = whole % unit_s // below_s
            return f"{whole // unit_s} {unit} {rest} {below}" if rest else f"{whole // unit_s} {unit}"
    return f"{whole} s"


def latency(milliseconds: float | None) -> str:
    """Return a latency: ``1.8 ms``, ``42 ms``; from ten seconds on as a duration."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return UNKNOWN
    if milliseconds >= 9_999.5:
        return duration(milliseconds / 1000)
    return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:,.0f} ms"


def share(part: float | None) -> str:
    """Return a share of one as per cent: ``3 %``, ``0.4 %``."""
    if part is None or not math.isfinite(part):
        return UNKNOWN
    per_cent = part * 100
    return f"{per_cent:.1f} %" if 0 < per_cent < 0.95 else f"{per_cent:,.0f} %"


def plural(number: int, noun: str) -> str:
    """Return ``1 topic``, ``1,200 topics``, ``2 processes``."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def _small(number: float | None) -> str:
    if number is None or not math.isfinite(number):
        return UNKNOWN
    return f"{number:.1f}" if 0.05 <= number < 9.95 else count(number)


def _scaled(number: float, units: tuple[str, ...]) -> str:
    """Return three digits at most and the unit that fits."""
    power = 0
    while abs(number) >= 999.5 and power < len(units) - 1:
        number /= 1000
        power += 1
    unit = units[power]
    gap = "" if unit.startswith(" ") or not unit else " "
    digits = f"{number:.1f}" if power and abs(number) < 9.95 else f"{number:,.0f}"
    if units is _COUNT_UNITS and power and abs(number) < 99.95:
        digits = f"{number:.1f}"
    return f"{digits}{gap}{unit}"
