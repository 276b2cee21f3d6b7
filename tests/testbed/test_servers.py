import sys
import time
from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.java import Java
from heliograph.testbed.servers import JavaProgram, Server, wait_for

READY = "import signal; print('ready', flush=True); signal.pause()"
LIMIT_S = 20


def server(folder: Path, program: str = READY) -> Server:
    return Server("the server", [sys.executable, "-c", program], folder)


def test_lives_and_lives_again(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        it.launch()
        it.wait_for_log("ready", LIMIT_S)
        first = it.pid
        with pytest.raises(HeliographError, match="runs already"):
            it.launch()
        it.kill()
        assert not it.running
        it.launch()
        it.wait_until(lambda: it.log().count("ready") == 2, LIMIT_S, "a second start")
        assert it.pid != first
        it.stop()
        assert not it.running


def test_a_frozen_server_can_be_stopped(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        it.launch()
        it.wait_for_log("ready", LIMIT_S)
        it.freeze()
        it.stop()
        assert not it.running


def test_an_early_end_is_told_with_the_logs_last_complaint(tmp_path: Path) -> None:
    with server(tmp_path, "print('[main] ERROR no luck'); print('bye')") as it:
        it.launch()
        with pytest.raises(HeliographError, match=r"ended while .* a miracle.*server\.log.*ERROR no luck"):
            it.wait_until(lambda: False, LIMIT_S, "a miracle")


def test_a_wait_has_an_end(tmp_path: Path) -> None:
    with server(tmp_path) as it:
        it.launch()
        with pytest.raises(HeliographError, match="Waited in vain for a miracle"):
            it.wait_until(lambda: False, 0.1, "a miracle")


def test_what_does_not_run_cannot_be_killed(tmp_path: Path) -> None:
    with pytest.raises(HeliographError, match="does not run"):
        server(tmp_path).kill()


def test_a_condition_that_holds_is_not_waited_for() -> None:
    wait_for(lambda: True, time.monotonic() - 1, "nothing")


def test_the_command_line_of_a_java_program() -> None:
    program = JavaProgram(Java(Path("/j/java"), 17), (Path("/a.jar"), Path("/b.jar")), ("-Xmx1m",))
    expected = ["/j/java", "-Xmx1m", "-Dx=y", "-cp", "/a.jar:/b.jar", "a.Main", "1"]
    assert program.command("a.Main", "1", jvm_options=("-Dx=y",)) == expected
