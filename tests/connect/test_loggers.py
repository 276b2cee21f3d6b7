"""Levels by name: what concerns which, what is told of it, and what the program writes then."""

import logging
from collections.abc import Iterator

import pytest

from heliograph.connect import loggers
from heliograph.connect.loggers import Loggers
from heliograph.errors import NotFound
from heliograph.observe.connectors import Invalid, LoggerView
from heliograph.observe.log import ROOT, program_level


@pytest.fixture(autouse=True)
def restored_level() -> Iterator[None]:
    program = logging.getLogger(ROOT)
    before = program.level
    program.setLevel(logging.INFO)
    yield
    program.setLevel(before)


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


def test_at_the_start_there_is_root():
    levels = Loggers()
    assert levels.all() == {"root": LoggerView("INFO", None)}
    assert levels.get(ROOT) == levels.get("root")
    assert levels.get("org.example") is None


def test_root_sets_the_program_and_all_names():
    levels = Loggers(Clock())
    assert levels.set("org.example", "DEBUG") == ["org.example"]
    assert program_level() == "INFO"
    assert levels.set("root", "ERROR") == ["org.example", "root"]
    assert program_level() == "ERROR"
    assert levels.all() == {"org.example": LoggerView("ERROR", 2), "root": LoggerView("ERROR", 2)}
    assert levels.get(ROOT) == LoggerView("ERROR", 2)


def test_the_program_by_its_own_name():
    levels = Loggers(Clock())
    levels.set(ROOT, "DEBUG")
    assert program_level() == "DEBUG"
    assert levels.get("root").level == "DEBUG", "until root is set itself, it is what the program does"
    levels.set("root", "WARN")
    assert program_level() == "WARN"


def test_only_what_had_another_level_is_told_and_dated():
    levels = Loggers(Clock())
    for name in ("a", "a.b", "a.bc", "c"):
        levels.set(name, "INFO")
    assert levels.set("a.b", "DEBUG") == ["a.b", "a.bc"]
    assert levels.set("a", "DEBUG") == ["a"]
    assert levels.set("a", "DEBUG") == []
    assert {name: view.modified_ms for name, view in levels.all().items()} == {
        "a": 6,
        "a.b": 5,
        "a.bc": 5,
        "c": None,
        "root": None,
    }
    assert levels.set("a.d", "DEBUG") == []
    assert levels.get("a.d") == LoggerView("DEBUG", None), "it had that level of a already"
    assert levels.set("ro", "DEBUG") == ["ro"], "root is no name like others"


@pytest.mark.parametrize("level", ["OFF", "fatal", "ERROR", "warn", " INFO ", "DEBUG", "TRACE", "ALL"])
def test_levels_of_kafkas_programs(level):
    levels = Loggers()
    proper = levels.checked("root", level)
    levels.set("root", proper)
    assert levels.get("root").level == proper == level.strip().upper()


@pytest.mark.parametrize("level", ["LOUD", "", "5", "WARNING"])
def test_no_level(level):
    with pytest.raises(NotFound, match=f"invalid log level '{level}'"):
        Loggers().checked("root", level)


def test_names_are_bounded(monkeypatch):
    monkeypatch.setattr(loggers, "NAMES_MAX", 2)
    levels = Loggers()
    levels.set("a", "DEBUG")
    levels.set("b", "DEBUG")
    assert levels.checked("a", "INFO") == "INFO"
    for name, words in (("c", "2 loggers have a level of their own"), ("x" * 1_001, "1000 characters at most")):
        with pytest.raises(Invalid, match=words):
            levels.checked(name, "INFO")


def test_what_all_workers_are_told_and_no_worker_can_do(caplog):
    levels = Loggers()
    levels.heed("a", "LOUD")
    assert levels.get("a") is None
    levels.heed("a", "debug")
    assert levels.get("a").level == "DEBUG"
