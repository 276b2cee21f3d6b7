"""The files that took longest start first, so that the processes of a run end together.

How long each file takes is kept in pytest's cache. The process that started the run reads it, tells the others, for all
must have the same order, and writes it in the end. In a new checkout ``file_seconds.json`` stands in for it: a copy of
``.pytest_cache/v/heliograph/file-seconds`` after a run. A file that never ran counts as long when it needs brokers.
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

PLACE = "heliograph/file-seconds"
COMMITTED = Path(__file__).with_name("file_seconds.json")
NEEDS_BROKERS_S = 60.0


class FileTimes:
    """Notes how long each file takes, in the process that started the run."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache = config.cache
        here = dict(self._cache.get(PLACE, {})) if self._cache else {}
        self.known: dict[str, float] = json.loads(COMMITTED.read_text(encoding="utf-8")) | here
        self._now: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._now[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Keep the longest of what a file took, now or before: a run of some of its tests says little."""
        if self._cache:
            seconds = {file: round(max(took, 0.9 * self.known.get(file, 0.0)), 1) for file, took in self._now.items()}
            self._cache.set(PLACE, self.known | seconds)


def longest_first(items: list[pytest.Item], known: dict[str, float]) -> list[pytest.Item]:
    """Return the tests in the order of their files' times; tests of one file keep their own."""
    seconds: dict[str, float] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        guess = NEEDS_BROKERS_S if item.get_closest_marker("brokers") else 0.0
        seconds[file] = max(seconds.get(file, 0.0), known.get(file, guess))
    place = {file: index for index, file in enumerate(sorted(seconds, key=lambda file: -seconds[file]))}
    return sorted(items, key=lambda item: place[item.nodeid.partition("::")[0]])
