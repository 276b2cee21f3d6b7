import sys
import time

import psutil
import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.processes import GuardedProcess, run_to_end
from heliograph.testbed.servers import wait_for

FOREVER = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
DEADLINE_S = 20


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not psutil.pid_exists(pid), time.monotonic() + DEADLINE_S, f"the end of {pid}")


def test_runs_to_its_end_with_input_and_both_outputs() -> None:
    program = "import sys; print(sys.stdin.read().upper()); print('oh', file=sys.stderr); sys.exit(3)"
    done = run_to_end([sys.executable, "-c", program], text="hello")
    assert (done.exit_code, done.stdout.strip(), done.stderr.strip()) == (3, "HELLO", "oh")


def test_a_program_that_does_not_exist_is_an_error_for_a_person() -> None:
    with pytest.raises(HeliographError, match="/no/such/program did not start"):
        run_to_end(["/no/such/program"])


def test_a_program_that_takes_too_long_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        run_to_end(FOREVER, timeout_s=0.5)
    assert time.monotonic() - started < DEADLINE_S


def test_close_ends_the_process() -> None:
    with GuardedProcess(FOREVER) as process:
        assert psutil.pid_exists(process.pid)
    wait_until_gone(process.pid)
    assert process.exit_code == 128 + 9


def test_an_orderly_end_may_be_asked_for() -> None:
    with GuardedProcess(FOREVER) as process:
        process.terminate()
        assert process.wait(DEADLINE_S) == 128 + 15
        process.terminate()  # nobody is there any more


def test_a_process_can_be_frozen_and_thawed() -> None:
    def status() -> str:
        return psutil.Process(process.pid).status()

    with GuardedProcess(FOREVER) as process:
        process.freeze()
        wait_for(lambda: status() == psutil.STATUS_STOPPED, time.monotonic() + DEADLINE_S, "a stop")
        process.thaw()
        wait_for(lambda: status() != psutil.STATUS_STOPPED, time.monotonic() + DEADLINE_S, "a start")


def test_kill_reaches_what_the_process_started_too() -> None:
    program = (
        "import subprocess, sys, signal;"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
        "print(child.pid, flush=True); signal.pause()"
    )
    with GuardedProcess([sys.executable, "-c", program]) as process:
        parent = psutil.Process(process.pid)
        wait_for(lambda: bool(parent.children()), time.monotonic() + DEADLINE_S, "a child")
        child = parent.children()[0].pid
        process.kill()
    wait_until_gone(child)


def test_orders_have_been_carried_out_when_the_call_returns() -> None:
    program = "import itertools\nfor number in itertools.count(): print(number, flush=True)"
    with GuardedProcess([sys.executable, "-c", program]) as process:
        it = psutil.Process(process.pid)
        for _ in range(20):
            process.freeze()
            spent = it.cpu_times()
            assert it.status() == psutil.STATUS_STOPPED
            assert it.cpu_times() == spent
            process.thaw()
