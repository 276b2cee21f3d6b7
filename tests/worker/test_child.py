"""A worker's end of the socket, with the test as its parent."""

import asyncio
import socket
import time

import pytest

from heliograph.errors import HeliographError, NotFound
from heliograph.observe.model import FlowState, FlowView, LaneState, LaneView, ProcessView
from heliograph.worker.child import (
    LINE_BYTES_MAX,
    Line,
    encode,
    lines,
    serve_parent,
)

VIEW = ProcessView("1", "compiled", 1.0, 2.0, 3, (FlowView("a->b", FlowState.RUNNING, records=4),))
LIMIT_S = 20.0
pytestmark = pytest.mark.usefixtures("program_log")


class Work:
    """What a worker's supervisor would do."""

    def __init__(self, view: ProcessView = VIEW) -> None:
        self.stopped = asyncio.Event()
        self.picture = view
        self.told: list[tuple[str, ...]] = []
        self.may_end = asyncio.Event()

    def view(self) -> ProcessView:
        return self.picture

    def stop(self) -> None:
        self.stopped.set()

    async def stop_flow(self, name: str) -> None:
        self.told.append(("stop", name))

    async def start_flow(self, name: str) -> None:
        raise HeliographError(f"{name} cannot start", remedy="Try later")

    async def reload(self) -> None:
        self.told.append(("reload",))

    async def set_log_level(self, level: str) -> None:
        self.told.append(("level", level))

    async def run_job(self, name: str, job: str) -> None:
        if job != "long":
            raise NotFound(f"The flow {name} has no job named {job!r}")
        await self.may_end.wait()


def with_worker(ask, work=None):
    """Do ``ask`` with the parent's end of the socket of a worker that does ``work``."""

    async def main():
        ours, theirs = socket.socketpair()
        control = work or Work()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_BYTES_MAX)
        serving = asyncio.create_task(serve_parent(theirs, control))
        try:
            async with asyncio.timeout(LIMIT_S):
                return await ask(reader, writer, control)
        finally:
            writer.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    return asyncio.run(main())


async def answer_to(reader, writer, line: Line) -> Line:
    writer.write(encode(line))
    async for said in lines(reader):
        if said.number == line.number:
            return said
    raise AssertionError("the worker has ended the conversation")


def test_a_picture_comes_at_once_and_as_it_is():
    async def ask(reader, _writer, _work):
        return await anext(lines(reader))

    assert with_worker(ask) == Line(view=VIEW)


def test_commands_are_obeyed_and_answered():
    async def ask(reader, writer, work):
        found = [
            await answer_to(reader, writer, Line(number=1, command="stop_flow", arguments=("a->b",))),
            await answer_to(reader, writer, Line(number=2, command="start_flow", arguments=("a->b",))),
            await answer_to(reader, writer, Line(number=3, command="run_job", arguments=("a->b", "x"))),
            await answer_to(reader, writer, Line(number=4, command="dance")),
            await answer_to(reader, writer, Line(number=5, command="reload")),
            await answer_to(reader, writer, Line(number=6, command="set_log_level", arguments=("DEBUG",))),
        ]
        return work.told, found

    assert with_worker(ask) == (
        [("stop", "a->b"), ("reload",), ("level", "DEBUG")],
        [
            Line(number=1),
            Line(number=2, error="a->b cannot start. Try later"),
            Line(number=3, error="The flow a->b has no job named 'x'", missing=True),
            Line(number=4, error="This worker knows no command 'dance'"),
            Line(number=5),
            Line(number=6),
        ],
    )


def test_a_command_that_takes_long_keeps_no_other_waiting():
    async def ask(reader, writer, work):
        writer.write(encode(Line(number=1, command="run_job", arguments=("a->b", "long"))))
        first = await answer_to(reader, writer, Line(number=2, command="stop_flow", arguments=("a->b",)))
        work.may_end.set()
        return first, await anext(said async for said in lines(reader) if said.number)

    assert with_worker(ask) == (Line(number=2), Line(number=1))


def test_without_its_parent_it_ends_in_good_order():
    async def ask(_reader, writer, work):
        writer.close()
        await work.stopped.wait()

    with_worker(ask)


def test_that_it_ends_waits_for_no_command():
    async def ask(_reader, writer, work):
        writer.write(encode(Line(number=1, command="run_job", arguments=("a->b", "long"))))
        await writer.drain()
        writer.close()
        await work.stopped.wait()

    with_worker(ask)


def test_what_is_not_understood_is_told_and_left_out(capsys):
    async def ask(reader, writer, _work):
        writer.write(b"nonsense\n" + b'{"number":"seven"}\n' + b'{"number":1,"command":"stop_flow","new":[1]}\n')
        return await answer_to(reader, writer, Line(number=2, command="stop_flow", arguments=("a->b",)))

    assert with_worker(ask) == Line(number=2)
    assert "parent and worker do not understand each other" in capsys.readouterr().err


def test_a_picture_of_ten_thousand_partitions_passes():
    lanes = tuple(
        LaneView("topic-name", "a.topic-name", number, LaneState.RUNNING, "", number) for number in range(10_000)
    )
    large = ProcessView("1", "compiled", 1.0, 2.0, 3, (FlowView("a->b", FlowState.RUNNING, lanes=lanes),))

    async def ask(reader, _writer, _work):
        return await anext(lines(reader))

    assert with_worker(ask, Work(large)).view == large


def test_pictures_take_a_small_part_of_the_time():
    class Slow(Work):
        def view(self) -> ProcessView:
            self.told.append(("view",))
            time.sleep(0.03)  # what many partitions cost; then it is to wait for 1.5 s
            return VIEW

    async def ask(reader, _writer, _work):
        before = time.monotonic()
        said = lines(reader)
        await anext(said)
        await anext(said)
        return time.monotonic() - before

    assert with_worker(ask, Slow()) > 1.4
