"""The names that our rules are held to are those that MirrorMaker 2's own policies give."""

from pathlib import Path

from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.javasource import run_java

PROGRAM = Path(__file__).with_name("PolicyNames.java")
NAMES = Path(__file__).parents[1] / "mirror" / "mm2_names.txt"


def test_the_recorded_answers_are_mirror_makers():
    recorded = [line for line in NAMES.read_text().splitlines() if not line.startswith("#")]
    questions = "".join("|".join(line.split("|")[:2]) + "\n" for line in recorded)
    outcome = run_java(PROGRAM, DEFAULT_VERSION, text=questions)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.splitlines() == recorded
