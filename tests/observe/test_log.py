import io
import json
import logging

import pytest

from heliograph.config.model import Secret
from heliograph.observe.log import (
    LineHandler,
    Log,
    LogFormat,
    Repetition,
    json_line,
    program_level,
    set_program_level,
    set_up_logging,
    text_line,
)

AT_S = 1772357400.125


class Recorded:
    """A logger of its own, a clock to turn, and the lines written."""

    def __init__(self, style=LogFormat.TEXT, **limits):
        self.now_s = 0.0
        self.stream = io.StringIO()
        self.handler = LineHandler(style, stream=self.stream, repetition=Repetition(**limits), clock=lambda: self.now_s)

    def write(self, message, *, flow="A->B", level=logging.WARNING, **fields):
        record = logging.LogRecord("heliograph", level, "", 0, "%s", (message,), None)
        record.created, record.flow, record.fields = AT_S, flow, fields
        self.handler.handle(record)

    @property
    def lines(self):
        return [line.split("  ", 1)[1].strip() for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def restored_logging():
    root, own = logging.getLogger(), logging.getLogger("heliograph")
    before = root.handlers[:], root.level, own.level
    yield
    for handler in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(before[1])
    own.setLevel(before[2])


def test_text_lines():
    line = text_line(AT_S, "INFO", "west->east", "topic created", {"topic": "west.orders", "partitions": "12"})
    assert line == "2026-03-01T09:30:00.125Z INFO     west->east  topic created  topic=west.orders partitions=12"
    assert text_line(AT_S, "ERROR", "", "stopped", {}) == "2026-03-01T09:30:00.125Z ERROR    stopped"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("a\nb\x1b[2J", "a\\nb\\x1b[2J"),
        ("x" * 3000, "x" * 2000 + "…"),
    ],
)
def test_values_stay_on_their_line(value, written):
    assert text_line(AT_S, "INFO", "", "m", {"v": value}).endswith(f"  v={written}")


def test_json_lines():
    line = json_line(AT_S, "WARNING", "A->B", "gap\n", {"topic": "t", "message": "own"})
    assert json.loads(line) == {
        "time": "2026-03-01T09:30:00.125Z",
        "level": "warning",
        "flow": "A->B",
        "message": "gap\n",
        "topic": "t",
        "message_": "own",
    }
    assert "\n" not in line
    assert "flow" not in json.loads(json_line(AT_S, "INFO", "", "m", {}))


@pytest.mark.parametrize(
    "words",
    [
        'PlainLoginModule required username="u" password="hunter2";',
        "ssl.keystore.password=hunter2, next",
        "ssl.key.password: hunter2",
        "client_secret='hunter2'",
        "sasl.oauth.token = hunter2",
        'password="with \\" hunter2"',
    ],
)
@pytest.mark.parametrize("draw", [text_line, json_line])
def test_secrets_are_masked(words, draw):
    for line in (draw(AT_S, "INFO", "", words, {}), draw(AT_S, "INFO", "", "m", {"cause": words})):
        assert "hunter2" not in line
        assert "****" in line


def test_secret_values_and_names_are_masked():
    recorded = Recorded()
    recorded.write("m", one=Secret("hunter2"), password="hunter2")
    assert recorded.lines == ["A->B  m  one=**** password=****"]


def test_the_same_line_comes_once():
    recorded = Recorded()
    for _ in range(100):
        recorded.write("refused", broker=1)
    assert recorded.lines == ["A->B  refused  broker=1"]
    recorded.now_s = 29.9
    recorded.handler.summarise()
    assert len(recorded.lines) == 1
    recorded.now_s = 30.0
    recorded.handler.summarise()
    assert recorded.lines[1:] == ['A->B  refused  repeated=99 within="30 s"']
    recorded.write("refused", broker=1)
    assert recorded.lines[2:] == ["A->B  refused  broker=1"]


def test_like_lines_come_a_few_times():
    recorded = Recorded(similar_shown=3)
    for partition in range(2000):
        recorded.write("lane failed", partition=partition)
    recorded.write("lane failed", flow="B->A", partition=0)
    recorded.write("lane failed", level=logging.ERROR, partition=0)
    assert recorded.lines == [
        "A->B  lane failed  partition=0",
        "A->B  lane failed  partition=1",
        "A->B  lane failed  partition=2",
        "B->A  lane failed  partition=0",
        "A->B  lane failed  partition=0",
    ]
    recorded.handler.close()
    assert recorded.lines[5:] == ['A->B  lane failed  repeated=1997 within="30 s"']


