"""No command may end in a stack trace by what a cluster answers: every error code, a closed connection, a cut answer.

Each command runs against two clusters in memory; each of its requests is answered once with each error code that
exists, at each place of the answer that has one. Right is an exit code, and where it is not 0, what it says on standard
error or in its own report.
"""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fake_cluster import FakeCluster
from fault_injection import fast, some_faults_of
from heliograph.cli import app
from heliograph.cluster import admin, cluster, groups

COMMANDS = {
    "check": ["check", "FILE"],
    "adopt": ["adopt", "FILE", "--dry-run"],
    "offsets": ["offsets", "FILE", "--group", "readers"],
    "failover": ["failover", "FILE", "--group", "readers", "--wait", "0"],
    "failback": ["failback", "FILE", "--flow", "one->two", "--group", "readers"],
    "failover --execute": ["failover", "FILE", "--group", "readers", "--wait", "0", "--execute"],
    "failback --execute": ["failback", "FILE", "--flow", "one->two", "--group", "readers", "--execute"],
    "verify": ["verify", "FILE", "--wait", "0"],
    "pause": ["pause", "FILE", "--topic", "orders", "--timeout", "0"],
    "resume": ["resume", "FILE", "--topic", "orders", "--timeout", "0"],
    "restart": ["restart", "FILE"],
    "limit": ["limit", "FILE", "10MB"],
    "rewind": ["rewind", "FILE", "--topic", "orders", "--to-end", "--timeout", "0"],
    "rewind --execute": ["rewind", "FILE", "--topic", "orders", "--to-beginning", "--execute", "--timeout", "0"],
}
TARGET_ONLY = {"limit"}
"""Commands that do without the source."""
EVERY = int(os.environ.get("HELIOGRAPH_INJECT_EVERY", "80"))
"""Each request is answered with every so many of the error codes, and the next one with the next ones; 1: with all."""


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process, as its entry point does."""
    monkeypatch.setattr(sys, "argv", ["heliograph", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code or 0


class Commands:
    """A command between two clusters in memory, run as often as wanted."""

    def __init__(self, command: str, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.command = command
        self.arguments = [str(path) if each == "FILE" else each for each in COMMANDS[command]]
        self.wrong: dict[str, str] = {}
        self._path, self._monkeypatch, self._capsys = path, monkeypatch, capsys

    def set_up(self, source: FakeCluster, target: FakeCluster) -> None:
        self.source, self.target = source, target
        back = fast("two", "one") if self.command.startswith("failback") else ""
        where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
        self._path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}{back}")
        for fake, name in ((source, "orders"), (target, "one.orders")):
            fake.create(name, 2)
            for partition in (0, 1):
                fake.write(name, [b"value"] * 4, partition)

    def run(self) -> int:
        self.source.groups["readers"] = {("orders", 0): (2, ""), ("orders", 1): (2, "")}
        self.target.groups["readers"] = {("one.orders", 0): (3, ""), ("one.orders", 1): (3, "")}
        return run(self.arguments, self._monkeypatch)

    def requests(self, fake: FakeCluster) -> list[tuple[str, dict[str, Any]]]:
        """Run without a fault; return what ``fake`` was asked and answered."""
        self.forget()
        assert self.run() in (0, 1, 6), self._capsys.readouterr()
        assert fake.asked or (fake is self.source and self.command in TARGET_ONLY), "the command asks nothing"
        return list(zip(fake.asked, fake.answers, strict=True))

    def forget(self) -> None:
        for fake in (self.source, self.target):
            fake.forget_requests()

    def judge(self, where: str) -> None:
        """Run with the faults that are set; note what is wrong."""
        try:
            code = self.run()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported by its name
            self.wrong[where] = repr(error)
            return
        said = self._capsys.readouterr()
        if "Traceback" in said.out + said.err or (code and not (said.out + said.err).strip()):
            self.wrong[where] = f"exit code {code}: {said.err[-200:]}"

    def assert_right(self) -> None:
        assert not self.wrong, "\n".join(f"{where}: {what}" for where, what in list(self.wrong.items())[:40])


@pytest.fixture(params=COMMANDS)
def commands(request, tmp_path, monkeypatch, capsys):
    made = Commands(request.param, tmp_path / "mm2.properties", monkeypatch, capsys)
    with FakeCluster("one") as source, FakeCluster("two") as target:
        made.set_up(source, target)
        yield made


@pytest.mark.timeout(1800)  # thousands of answers, however busy the machine is
def test_no_answer_ends_a_command_in_a_trace(commands):
    for fake in (commands.source, commands.target):
        for number, (api, values) in enumerate(commands.requests(fake)):
            for name, fault in some_faults_of(number, values, EVERY):
                commands.forget()
                fake.faults[number] = fault
                commands.judge(f"request {number} to {fake.alias}, {api}, {name}")
    commands.assert_right()


@pytest.mark.timeout(1800)
def test_no_answer_that_stays_ends_a_command_in_a_trace(commands, monkeypatch):
    monkeypatch.setattr(cluster, "ATTEMPTS_S", 0.02)
    monkeypatch.setattr(groups, "ATTEMPTS_S", 0.02)
    monkeypatch.setattr(admin, "LIST_OFFSETS_S", 0.02)
    for fake in (commands.source, commands.target):
        for number, (api, values) in enumerate(dict(commands.requests(fake)).items()):
            for name, fault in some_faults_of(number, values, EVERY * 3 if EVERY > 1 else 1):
                commands.forget()
                fake.always[api] = fault
                commands.judge(f"{api} to {fake.alias}, always {name}")
    commands.assert_right()
