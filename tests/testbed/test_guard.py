import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from heliograph.testbed.processes import GuardedProcess
from heliograph.testbed.servers import wait_for

OWNER = """
import signal, sys
from pathlib import Path
from heliograph.testbed.processes import GuardedProcess
process = GuardedProcess([sys.executable, "-c", "import signal; signal.pause()"], scratch=Path(sys.argv[1]))
if sys.argv[2] == "freeze":
    process.freeze()
print(process.pid, flush=True)
signal.pause()
"""
DEADLINE_S = 20


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not psutil.pid_exists(pid), time.monotonic() + DEADLINE_S, f"the end of {pid}")


@pytest.mark.parametrize("state", ["run", "freeze"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_when_its_owner_is_killed(tmp_path: Path, number: signal.Signals, state: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", OWNER, str(scratch), state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:
        pid = int(owner.stdout.readline())
        assert psutil.pid_exists(pid)
        owner.send_signal(number)
        owner.wait(DEADLINE_S)
        wait_until_gone(pid)
    wait_for(lambda: not scratch.exists(), time.monotonic() + DEADLINE_S, "the scratch folder to go")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_process_ends_when_its_guard_is_killed() -> None:
    with GuardedProcess([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        guard = psutil.Process(process.pid).ppid()
        assert guard != os.getpid()
        os.kill(guard, signal.SIGKILL)
        wait_until_gone(process.pid)


def test_the_scratch_folder_of_a_closed_process_is_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("kept")
    with GuardedProcess([sys.executable, "-c", "pass"], scratch=tmp_path) as process:
        process.wait(DEADLINE_S)
    assert (tmp_path / "log").read_text() == "kept"