def test_kinds_are_limited():
    repetition = Repetition(keys_max=2)
    kinds = [(logging.WARNING, "", message) for message in "abc"]
    assert all(repetition.passes(kind, {}, 0.0) for kind in kinds)
    assert [repetition.passes(kind, {}, 0.0) for kind in kinds] == [False, False, True]
    assert repetition.due(100.0) == [(kinds[0], 1, {}), (kinds[1], 1, {})]
    assert repetition.due(100.0) == []


def test_two_turns_of_a_flow_are_two_lines():
    repetition = Repetition(similar_shown=3)
    kind = (logging.INFO, "A->B", "running")
    assert [repetition.passes(kind, {}, 0.0) for _ in range(5)] == [True, True, True, False, False]


def test_the_last_news_stands_in_the_sum():
    """What was only counted may be how things stand now."""
    recorded = Recorded(similar_shown=2)
    for partitions in (3, 2, 3, 1):
        recorded.write("share", level=logging.INFO, partitions=partitions)
    recorded.handler.close()
    assert recorded.lines[-1] == 'A->B  share  partitions=1 repeated=2 within="30 s"'


def test_exceptions_are_a_field():
    recorded = Recorded()
    error = RuntimeError("two\nlines")
    recorded.handler.handle(logging.LogRecord("x", logging.ERROR, "", 0, "%s", ("m",), (RuntimeError, error, None)))
    assert recorded.lines == [r"m  exception=RuntimeError('two\nlines')"]


@pytest.mark.usefixtures("restored_logging")
def test_set_up():
    stream = io.StringIO()
    set_up_logging(LogFormat.JSON, "info", stream=io.StringIO())
    handler = set_up_logging(LogFormat.JSON, "info", stream=stream)
    log = Log("A->B")
    log.debug("hidden")
    log.info("shown", message="own", position=7)
    log.warning("odd")
    log.error("bad")
    logging.getLogger("some.library").info("hidden")
    logging.getLogger("some.library").warning("old %s", "api")
    handler.summarise(everything=True)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["shown", "odd", "bad", "old api"]
    assert lines[0] | {"time": ""} == {
        "time": "",
        "level": "info",
        "flow": "A->B",
        "message": "shown",
        "message_": "own",
        "position": "7",
    }


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("style", LogFormat)
def test_where_a_line_comes_from_stands_at_its_end(style):
    stream = io.StringIO()
    handler = set_up_logging(style, stream=stream, origin={"worker": "2"})
    Log("A->B").info("shown", position=7)
    for _ in range(9):
        Log().warning("again")
    handler.summarise(everything=True)
    first, again, summary = stream.getvalue().splitlines()
    if style is LogFormat.TEXT:
        assert first.endswith("  shown  position=7 worker=2")
        assert again.endswith("  again  worker=2")
        assert summary.endswith('  again  repeated=8 within="30 s" worker=2')
    else:
        assert [list(json.loads(line))[-1] for line in (first, again, summary)] == ["worker"] * 3
        assert json.loads(first)["worker"] == "2"


@pytest.mark.usefixtures("restored_logging")
def test_standard_error_is_looked_up_at_each_line(capsys):
    set_up_logging()
    Log().info("started", version="0.1.0")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(" INFO     started  version=0.1.0\n")


@pytest.mark.parametrize(
    ("level", "told", "debug", "error"),
    [
        ("OFF", "OFF", False, False),
        ("FATAL", "FATAL", False, False),
        ("WARN", "WARN", False, True),
        ("DEBUG", "DEBUG", True, True),
        ("TRACE", "DEBUG", True, True),
        ("ALL", "DEBUG", True, True),
    ],
)
def test_levels_by_kafkas_names(restored_logging, level, told, debug, error):
    set_program_level(level)
    program = logging.getLogger("heliograph")
    assert program_level() == told
    assert (program.isEnabledFor(logging.DEBUG), program.isEnabledFor(logging.ERROR)) == (debug, error)
