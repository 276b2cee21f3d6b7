"""The log: one sober line for each thing that happens, and one line, not a storm, for what happens a thousand times.

A message is a constant text; what varies goes into fields. That makes it searchable, and it is how repetition is
recognised: a line with the same level, message and flow as an earlier one is let through a few times (a warning or
an error only with different fields), then only counted; when the interval is over, one line gives the number. Lines
are text for people::

    2026-03-01T09:30:00.125Z INFO    west->east  topic created  topic=west.orders partitions=12

or JSON objects for machines, always to standard error, so that standard output belongs to commands.
"""

import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

ROOT = "heliograph"
LEVELS = {
    "OFF": logging.CRITICAL + 10,
    "FATAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": logging.DEBUG,
    "ALL": logging.DEBUG,
}
"""Names of levels as Kafka's programs have them; nothing here is below DEBUG."""
SUMMARISE_S = 5.0
"""How often sums are looked for while no line comes."""
_INTERVAL_S = 30.0
_SIMILAR_SHOWN = 5
_KEYS_MAX = 1_000
_TEXT_MAX = 2_000
_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token")
_SECRET = re.compile(
    r"""(?ix) \b ((?: [\w.-]* (?: password | passwd | secret | token ) [\w.-]* )) (\s* [=:] \s*)
        (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s"';,}]+ )"""
)


