"""``--workers N``: processes on one machine under one parent, with one log, one picture and one place for commands.

The parent copies nothing. It starts the workers, starts one again that has ended, and passes on what it is told. To
each it has a socket (:mod:`heliograph.worker.child`): the worker sends its picture, the parent commands. Their logs
come through a pipe each, and are written where the parent's own goes.

::

    start ──> runs ──> ended ──> pause ──┐      the pause doubles while it dies young
      ^                                  │
      └──────────────────────────────────┘      until told to stop, or until all have failed

To the group, the workers are static members (KIP-345): one that is started again has its lanes at once. The one before
it is certainly dead, as the parent has seen it end, so nobody needs to wait for its lease.
"""

import asyncio
import itertools
import os
import re
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from heliograph.concurrency import all_of, cancel_all
from heliograph.config.model import Config
from heliograph.errors import ConfigError, HeliographError, NotFound
from heliograph.observe import text
from heliograph.observe.control import Companion
from heliograph.observe.health import GOOD
from heliograph.observe.log import Log, set_program_level
from heliograph.observe.merged import absent, counted, merged
from heliograph.observe.model import ProcessView, WorkerView
from heliograph.worker.child import LINE_BYTES_MAX, Line, encode, lines
from heliograph.worker.lines import LineSplitter
from heliograph.worker.origin import INSTANCE_VARIABLE, SOCKET_VARIABLE
from heliograph.worker.reload import ConfigSource
from heliograph.worker.snapshot import process_view
from heliograph.worker.supervisor import tell_defect

RESTART_S_MIN, RESTART_S_MAX = 0.1, 10.0
"""Pause before a worker that has ended is started again; it doubles while they die young."""
YOUNG_S = 10.0
ANSWER_S = 60.0
"""A flow that is stopped may take so long for what is under way."""
LAST_WORDS_S = 1.0
"""For what a worker wrote and sent before it ended."""
END_S = 30.0
STOP_SPARE_S = 10.0
"""A worker may take so long to end beside ``task.shutdown.graceful.timeout.ms``; then it hangs, and is killed."""
COMPLAINT = "heliograph: "
"""How the lines begin in which the program says why it ends."""
COMPLAINTS_MAX = 100
HOST_CELLS_MAX = 200
"""Kafka allows an instance id 249 characters."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one life of a worker has ended."""

    status: int
    """Its exit code; negative: the signal that ended it."""
    complaints: tuple[str, ...] = ()
    """Why, in lines for a person; none where it crashed."""

    @property
    def failed(self) -> bool:
        """Whether it ended by itself, with an error that it could name."""
        return self.status > 0 and bool(self.complaints)

    @property
    def orderly(self) -> bool:
        """Whether it ended as it was told to, be it before its work began."""
        return self.status in (0, 128 + signal.SIGINT, -signal.SIGTERM, -signal.SIGINT)

    @property
    def how(self) -> str:
        """Say it in a few words."""
        if self.status >= 0:
            return f"exit code {self.status}"
        try:
            return signal.Signals(-self.status).name
        except ValueError:
            return f"signal {-self.status}"

    @property
    def cause(self) -> str:
        """The complaints in one line."""
        return " ".join(each.removeprefix(COMPLAINT) for each in self.complaints)


def pause_after(pause_s: float, lasted_s: float) -> float:
    """Return the pause before a worker is started again that has lasted so long, and had this pause before."""
    return RESTART_S_MIN if lasted_s > YOUNG_S else min(max(RESTART_S_MIN, pause_s * 2), RESTART_S_MAX)


def longest_stop_s(config: Config) -> float:
    """Return how long a worker may take to end."""
    return max((flow.shutdown_timeout_ms for flow in config.flows), default=0) / 1000 + STOP_SPARE_S


