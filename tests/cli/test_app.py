"""The front door: version, help, and every mistake in the command line as one line and exit code 2."""

import re

import pytest
from typer.main import get_command

import heliograph as package
from heliograph.cli.app import make_app

COMMANDS = sorted(get_command(make_app()).commands)


@pytest.mark.parametrize("kernel", ["", "python"])
def test_version_names_kernel_and_python(heliograph, kernel) -> None:
    ended = heliograph("--version", HELIOGRAPH_KERNEL=kernel)
    assert ended.code == 0
    found = re.fullmatch(r"heliograph (\S+) \(kernel: (compiled|python), Python 3\.\d+\.\d+\)\n", ended.out)
    assert found, ended.out
    assert found[1] == package.__version__
    if kernel:
        assert found[2] == kernel


def test_these_are_the_commands() -> None:
    assert COMMANDS == [
        "adopt",
        "check",
        "demo",
        "failback",
        "failover",
        "limit",
        "offsets",
        "pause",
        "plan",
        "restart",
        "resume",
        "rewind",
        "run",
        "status",
        "user",
        "verify",
    ]


def test_help_names_every_command(heliograph) -> None:
    ended = heliograph("--help")
    assert (ended.code, ended.err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\w", ended.out, re.MULTILINE), ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_short(heliograph, command) -> None:
    ended = heliograph(command, "-h")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: heliograph {command} [OPTIONS]")
    assert len(ended.out.splitlines()) < 30


def test_no_command_shows_help(heliograph) -> None:
    ended = heliograph()
    assert ended.code == 2
    assert ended.out.startswith("Usage: heliograph")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["copy"], "No such command 'copy'. See heliograph --help"),
        (["run"], "Missing argument 'FILE'. See heliograph run --help"),
        (["run", "x.properties", "--threads", "2"], "No such option: --threads. See heliograph run --help"),
        (["run", "x.properties", "--workers", "0"], "Invalid value for '--workers': "),
        (["run", "x.properties", "--clusters"], "Option '--clusters' requires an argument"),
        (["run", "x.properties", "--log-level", "loud"], "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
        (["run", "x.properties", "more"], "has words too many: more"),
        (["check", "x.properties", "more", "most"], "has words too many: more most"),
        (["check", "nowhere.properties"], "nowhere.properties does not exist"),
        (["demo", "--records", "-1"], "Invalid value for '--records': "),
        (["demo", "--records", "many"], "Invalid value for '--records': "),
        (["--bogus"], "No such option: --bogus. See heliograph --help"),
    ],
)
def test_a_wrong_command_line_is_one_line(heliograph, arguments, words) -> None:
    ended = heliograph(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("heliograph: ")
    assert ended.err.count("\n") == 1
    assert words in ended.err
