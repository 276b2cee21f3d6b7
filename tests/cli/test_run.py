"""``heliograph run`` as a process: it copies, stops in time, and gives up in words."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
import psutil
import pytest

DEADLINE_S = 60
STOP_S_MAX = 20
"""A request's time-out is 30 s: what waits for one stops later."""


def arrived(config: dict[str, str], topic: str) -> int:
    consumer = confluent_kafka.Consumer({**config, "group.id": "count", "error_cb": lambda _error: None})
    try:
        return consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), timeout=10)[1]
    except confluent_kafka.KafkaException:
        return 0
    finally:
        consumer.close()


@pytest.mark.brokers
def test_it_copies_and_stops_within_five_seconds(plain, unique) -> None:
    plain.on_source(**{unique: 1})
    producer = confluent_kafka.Producer(plain.source.librdkafka_config())
    for number in range(50):
        producer.produce(unique, b"%d" % number)
    assert producer.flush(DEADLINE_S) == 0
    file = plain.file(
        f"source->target.topics={unique}",
        f"source->target.group.id={unique}",
        f"target.offset.storage.topic=offsets-{unique}",
        f"target.config.storage.topic=configs-{unique}",
        "heartbeats.replication.enabled=false",  # other tests leave heartbeats on these clusters
    )
    # MM2's own way to write it: several aliases behind one option.
    command = [sys.executable, "-m", "heliograph.cli", "run", file, "--clusters", "target"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            deadline = time.monotonic() + DEADLINE_S
            while arrived(plain.target.librdkafka_config(), f"source.{unique}") < 50:
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < deadline
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=DEADLINE_S)
            took_s = time.monotonic() - asked
        finally:
            process.kill()
    assert process.returncode == 0, output
    assert took_s < STOP_S_MAX
    assert "Traceback" not in output
    assert "records=50" in output


@pytest.mark.brokers
def test_a_wrong_password_ends_it_in_words(heliograph, strict) -> None:
    ended = heliograph("run", strict.file(), "--no-live", KAFKA_TARGET_APIKEY="wr0ng-w0rd")
    assert ended.code == 3
    assert "refuses the credentials of user token" in ended.err.splitlines()[-1]
    assert "wr0ng-w0rd" not in ended.err + ended.out


def shown_on_a_terminal(file, *options: str, until: tuple[bytes, ...]) -> bytes:
    """Run on a terminal until it has shown everything in ``until``, end it by Ctrl-C, and return what it showed."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "heliograph.cli", "run", file, *options]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        try:
            os.close(theirs)
            shown = b""
            deadline = time.monotonic() + DEADLINE_S
            while not all(each in shown for each in until):
                assert time.monotonic() < deadline, shown
                if select.select([terminal], [], [], 1.0)[0]:
                    shown += os.read(terminal, 65_536)
            process.send_signal(signal.SIGINT)
            while shown_more(terminal):
                assert time.monotonic() < deadline
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
            os.close(terminal)
    assert b"Traceback" not in shown
    return shown


def test_on_a_terminal_it_shows_what_it_does_and_ctrl_c_ends_it(write) -> None:
    shown = shown_on_a_terminal(
        write("127.0.0.1:1", "127.0.0.1:2"), until=(b"Cannot connect to 127.0.0.1:", b"Ctrl-C stops")
    )
    assert b"source->target" in shown
    assert b"waiting" in shown


def processes_of(parent: int) -> list[psutil.Process]:
    return [each for each in psutil.Process(parent).children() if "run" in each.cmdline()]


@contextmanager
def two_workers(file: str, *more: str, **options: Any) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run two workers that try to reach clusters which are not there; yields the parent and its lines so far."""
    command = [sys.executable, "-m", "heliograph.cli", "run", file, "--workers", "2", *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            told: list[str] = []
            assert process.stderr is not None
            while sum("waiting for a cluster" in line for line in told) < 4:  # two clusters each
                line = process.stderr.readline()
                assert line, told
                told.append(line)
            yield process, told
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whom", ["parent", "all"], ids=["the parent alone", "all, as a terminal does"])
def test_workers_of_one_parent_have_one_log_and_end_with_it(write, number, whom) -> None:
    with two_workers(write("127.0.0.1:1", "127.0.0.1:2"), process_group=0) as (process, told):
        workers = processes_of(process.pid)
        assert len(workers) == 2
        os.kill(process.pid, number) if whom == "parent" else os.killpg(process.pid, number)
        told.extend(process.stderr.readlines())
        assert process.wait(DEADLINE_S) == 0, told
        assert not any(worker.is_running() for worker in workers)
    assert sum("  heliograph  version=" in line for line in told) == 1
    for worker in (1, 2):
        assert sum(line.endswith(f" worker={worker}\n") and "waiting for" in line for line in told) == 2
        assert any(line.endswith(f"stopping  worker={worker}\n") for line in told)
    assert not any("Traceback" in line or "again_in" in line for line in told)


def test_a_worker_is_told_no_more_than_its_parent_was(write) -> None:
    environment = {**os.environ, "KAFKA_PASSWORD": "hunter2"}
    with two_workers(write("127.0.0.1:1", "127.0.0.1:2"), env=environment) as (process, _):
        own = psutil.Process(process.pid)
        for worker in processes_of(process.pid):
            assert worker.cmdline() == own.cmdline()
            more = worker.environ().items() - own.environ().items()
            assert {name for name, _ in more} == {"HELIOGRAPH_WORKER_SOCKET", "HELIOGRAPH_WORKER_INSTANCE"}


def test_workers_end_when_their_parent_is_killed(write) -> None:
    with two_workers(write("127.0.0.1:1", "127.0.0.1:2")) as (process, _):
        workers = processes_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, DEADLINE_S)
        assert alive == []


