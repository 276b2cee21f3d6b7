"""No command may end in a stack trace by what a cluster answers: every error code, a closed connection, a cut answer.

Each command runs against two clusters in memory; each of its requests is answered once with each error code that
exists, at each place of the answer that has one. Right is an exit code, and where it is not 0, what it says on standard
error or in its own report.
"""

import os
import sys

import pytest

from fake_cluster import FakeCluster
from fault_injection import fast, faults_of
from heliograph.cli import app

COMMANDS = {
    "check": ["check", "FILE"],
    "adopt": ["adopt", "FILE", "--dry-run"],
    "offsets": ["offsets", "FILE", "--group", "readers"],
    "failover": ["failover", "FILE", "--group", "readers", "--wait", "0"],
    "failback": ["failback", "FILE", "--flow", "one->two", "--group", "readers"],
    "verify": ["verify", "FILE", "--wait", "0"],
}
EVERY = int(os.environ.get("HELIOGRAPH_INJECT_EVERY", "40"))
"""Each request is answered with every so many of the error codes, and the next one with the next ones; 1: with all."""


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process, as its entry point does."""
    monkeypatch.setattr(sys, "argv", ["heliograph", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code or 0


@pytest.mark.timeout(600)  # thousands of answers, however busy the machine is
@pytest.mark.parametrize("command", COMMANDS)
def test_no_answer_ends_a_command_in_a_trace(command, tmp_path, monkeypatch, capsys):
    path = tmp_path / "mm2.properties"
    arguments = [str(path) if each == "FILE" else each for each in COMMANDS[command]]
    wrong: dict[str, str] = {}
    with FakeCluster("one") as source, FakeCluster("two") as target:
        back = fast("two", "one") if command == "failback" else ""
        where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
        path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}{back}")
        for fake, name in ((source, "orders"), (target, "one.orders")):
            fake.create(name)
            fake.write(name, [b"value"] * 4)
        source.groups["readers"] = {("orders", 0): (2, "")}
        target.groups["readers"] = {("one.orders", 0): (3, "")}
        for fake in (source, target):
            source.forget_requests()
            target.forget_requests()
            assert run(arguments, monkeypatch) in (0, 1, 6), capsys.readouterr()
            asked = list(zip(fake.asked, fake.answers, strict=True))
            assert asked, "the command asks nothing"
            for number, (api, values) in enumerate(asked):
                for turn, (name, fault) in enumerate(faults_of(number, values)):
                    if (turn + number) % EVERY and turn > 1:
                        continue
                    fake.forget_requests()
                    fake.faults[number] = fault
                    where = f"{command}, request {number} to {fake.alias}, {api}, {name}"
                    try:
                        code = run(arguments, monkeypatch)
                    except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported by its name
                        wrong[where] = repr(error)
                    else:
                        said = capsys.readouterr()
                        if "Traceback" in said.out + said.err or (code and not (said.out + said.err).strip()):
                            wrong[where] = f"exit code {code}: {said.err[-200:]}"
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in list(wrong.items())[:40])