class LogFormat(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


class Log:
    """Writes lines about one flow, or about the process."""

    __slots__ = ("_each", "_flow", "_logger")

    def __init__(self, flow: str = "", *, each: bool = False) -> None:
        """Write about ``flow`` (its name); empty: about the process.

        ``each``: every line is written, whatever the level that is set, and none is only counted.
        """
        self._flow = flow
        self._each = each
        self._logger = logging.getLogger(ROOT)

    def debug(self, message: str, /, **fields: object) -> None:
        """Write what only a search for a fault needs."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Write what happened as it should."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Write what somebody should look at some time."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Write what does not work."""
        self._write(logging.ERROR, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        if self._each or self._logger.isEnabledFor(level):
            extra = {"flow": self._flow, "fields": fields, "each": self._each}
            record = self._logger.makeRecord(ROOT, level, __file__, 0, "%s", (message,), None, extra=extra)
            self._logger.handle(record)


@dataclass(slots=True)
class _Repeated:
    """What is known of one kind of line in its interval."""

    until_s: float
    shown: list[dict[str, str]]
    counted: int = 0
    last: dict[str, str] = field(default_factory=dict)
    """Fields of the latest that was only counted."""


@dataclass(slots=True)
class Repetition:
    """Decides which lines are written and which are counted; holds ``keys_max`` kinds of lines at most."""

    interval_s: float = _INTERVAL_S
    similar_shown: int = _SIMILAR_SHOWN
    """Lines of one kind, with different fields, that pass in an interval."""
    keys_max: int = _KEYS_MAX
    _kinds: dict[tuple[int, str, str], _Repeated] = field(default_factory=dict)

    def passes(self, kind: tuple[int, str, str], fields: dict[str, str], now_s: float) -> bool:
        """Say whether a line of ``kind`` (level, flow, message) with ``fields`` is to be written."""
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= self.keys_max:
                return True
            self._kinds[kind] = _Repeated(now_s + self.interval_s, [fields])
            return True
        news = kind[0] <= logging.INFO or fields not in known.shown  # "running" twice is two turns of a flow's life
        if len(known.shown) < self.similar_shown and news:
            known.shown.append(fields)
            return True
        known.counted += 1
        known.last = fields
        return False

    def due(self, now_s: float, *, everything: bool = False) -> list[tuple[tuple[int, str, str], int, dict[str, str]]]:
        """Return and forget the kinds whose interval is over.

        Each comes with the number of lines that were only counted, and the fields of the last of them.
        """
        over = [kind for kind, known in self._kinds.items() if everything or known.until_s <= now_s]
        ended = [(kind, self._kinds.pop(kind)) for kind in over]
        return [(kind, known.counted, known.last) for kind, known in ended if known.counted]


class LineHandler(logging.Handler):
    """Formats records and writes them to standard error as it is at that moment (a live view may have taken it)."""

    def __init__(
        self,
        style: LogFormat,
        *,
        stream: TextIO | None = None,
        repetition: Repetition | None = None,
        clock: Callable[[], float] = time.monotonic,
        origin: Mapping[str, str] | None = None,
    ) -> None:
        """Write to ``stream``, or to whatever ``sys.stderr`` is when a line comes; ``origin`` ends every line."""
        super().__init__()
        self._style = style
        self._stream = stream
        self._repetition = repetition or Repetition()
        self._clock = clock
        self._origin = dict(origin or {})

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record`` unless it repeats; before it, sums of what was only counted."""
        try:
            self.summarise()
            flow = str(getattr(record, "flow", ""))
            message = record.getMessage()
            fields = {name: _shown(name, value) for name, value in getattr(record, "fields", {}).items()}
            if record.exc_info and record.exc_info[1] is not None:
                fields["exception"] = repr(record.exc_info[1])
            each = bool(getattr(record, "each", False))
            if each or self._repetition.passes((record.levelno, flow, message), fields, self._clock()):
                self._write(record.created, record.levelno, flow, message, fields)
        except (OSError, ValueError):  # the terminal or pipe is gone: nobody is left to be told
            self.handleError(record)

    def summarise(self, *, everything: bool = False) -> None:
        """Write sums that are due; called with each line, and by whoever has a timer. ``everything``: at the end."""
        for (level, flow, message), counted, last in self._repetition.due(self._clock(), everything=everything):
            counts = {"repeated": str(counted), "within": f"{self._repetition.interval_s:g} s"}
            fields = last | counts if level <= logging.INFO else counts  # the last news is how things stand now
            self._write(time.time(), level, flow, message, fields)

    async def keep_summarising(self) -> None:
        """Write sums that are due, until cancelled, also while no line comes."""
        while True:
            await asyncio.sleep(SUMMARISE_S)
            self.summarise()

    def close(self) -> None:
        """Write the sums that are left."""
        self.summarise(everything=True)
        super().close()

    def _write(self, created_s: float, level: int, flow: str, message: str, fields: dict[str, str]) -> None:
        draw = json_line if self._style is LogFormat.JSON else text_line
        stream = self._stream or sys.stderr
        stream.write(draw(created_s, logging.getLevelName(level), flow, message, fields | self._origin) + "\n")
        stream.flush()


def text_line(created_s: float, level: str, flow: str, message: str, fields: dict[str, str]) -> str:
    """Return a line for people: time, level, flow, message, fields, with two spaces between what may hold spaces."""
    parts = [f"{_timestamp(created_s)} {level:<7}"]
    parts += [_one_line(part) for part in (flow, message) if part]
    if fields:
        parts.append(" ".join(f"{name}={_quoted(_one_line(value))}" for name, value in fields.items()))
    return "  ".join(parts)


def json_line(created_s: float, level: str, flow: str, message: str, fields: dict[str, str]) -> str:
    """Return one line of JSON: ``time``, ``level``, ``flow``, ``message``, then the fields (never those four)."""
    head = {"time": _timestamp(created_s), "level": level.lower()}
    if flow:
        head["flow"] = _masked(flow)
    head["message"] = _masked(message)
    rest = {name if name not in head else f"{name}_": _masked(value) for name, value in fields.items()}
    return json.dumps(head | rest, ensure_ascii=False)


def set_up_logging(
    style: LogFormat = LogFormat.TEXT,
    level: str = "INFO",
    *,
    stream: TextIO | None = None,
    origin: Mapping[str, str] | None = None,
) -> LineHandler:
    """Send the program's log to standard error (or ``stream``); gives the handler, for its sums and its end.

    ``origin`` are fields that end every line, to tell it from other processes' that are written to the same place.
    Warnings of libraries come the same way. A second call replaces what the first set up.
    """
    handler = LineHandler(style, stream=stream, origin=origin)
    root = logging.getLogger()
    for present in [present for present in root.handlers if isinstance(present, LineHandler)]:
        root.removeHandler(present)
        present.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())
    return handler


def program_level() -> str:
    """Return the least level that the program writes, by its name in Kafka's programs."""
    now = logging.getLogger(ROOT).getEffectiveLevel()
    return next((name for name, level in LEVELS.items() if level <= now), "DEBUG")


def set_program_level(level: str) -> None:
    """Write what is at least of this level, one of :data:`LEVELS`, from now on."""
    logging.getLogger(ROOT).setLevel(LEVELS[level])


def _timestamp(created_s: float) -> str:
    moment = datetime.fromtimestamp(created_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _shown(name: str, value: object) -> str:
    return "****" if _SECRET_NAME.search(name) else str(value)


def _masked(text: str) -> str:
    """Hide what follows the name of a secret, and cut what is far too long."""
    masked = _SECRET.sub(r"\1\2****", text)
    return masked if len(masked) <= _TEXT_MAX else masked[:_TEXT_MAX] + "…"


def _one_line(text: str) -> str:
    """Mask, and escape what would break the line or command the terminal."""
    masked = _masked(text)
    if masked.isprintable():
        return masked
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in masked
    )


def _quoted(value: str) -> str:
    """Quote where the value could not be told from the next field."""
    if value and not any(character in ' "=' for character in value):
        return value
    return '"' + value.replace('"', '\\"') + '"'
