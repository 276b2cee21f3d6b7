"""The tutorial, executed: every block of the page in its order, and what the page says about the output."""

import contextlib
import doctest
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_program import Running, Start

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"```(?P<language>\w*)\n(?P<text>.*?)```\n", re.DOTALL)
ADDRESS = re.compile(r"127\.0\.0\.1:\d+")

pytestmark = pytest.mark.brokers
LIMIT_S = 60.0
PAUSE_S = 0.05


class Reader:
    """Somebody who follows the page with two terminals, one for Python and one for the shell."""

    def __init__(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, object] = {}
        self._start = start
        self._monkeypatch = monkeypatch
        self._properties = ""
        self._exports: list[str] = []
        self._before: list[Running] = []
        """What the last block of shell commands started."""
        self.runs: list[Running] = []

    def read(self, words: str) -> None:
        """Press the keys that the text names."""
        if "Ctrl-Z" in words:
            self.runs[-1].freeze()
        if self.runs and "Ctrl-C" in words:
            assert self.runs[-1].stop() == 0

    def pycon(self, text: str) -> None:
        for example in doctest.DocTestParser().get_examples(text):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(example.source, "tutorial", "single"), self.names)
            output = printed.getvalue()
            assert ADDRESS.sub("ADDRESS", output).strip() == ADDRESS.sub("ADDRESS", example.want).strip()
            self._exports += re.findall(r"(\w+)=(127\.0\.0\.1:\d+)", output)

    def properties(self, text: str) -> None:
        self._properties = text

    def sh(self, text: str) -> None:
        self._before = []
        for line in text.splitlines():
            match line.split():
                case ["make", "demo"]:  # the demo has tests of its own
                    assert "demo: setup\n\t@$(BIN)/heliograph demo\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
                case ["export", *names]:
                    assert [name.partition("=")[0] for name in names] == [name for name, _ in self._exports]
                    for name, value in self._exports:
                        self._monkeypatch.setenv(name, value)
                case ["kill", "-9", "%1"]:
                    self.runs[-1].kill()
                case [".venv/bin/heliograph", command, "mm2.properties", *options]:
                    self._before.append(self._start(self._properties, *options, command=command))
                    if command == "run":
                        self.runs.append(self._before[-1])
                    else:
                        assert self._before[-1].wait() == 0, self._before[-1].log
                case _:
                    pytest.fail(f"the test does not know how to follow {line!r}")

    def text(self, text: str) -> None:
        """Wait until the output of the commands before has these lines; ``...`` stands for anything."""
        patterns = [re.escape(line).replace(r"\.\.\.", ".*") for line in text.splitlines()]
        deadline = time.monotonic() + LIMIT_S
        while True:
            output = "".join(each.log for each in self._before)
            if all(re.search(f"^{pattern}$", output, re.MULTILINE) for pattern in patterns):
                return
            assert time.monotonic() < deadline, f"{text}is not in the output:\n{output}"
            time.sleep(PAUSE_S)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Text before a block, its language and its content."""
    page, at = PAGE.read_text(encoding="utf-8"), 0
    for match in BLOCK.finditer(page):
        yield page[at : match.start()], match["language"], match["text"]
        at = match.end()


def test_every_step_of_the_tutorial_does_what_the_page_says(heliograph, monkeypatch):
    reader = Reader(heliograph, monkeypatch)
    try:
        for words, language, text in blocks():
            reader.read(words)
            getattr(reader, language)(text)
        first, second = reader.runs
        assert " WARNING " not in first.log + second.log
        assert " ERROR " not in first.log + second.log
    finally:
        for cluster in ("source", "target"):
            if cluster in reader.names:
                reader.names[cluster].close()
