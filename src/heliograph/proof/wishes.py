"""What a person writes on the command line about a proof, read: ``5%``, ``2h``, ``20``. Pure."""

import re
from datetime import UTC, datetime

from heliograph.cluster.pace import Pace
from heliograph.errors import ConfigError
from heliograph.proof.places import Sample

SHARE = 0.5
"""Share of the time in which a proof reads, unless told otherwise: it leaves room for the replicator beside it."""
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd])")
_RECORDS_MAX = 10**15


def sample_of(text: str, seed: int) -> Sample:
    """Read ``5%`` (of each partition) or ``1000`` (records of each partition). Raises ConfigError."""
    number = _number(text.removesuffix("%"))
    if text.endswith("%") and number is not None and 0 < number <= 100:
        return Sample(share=number / 100, seed=seed)
    if text.isascii() and text.isdigit() and 0 < int(text) <= _RECORDS_MAX:
        return Sample(records=int(text), seed=seed)
    raise ConfigError(f"--sample {text} is neither a share nor a number of records", remedy="Write 5% or 1000")


def since_of(text: str, now: datetime) -> int:
    """Read ``2h`` (also s, m, d) or a time such as ``2026-07-01T12:00`` (UTC where it names no zone).

    Returns ms since the epoch. Raises ConfigError.
    """
    found = _DURATION.fullmatch(text)
    try:
        if found is not None:
            return max(0, int(now.timestamp() * 1000) - int(found[1]) * _UNITS_S[found[2]] * 1000)
        when = datetime.fromisoformat(text)
        return max(0, int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"--since {text} is neither a duration nor a time", remedy="Write 2h, 30m, 7d or 2026-07-01T12:00"
        ) from error


def pace_of(text: str) -> Pace:
    """Read ``20`` (megabytes a second, both sides together) or ``50%`` (of the time). Raises ConfigError."""
    number = _number(text.removesuffix("%"))
    if number is not None and number > 0:
        if not text.endswith("%"):
            return Pace(bytes_per_s=number * 1e6)
        if number <= 100:
            return Pace(share=number / 100)
    raise ConfigError(
        f"--bandwidth {text} is neither a number of MB/s nor a share of the time", remedy="Write 20 or 50%"
    )


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII) else None
