"""``heliograph user``: lines that the file takes."""

import subprocess
import sys
from pathlib import Path

import pytest

from heliograph.config.access import parse_access
from heliograph.config.passwords import Kept, keep_token


def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "heliograph.cli", "user", *arguments]
    ended = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("name", ["alice", "bob o'neil #1"])
def test_a_password_from_standard_input(name):
    code, line, told = run(name, given="correct horse\n")
    assert (code, told) == (0, "")
    access = parse_access(f"{line}allow * read *".encode(), Path("who.conf"))
    kept = access.passwords[name]
    assert isinstance(kept, Kept)
    assert kept.fits("correct horse")
    assert "correct" not in line


def test_a_token_is_shown_once_and_kept_as_its_digest():
    code, line, told = run("deploy", "--token")
    token = told.split(": ")[1].strip()
    assert code == 0
    assert line == f"token deploy {keep_token(token)}\n"
    assert len(token) > 40


@pytest.mark.parametrize(("name", "given"), [("alice", "short\n"), ("alice", ""), ("a:b", "long enough\n")])
def test_what_cannot_be_is_told(name, given):
    code, line, told = run(name, given=given)
    assert (code, line) == (2, "")
    assert told.startswith("heliograph: ")
    assert told.count("\n") == 1