def instance_prefix(host: str) -> str:
    """Return what the workers' instance ids begin with: readable, allowed by Kafka, and no other parent's."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', host)[:HOST_CELLS_MAX]}-{secrets.token_hex(4)}"


@dataclass(slots=True)
class _Worker:
    """One worker, in all its lives."""

    number: int
    instance_id: str
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    view: ProcessView | None = None
    """As it sent it last; None: it does not run, or has not sent any."""
    past: ProcessView | None = None
    """What its earlier lives counted."""
    starts: int = 0
    pause_s: float = 0.0
    """Before its latest start."""
    ended: Ended | None = None
    """How its latest life ended; None: no life has, or a flow of the present one has begun to copy."""
    answers: dict[int, "asyncio.Future[Line]"] = field(default_factory=dict)


class Parent:
    """Runs several workers; implements :class:`heliograph.observe.control.Control` for all of them together."""

    def __init__(
        self,
        count: int,
        command: Sequence[str],
        flows: Sequence[str],
        stopping: asyncio.Event,
        source: ConfigSource | None = None,
        *,
        answer_s: float = ANSWER_S,
        stop_s: float = END_S,
    ) -> None:
        """``command`` starts one worker, ``flows`` names what it copies, and ``source`` is what all of them read.

        Nothing is started before :meth:`run`, which ends when ``stopping`` is set. A worker has ``answer_s`` to do what
        it is told, and ``stop_s`` to end.
        """
        prefix = instance_prefix(socket.gethostname())
        self.config: Config | None = None
        """The configuration that is in force, once it was read again."""
        self._workers = [_Worker(number, f"{prefix}-{number}") for number in range(1, count + 1)]
        self._command = tuple(command)
        self._flows = tuple(flows)
        self._source = source
        self._stopping = stopping
        self._answer_s = answer_s
        self._stop_s = stop_s
        self._stopped_flows: set[str] = set()
        """By command, to stay so: a worker that is started again is told."""
        self._log_level = ""
        """The same; empty: as the command line says."""
        self._numbers = itertools.count(1)
        self._started_s = time.monotonic()

    # ---- asked and told -------------------------------------------------------------------------------------------

    def view(self) -> ProcessView:
        """Return one picture of all workers, as they sent it last."""
        own = process_view((), time.monotonic() - self._started_s)
        own = replace(own, workers=tuple(_shown(worker) for worker in self._workers))
        pictures: list[ProcessView] = []
        for worker in self._workers:
            if worker.past is not None:
                pictures.append(worker.past)
            why = f"worker {worker.number} has ended ({worker.ended.how})" if worker.ended is not None else ""
            pictures.append(worker.view or absent(own, self._flows, why))
        return merged(own, pictures)

    def stop(self) -> None:
        """Ask for an orderly end of all workers; :meth:`run` returns when it is reached."""
        self._stopping.set()

    async def stop_flow(self, name: str) -> None:
        """Stop a flow in every worker, and in those that are started later. Raises NotFound."""
        self._check_flow(name)
        self._stopped_flows.add(name)
        await self._tell_all("stop_flow", name)

    async def start_flow(self, name: str) -> None:
        """Start a flow in every worker. Raises NotFound."""
        self._check_flow(name)
        self._stopped_flows.discard(name)
        await self._tell_all("start_flow", name)

    async def run_job(self, name: str, job: str) -> None:
        """Run a periodic job in every worker that has it. Raises NotFound, and the first worker's error."""
        self._check_flow(name)
        await self._tell_all("run_job", name, job)

    async def set_log_level(self, level: str) -> None:
        """Have this process, every worker, and those that are started later write what is at least of this level."""
        set_program_level(level)
        self._log_level = level
        await self._tell_all("set_log_level", level)

    async def reload(self) -> None:
        """Have all workers read the configuration again. Raises HeliographError where it is refused, by any of them."""
        if self._source is not None:
            config = await asyncio.to_thread(self._source.read)
            self._flows = tuple(flow.name for flow in config.flows)
            self._stop_s = longest_stop_s(config)
        await self._tell_all("reload")
        if self._source is not None:
            self.config = config

    def _check_flow(self, name: str) -> None:
        if name not in self._flows:
            raise NotFound(f"There is no flow {name}", remedy=f"There are: {', '.join(self._flows)}")

    async def _tell_all(self, command: str, *arguments: str) -> None:
        told = [worker for worker in self._workers if worker.writer is not None]
        answers = await all_of(self._tell(worker, command, arguments) for worker in told)
        if answers and all(answer.missing for answer in answers):
            raise NotFound(answers[0].error)
        for answer in answers:
            if answer.error and not answer.missing:
                raise HeliographError(answer.error)

    async def _tell(self, worker: _Worker, command: str, arguments: Sequence[str]) -> Line:
        if worker.writer is None:
            return Line(error=f"Worker {worker.number} has ended")
        number = next(self._numbers)
        answer: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        worker.answers[number] = answer
        worker.writer.write(encode(Line(number=number, command=command, arguments=tuple(arguments))))
        try:
            async with asyncio.timeout(self._answer_s):
                return await answer
        except TimeoutError:
            return Line(error=f"Worker {worker.number} did not answer within {self._answer_s:g} s")
        finally:
            worker.answers.pop(number, None)

    # ---- life -----------------------------------------------------------------------------------------------------

    async def run(self, companions: Iterable[Companion] = ()) -> int:
        """Run all workers until SIGTERM, SIGINT or :meth:`stop`, and ``companions`` beside them; returns the exit code.

        A worker that has ended is started again, however it ended. When all have ended with an error of their own, so
        does this. A wrong file that the first life of a worker meets ends it at once.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        beside = [asyncio.create_task(companion(self)) for companion in companions]
        for task in beside:
            task.add_done_callback(tell_defect)
        lives = [asyncio.create_task(self._live(worker), name=f"worker {worker.number}") for worker in self._workers]
        try:
            for life in asyncio.as_completed(lives):
                await life  # a defect in one ends all
        finally:
            await cancel_all(*lives, *beside)
        return self._outcome()

    def _outcome(self) -> int:
        """Say once what the workers have said before they ended, and return the exit code that follows."""
        ends = {worker.number: worker.ended for worker in self._workers if worker.ended is not None}
        failed = [ended for ended in ends.values() if ended.failed]
        for number, ended in ends.items():
            if not ended.failed and not ended.orderly:
                Log().warning("a worker has not ended in good order", worker=number, by=ended.how)
        for line in dict.fromkeys(line for ended in failed for line in ended.complaints):
            _write(line)
        if failed:
            return failed[0].status
        return int(not all(ended.orderly for ended in ends.values()))

    async def _live(self, worker: _Worker) -> None:
        """Run one worker, again and again."""
        while not self._stopping.is_set():
            started_s = time.monotonic()
            worker.starts += 1
            ended = await self._once(worker)
            worker.ended = ended
            if self._stopping.is_set() or self._hopeless(worker):
                self.stop()
                return
            worker.pause_s = pause_after(worker.pause_s, time.monotonic() - started_s)
            told = {"worker": worker.number, "by": ended.how, "again_in": text.duration(worker.pause_s)}
            if ended.failed:
                Log().error("a worker has failed; it is started again", **told, cause=ended.cause)
            else:
                Log().warning("a worker has ended; it is started again", **told)
            with suppress(TimeoutError):
                async with asyncio.timeout(worker.pause_s):
                    await self._stopping.wait()
                    worker.ended = None  # it was told, and has nothing to do with how the others end

    def _hopeless(self, worker: _Worker) -> bool:
        """Whether to start a worker again makes no sense: all have failed, or the file is wrong from the start."""
        ends = [each.ended for each in self._workers]
        if all(ended is not None and ended.failed for ended in ends):
            return True
        wrong = worker.ended is not None and worker.ended.failed and worker.ended.status == ConfigError.exit_code
        return wrong and worker.starts == 1

    async def _once(self, worker: _Worker) -> Ended:
        """Run one worker once."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = worker.process = await self._start(worker, theirs)
            except OSError as error:  # no memory or no process to be had at the moment
                ours.close()
                return Ended(1, (f"{COMPLAINT}A worker cannot be started: {error.strerror or error}",))
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_BYTES_MAX)
        worker.writer = writer
        for name in self._stopped_flows:
            writer.write(encode(Line(command="stop_flow", arguments=(name,))))
        if self._log_level:
            writer.write(encode(Line(command="set_log_level", arguments=(self._log_level,))))
        complaints: list[str] = []
        log = asyncio.create_task(_pass_on_log(process, complaints))
        listening = asyncio.create_task(self._listen(worker, reader))
        stop = asyncio.create_task(self._stop_in_time(worker.number, process))
        try:
            status = await process.wait()
            await asyncio.wait([log, listening], timeout=LAST_WORDS_S)
            return Ended(status, tuple(complaints))
        finally:
            await _end(process)
            await cancel_all(log, listening, stop)
            self._bury(worker)
            writer.close()

    async def _start(self, worker: _Worker, theirs: socket.socket) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            env={**os.environ, SOCKET_VARIABLE: str(theirs.fileno()), INSTANCE_VARIABLE: worker.instance_id},
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    def _bury(self, worker: _Worker) -> None:
        """Keep what a worker that has ended had counted, and tell those who wait for its answer."""
        if worker.view is not None:
            worker.past = counted(worker.view, worker.past)
        worker.process, worker.writer, worker.view = None, None, None
        for answer in worker.answers.values():
            if not answer.done():
                answer.set_result(Line(error=f"Worker {worker.number} has ended"))

    async def _stop_in_time(self, number: int, process: asyncio.subprocess.Process) -> None:
        await self._stopping.wait()
        _signal(process, signal.SIGTERM)
        await asyncio.sleep(self._stop_s)
        Log().error("a worker does not end; it is killed", worker=number, after=text.duration(self._stop_s))
        _signal(process, signal.SIGKILL)

    async def _listen(self, worker: _Worker, reader: asyncio.StreamReader) -> None:
        """Take what a worker sends."""
        async for said in lines(reader):
            if said.view is not None:
                worker.view = said.view
                if any(flow.state in GOOD for flow in said.view.flows):
                    worker.ended = None
            elif (answer := worker.answers.get(said.number)) is not None and not answer.done():
                answer.set_result(said)


def _shown(worker: _Worker) -> WorkerView:
    return WorkerView(
        worker.number,
        worker.process.pid if worker.process is not None else None,
        max(0, worker.starts - 1),
        worker.ended.how if worker.ended is not None else "",
    )


async def _pass_on_log(process: asyncio.subprocess.Process, complaints: list[str]) -> None:
    """Write a worker's log where our own goes; complaints are kept, to be told once for all workers."""
    assert process.stdout is not None, "it has a pipe"
    splitter = LineSplitter()
    while piece := await process.stdout.read(LineSplitter.PIECE_BYTES):
        _sort(splitter.feed(piece), complaints)
    _sort(splitter.end(), complaints)


def _sort(said: Iterable[str], complaints: list[str]) -> None:
    for line in said:
        if line.startswith(COMPLAINT) and len(complaints) < COMPLAINTS_MAX:
            complaints.append(line)
        else:
            _write(line)


def _write(line: str) -> None:
    """Write to the parent's own log; where that is gone, workers must not wait for it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a worker that still runs, because the parent itself ends by a defect."""
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a worker that runs.

    Not by the process object: before Python 3.12 that takes the exit status of one that has just ended away from the
    event loop, which then makes 255 of it (CPython issue 87744).
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