def test_a_file_that_is_wrong_is_said_once(heliograph, tmp_path) -> None:
    file = tmp_path / "wrong.properties"
    file.write_text("clusters=source, target\nsource->target.enabled=perhaps\n")
    one, many = heliograph("run", file), heliograph("run", file, "--workers", "3")
    assert (many.code, many.out, many.err) == (one.code, one.out, one.err)
    assert many.code == 2


def test_the_live_view_shows_all_workers_together(write) -> None:
    until = (b"2 of 2 workers", b"source->target", b"waiting", b"worker=2")
    shown_on_a_terminal(write("127.0.0.1:1", "127.0.0.1:2"), "--workers", "2", until=until)


KILLED_WHILE_LOADING = """
import os, signal, sys
from heliograph.cli import main

module = sys.argv[1]

class Stopper:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Stopper())
sys.argv = ["heliograph", "run", "nowhere.properties"]
main()
"""
KILLED_BEFORE_CALLS = """
import os, signal, sys
from heliograph.cli import main, run
from heliograph.observe import log
from heliograph.worker import supervisor

def stopped_before(owner, name):
    whole = getattr(owner, name)
    def stopped(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        return whole(*arguments, **options)
    setattr(owner, name, stopped)

owners = {"run": run, "supervisor": supervisor, "handler": log.LineHandler}
path, *calls = sys.argv[1:]
for call in calls:
    owner, name = call.split()
    stopped_before(owners[owner], name)
sys.argv = ["heliograph", "run", path]
main()
"""


@pytest.mark.parametrize("module", ["heliograph.cli.app", "typer", "heliograph.cli.run", "heliograph.worker"])
def test_sigterm_while_it_is_loaded_is_a_clean_stop(module) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_LOADING, module]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "calls",
    [
        ["run load"],
        ["run set_up_logging"],
        ["run Supervisor"],
        ["supervisor _settle_collector"],
        ["run load", "handler close"],
    ],
    ids=["first line", "configured", "joined", "in the loop", "again at the end"],
)
def test_sigterm_before_the_first_connection_is_a_clean_stop(write, calls) -> None:
    command = [sys.executable, "-c", KILLED_BEFORE_CALLS, write("127.0.0.1:1", "127.0.0.1:2"), *calls]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "stopping" in ended.stderr
    assert "Traceback" not in ended.stderr


def shown_more(terminal: int) -> bool:
    """Read what is left; Linux answers with an error once the other end is closed."""
    try:
        return bool(os.read(terminal, 65_536))
    except OSError:
        return False


def test_a_variable_that_is_not_set_is_named(heliograph, tmp_path) -> None:
    file = tmp_path / "seed.properties"
    file.write_text(
        "clusters=source, target\nsource.bootstrap.servers=${KAFKA_SOURCE_BROKERS}\n"
        "target.bootstrap.servers=127.0.0.1:1\nsource->target.enabled=true\n"
    )
    ended = heliograph("run", file)
    assert ended.code == 2
    assert "KAFKA_SOURCE_BROKERS" in ended.err
    assert ended.err.count("\n") == 1
