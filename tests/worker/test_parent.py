"""A parent and its workers: real processes, whose work is a small program that speaks the same lines."""

import asyncio
import logging
import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs import flow_config
from heliograph.config.model import Config
from heliograph.errors import HeliographError, NotFound
from heliograph.observe.log import ROOT, program_level
from heliograph.worker.parent import (
    RESTART_S_MAX,
    RESTART_S_MIN,
    Ended,
    Parent,
    instance_prefix,
    longest_stop_s,
    pause_after,
)

WORKER = """
    import asyncio, os, signal, sys
    from heliograph.errors import HeliographError, NotFound
    from heliograph.observe.model import FlowState, FlowView, ProcessView
    from heliograph.worker.child import serve_parent
    from heliograph.worker.origin import take_origin

    class Work:
        def __init__(self, origin):
            self.end = asyncio.Event()
            self.number = origin.number
        def view(self):
            return ProcessView("1", "compiled", 1.0, 0.0, 7, (FlowView("a->b", FlowState.RUNNING, records=1),))
        def stop(self):
            self.end.set()
        async def stop_flow(self, name):
            print(f"worker {self.number} stops {name}", file=sys.stderr, flush=True)
        async def start_flow(self, name):
            if self.number == "2":
                raise HeliographError("it cannot", remedy="Try later")
        async def set_log_level(self, level):
            print(f"worker {self.number} logs {level}", file=sys.stderr, flush=True)
        async def reload(self):
            if self.number == "2":
                raise HeliographError("the file is wrong")
        async def run_job(self, name, job):
            if job == "hang":
                await asyncio.sleep(1000)
            if self.number == "1" or job != "store positions":
                raise NotFound(f"no {job}")

    async def main():
        origin = take_origin(os.environ)
        number = int(origin.number)
        begin(number)
        work = Work(origin)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, work.stop)
        beside = asyncio.create_task(serve_parent(origin.socket, work))
        print(f"worker {number} is there as {origin.instance_id}", file=sys.stderr, flush=True)
        await work.end.wait()
        print(f"worker {number} ends", file=sys.stderr, flush=True)
        return number

    def fails(code, text):
        print(f"heliograph: {text}", file=sys.stderr)
        os._exit(code)

    def begin(number):
        pass

    asyncio.run(main())
"""
LIMIT_S = 20.0
pytestmark = pytest.mark.usefixtures("program_log")


def beginning(code: str) -> str:
    """Return the worker's program, which begins with ``code`` (of a function that knows its number)."""
    return WORKER.replace("        pass\n", f"        {code}\n")


