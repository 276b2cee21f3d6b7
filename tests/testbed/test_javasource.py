from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.javasource import run_java

pytestmark = pytest.mark.brokers  # no broker, but the jars of one

ECHO = """
import java.util.Scanner;
import org.apache.kafka.common.TopicPartition;

public class Echo {
    public static void main(String[] arguments) {
        System.out.println(new TopicPartition(arguments[0], 7) + " " + new Scanner(System.in).nextLine());
        System.exit(3);
    }
}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "Echo.java"


def test_a_program_runs_on_the_jars_of_kafka(source: Path) -> None:
    source.write_text(ECHO)
    for word in ("one", "two"):  # compiled, then found
        outcome = run_java(source, DEFAULT_VERSION, "topic", text=f"{word}\n")
        assert (outcome.exit_code, outcome.stdout) == (3, f"topic-7 {word}\n"), outcome.stderr


def test_what_does_not_compile_is_shown(source: Path) -> None:
    source.write_text(ECHO.replace("System.exit(3)", "System.exit(three)"))
    with pytest.raises(HeliographError, match=r"Echo\.java does not compile.*three"):
        run_java(source, DEFAULT_VERSION)
