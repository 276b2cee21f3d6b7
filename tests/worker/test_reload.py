"""When the configuration is read again: a file that rests after it has changed, or SIGHUP."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from heliograph.config.load import load
from heliograph.config.model import Config
from heliograph.errors import ConfigError
from heliograph.worker.reload import ConfigSource, follow
from virtual_time import run_virtually

FILE = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
config.providers = file
config.providers.file.class = org.apache.kafka.common.config.provider.FileConfigProvider
east.client.id = ${file:NEIGHBOUR:client}
"""


class Process:
    """What a supervisor would do."""

    def __init__(self, folder: Path) -> None:
        self.file, self.neighbour = folder / "mm2.properties", folder / "neighbour.properties"
        self.neighbour.write_text("client = one\n")
        self.write()
        self.source = ConfigSource(lambda: load(self.file, environ={}))
        self.read: list[Config | ConfigError] = [self.source.read()]
        self.stopped = False

    def write(self, more: str = "") -> None:
        self.file.write_text(FILE.replace("NEIGHBOUR", str(self.neighbour)) + more)

    def stop(self) -> None:
        self.stopped = True

    async def reload(self) -> None:
        try:
            self.read.append(self.source.read())
        except ConfigError as error:
            self.read.append(error)
            raise

    async def followed(self, script, *, watches: bool = True, for_s: float = 3.5) -> int:
        """Return how often it was read while ``script`` was done, and for three looks more."""
        following = asyncio.create_task(follow(self.source, self, watches=watches))
        await asyncio.sleep(0.1)
        before = len(self.read)
        script()
        await asyncio.sleep(for_s)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        return len(self.read) - before


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def followed(process: Process, script, **options) -> int:
    return run_virtually(process.followed(script, **options))


def test_nothing_changes(process):
    assert followed(process, lambda: None) == 0


def test_another_text_is_read_once(process):
    assert followed(process, lambda: process.write("# more\n")) == 1


def test_a_file_that_it_refers_to_counts_too(process):
    assert followed(process, lambda: process.neighbour.write_text("client = another\n")) == 1
    assert process.read[-1].flows[0].target.client_id == "another"


def test_a_file_that_is_gone_is_refused_once_and_read_when_it_is_back(process):
    assert followed(process, process.file.unlink) == 1
    assert isinstance(process.read[-1], ConfigError)
    assert followed(process, process.write) == 1
    assert isinstance(process.read[-1], Config)


def test_a_file_that_a_wrong_one_refers_to_counts_too(process):
    process.neighbour.unlink()
    assert followed(process, lambda: None) == 1
    assert isinstance(process.read[-1], ConfigError)
    assert followed(process, lambda: process.neighbour.write_text("client = back\n")) == 1
    assert process.read[-1].flows[0].target.client_id == "back"


def test_a_link_that_leads_elsewhere(process, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(process.file.read_text())
        os.utime(tmp_path / name, (1, 1))  # the same text, and the same time
    process.file.unlink()
    process.file.symlink_to("one")
    process.source.read()

    def swap() -> None:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").replace(process.file)

    assert followed(process, swap) == 1


def test_a_file_that_changes_while_it_is_read_is_read_once_more(process):
    plain_load = process.source._load

    def load_slowly() -> Config:
        config = plain_load()
        if len(process.read) == 1:
            process.neighbour.write_text("client = meanwhile\n")
        return config

    process.source._load = load_slowly
    assert followed(process, lambda: process.write("# more\n"), for_s=5.5) == 2
    assert process.read[-1].flows[0].target.client_id == "meanwhile"


def test_a_file_that_still_changes_is_left_alone(process):
    async def work() -> int:
        following = asyncio.create_task(follow(process.source, process, watches=True))
        for number in range(8):
            process.write("#" * number)
            await asyncio.sleep(0.6)
        following.cancel()
        return len(process.read) - 1

    assert run_virtually(work()) == 0


def test_sighup_has_it_read_although_nothing_changed(process):
    assert followed(process, lambda: os.kill(os.getpid(), signal.SIGHUP), watches=False) == 1
    assert not process.stopped


def test_without_watching_only_sighup_counts(process):
    assert followed(process, lambda: process.write("# more\n"), watches=False) == 0
    assert followed(process, lambda: os.kill(os.getpid(), signal.SIGHUP), watches=False) == 1


def test_sighup_that_was_ignored_before_the_start_stays_so(process):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert followed(process, lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_is_closed_ends_the_process(process, monkeypatch):
    open_ = iter([True, False, False])
    monkeypatch.setattr("heliograph.worker.reload._has_terminal", lambda: next(open_))
    assert followed(process, lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    assert process.stopped