def with_parent(work, code=WORKER, count=2, **more):
    """Do ``work`` with a parent and its workers; returns its exit status."""

    async def main():
        parent = Parent(count, [sys.executable, "-c", textwrap.dedent(code)], ["a->b"], asyncio.Event(), **more)
        running = asyncio.create_task(parent.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                await work(parent, running)
                parent.stop()
                return await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def pids(parent):
    """Return the process id of each worker that has sent a picture."""
    return {each.number: each.process.pid for each in parent._workers if each.view is not None}


async def all_there(parent):
    await until(lambda: len(pids(parent)) == len(parent._workers))


async def restarts(parent, number, times=1):
    await until(lambda: parent.view().workers[number - 1].restarts >= times)


async def ended(_parent, running):
    await asyncio.wait([running])


def alive(pid):
    """Whether a process runs; one that nobody has asked for its exit status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_picture_one_log_and_an_orderly_end(capfd):
    async def work(parent, _running):
        (flow,) = parent.view().flows
        assert (flow.name, flow.state) == ("a->b", "starting")
        await all_there(parent)
        view = parent.view()
        assert [(each.number, each.pid, each.restarts) for each in view.workers] == [
            (number, pid, 0) for number, pid in pids(parent).items()
        ]
        (flow,) = view.flows
        assert (flow.records, flow.state) == (2, "running")

    assert with_parent(work) == 0
    told = capfd.readouterr().err
    for number in (1, 2):
        assert f"worker {number} is there" in told
        assert f"worker {number} ends" in told


def test_commands_reach_every_worker(capfd):
    async def work(parent, _running):
        await all_there(parent)
        await parent.stop_flow("a->b")
        with pytest.raises(NotFound, match=r"There is no flow x. There are: a->b"):
            await parent.stop_flow("x")
        with pytest.raises(HeliographError, match="it cannot"):
            await parent.start_flow("a->b")
        with pytest.raises(HeliographError, match="the file is wrong"):
            await parent.reload()
        await parent.run_job("a->b", "store positions")  # one of them has it
        with pytest.raises(NotFound, match="no dance"):
            await parent.run_job("a->b", "dance")

    assert with_parent(work) == 0
    told = capfd.readouterr().err
    assert "worker 1 stops a->b" in told
    assert "worker 2 stops a->b" in told


@pytest.fixture
def restored_level() -> Iterator[None]:
    before = logging.getLogger(ROOT).level
    yield
    logging.getLogger(ROOT).setLevel(before)


def test_a_log_level_reaches_every_worker_and_those_that_are_started_again(capfd, restored_level):
    async def work(parent, _running):
        await all_there(parent)
        await parent.set_log_level("ERROR")
        assert program_level() == "ERROR"
        told = capfd.readouterr().err
        assert "worker 2 logs ERROR" in told
        os.kill(pids(parent)[1], signal.SIGKILL)
        while told.count("worker 1 logs ERROR") < 2:
            told += capfd.readouterr().err
            await asyncio.sleep(0.01)

    assert with_parent(work) == 0


def test_a_worker_that_does_not_answer_is_named():
    async def work(parent, _running):
        await all_there(parent)
        with pytest.raises(HeliographError, match=r"Worker \d did not answer within 0.2 s"):
            await parent.run_job("a->b", "hang")

    assert with_parent(work, answer_s=0.2) == 0


def test_a_worker_that_dies_over_a_command_is_named():
    async def work(parent, _running):
        await all_there(parent)
        asked = asyncio.create_task(parent.run_job("a->b", "hang"))
        await until(lambda: all(worker.answers for worker in parent._workers))
        for pid in pids(parent).values():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(HeliographError, match=r"Worker 1 has ended"):
            await asked

    assert with_parent(work) == 0


def test_a_flow_that_was_stopped_stays_so_in_a_worker_that_is_started_again(capfd):
    async def work(parent, _running):
        await all_there(parent)
        await parent.stop_flow("a->b")
        os.kill(pids(parent)[1], signal.SIGKILL)
        told = ""
        while told.count("worker 1 stops a->b") < 2:
            told += capfd.readouterr().err
            await asyncio.sleep(0.01)

    assert with_parent(work) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_started_again_as_the_same_member(number, capfd):
    async def work(parent, _running):
        await all_there(parent)
        before = pids(parent)
        os.kill(before[1], number)
        await until(lambda: pids(parent).get(1) not in (None, before[1]))
        assert pids(parent)[2] == before[2]
        assert parent.view().flows[0].records == 3  # what the first life counted still counts

    assert with_parent(work) == 0
    told = capfd.readouterr().err
    members = re.findall(r"worker 1 is there as (\S+)", told)
    assert len(members) == 2
    assert len(set(members)) == 1
    how = "SIGKILL" if number == signal.SIGKILL else "exit code 0"
    quoted = f'"{how}"' if " " in how else how
    assert f"a worker has ended; it is started again  worker=1 by={quoted} again_in=" in told


def test_one_that_crashes_at_once_is_started_again_and_again(capfd):
    async def work(parent, _running):
        await restarts(parent, 1, 3)
        await until(lambda: 2 in pids(parent))
        assert parent._workers[0].pause_s >= 4 * RESTART_S_MIN
        assert parent._workers[1].starts == 1
        (flow,) = parent.view().flows
        assert (flow.state, flow.degraded) == ("running", ())

    assert with_parent(work, beginning("number == 1 and os.abort()")) == 0
    assert "by=SIGABRT" in capfd.readouterr().err


def test_pauses_double_up_to_a_limit_and_begin_again_after_a_long_life():
    pauses = [0.0]
    for _ in range(9):
        pauses.append(pause_after(pauses[-1], 0.5))
    assert pauses == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, RESTART_S_MAX, RESTART_S_MAX]
    assert pause_after(RESTART_S_MAX, 11) == RESTART_S_MIN


def test_when_all_have_failed_it_says_why_once_and_ends_with_their_status(capfd):
    assert with_parent(ended, beginning("fails(3, 'No broker will have us')"), count=3) == 3
    told = capfd.readouterr().err
    assert told.count("\nheliograph: No broker will have us\n") == 1
    assert told.count("a worker has failed; it is started again  worker=") <= 2 + 1


def test_a_wrong_file_ends_it_at_once_with_one_message(capfd):
    assert with_parent(ended, beginning("fails(2, 'The file is wrong')"), count=4) == 2
    assert capfd.readouterr().err == "heliograph: The file is wrong\n"


def test_a_file_that_is_wrong_later_leaves_the_others_running(tmp_path, capfd):
    changed = tmp_path / "changed"

    async def work(parent, running):
        await all_there(parent)
        changed.touch()
        os.kill(pids(parent)[1], signal.SIGKILL)
        await restarts(parent, 1, 3)
        assert 2 in pids(parent)
        assert not running.done()
        changed.unlink()
        await all_there(parent)

    assert with_parent(work, beginning(f"os.path.exists({str(changed)!r}) and fails(2, 'The file is wrong')")) == 0
    told = capfd.readouterr().err
    assert "ERROR" in told
    assert 'by="exit code 2"' in told
    assert 'cause="The file is wrong"' in told
    assert "heliograph: " not in told


def test_one_that_fails_leaves_the_others_running():
    async def work(parent, running):
        await restarts(parent, 1, 2)
        await until(lambda: 2 in pids(parent))
        assert not running.done()

    assert with_parent(work, beginning("number == 1 and fails(4, 'It is damaged')")) in (0, 4)


def test_what_workers_complain_of_at_the_end_is_told_once_and_decides_the_status(capfd):
    async def work(parent, _running):
        await all_there(parent)

    code = WORKER.replace("        return number\n", "        fails(4, 'Something was lost')\n")
    assert with_parent(work, code) == 4
    assert capfd.readouterr().err.count("heliograph: Something was lost\n") == 1


def test_a_worker_that_is_killed_while_it_stops_is_told(capfd):
    async def work(parent, _running):
        await all_there(parent)

    assert with_parent(work, WORKER.replace("        return number\n", "        number == 2 and os.abort()\n")) == 1
    assert "a worker has not ended in good order  worker=2 by=SIGABRT" in capfd.readouterr().err


def test_a_worker_that_hangs_while_it_stops_is_killed(capfd):
    async def work(parent, _running):
        await all_there(parent)

    code = beginning("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if number == 2 else set())")
    assert with_parent(work, code, stop_s=0.5) == 1
    said = capfd.readouterr().err
    assert said.count('a worker does not end; it is killed  worker=2 after="0.5 s"') == 1
    assert "worker 1 ends" in said


def test_how_long_a_worker_may_take_to_end():
    flows = tuple(flow_config(shutdown_timeout_ms=milliseconds) for milliseconds in (500, 20_000))
    assert longest_stop_s(Config(Path("x"), {}, flows)) == 30.0


def test_a_stop_before_the_workers_are_there_is_a_clean_one(capfd):
    async def work(parent, _running):
        await until(lambda: any(worker.process is not None for worker in parent._workers))

    assert (with_parent(work, "import time\ntime.sleep(60)"), capfd.readouterr().err) == (0, "")


def test_a_program_that_cannot_be_started_is_said_in_words(capfd):
    async def main():
        return await Parent(2, ["/nowhere/heliograph"], ["a->b"], asyncio.Event()).run()

    assert asyncio.run(main()) == 1
    assert "heliograph: A worker cannot be started: No such file or directory\n" in capfd.readouterr().err


def test_long_lines_and_what_is_no_line_pass(capfd):
    async def work(parent, _running):
        await all_there(parent)

    code = beginning("number == 1 and print('x' * 3_000_000, file=sys.stderr), sys.stdout.write('out')")
    assert with_parent(work, code) == 0
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("x") == 3_000_000
    assert "outworker 2 is there" in told.err or "out\n" in told.err


def test_a_log_that_nobody_reads_any_more_stops_nobody(monkeypatch):
    class Gone:
        def write(self, _text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    async def work(parent, _running):
        await all_there(parent)
        before = pids(parent)
        os.kill(before[1], signal.SIGTERM)
        await until(lambda: pids(parent).get(1) not in (None, before[1]))

    monkeypatch.setattr(sys, "stderr", Gone())
    assert with_parent(work) == 0


def test_nothing_is_left_running_when_the_parent_itself_is_cut_short(capfd):
    async def main():
        parent = Parent(2, [sys.executable, "-c", textwrap.dedent(WORKER)], ["a->b"], asyncio.Event())
        running = asyncio.create_task(parent.run())
        async with asyncio.timeout(LIMIT_S):
            await all_there(parent)
            there = pids(parent)
            running.cancel()
            await asyncio.wait([running])
        return [alive(pid) for pid in there.values()]

    assert asyncio.run(main()) == [False, False]
    assert capfd.readouterr().err.count(" ends\n") == 2


def test_a_part_beside_the_workers_that_fails_ends_none_of_them(capfd):
    async def fails(_control):
        raise RuntimeError("the view has gone")

    async def main():
        parent = Parent(2, [sys.executable, "-c", textwrap.dedent(WORKER)], ["a->b"], asyncio.Event())
        running = asyncio.create_task(parent.run([fails]))
        async with asyncio.timeout(LIMIT_S):
            await all_there(parent)
            parent.stop()
            await running

    with pytest.raises(RuntimeError, match="the view has gone"):
        asyncio.run(main())
    assert "a part beside the flows has failed; copying goes on" in capfd.readouterr().err


def test_workers_end_when_their_parent_is_killed(tmp_path):
    """The parent is a process of its own here, and dies as a crash would end it."""
    file = tmp_path / "worker.py"
    file.write_text(textwrap.dedent(WORKER))
    parent_code = f"""
        import asyncio, sys
        from heliograph.worker.parent import Parent
        async def main():
            parent = Parent(2, [sys.executable, {str(file)!r}], ["a->b"], asyncio.Event())
            running = asyncio.create_task(parent.run())
            while len([each for each in parent._workers if each.view is not None]) < 2:
                await asyncio.sleep(0.01)
            print(*[each.process.pid for each in parent._workers], flush=True)
            await running
        asyncio.run(main())
    """

    async def main():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            textwrap.dedent(parent_code),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(LIMIT_S):
            there = [int(each) for each in (await process.stdout.readline()).split()]
            assert len(there) == 2
            process.kill()
            await process.wait()
            await until(lambda: not any(map(alive, there)))

    asyncio.run(main())


def test_instance_ids_are_what_kafka_allows_and_never_the_same():
    long = instance_prefix("höst name/" + "x" * 500)
    assert re.fullmatch(r"h_st_name_x+-[0-9a-f]{8}", long)
    assert len(long) < 240
    assert instance_prefix("host") != instance_prefix("host")


def test_an_end_is_told_in_words():
    assert [Ended(status).how for status in (0, 3, -9, -64, -70)] == [
        "exit code 0",
        "exit code 3",
        "SIGKILL",
        "SIGRTMAX",
        "signal 70",
    ]
    assert Ended(2, ("heliograph: a", "heliograph: b")).cause == "a b"
    assert [Ended(1).failed, Ended(-9, ("heliograph: a",)).failed, Ended(3, ("heliograph: a",)).failed] == [
        False,
        False,
        True,
    ]
