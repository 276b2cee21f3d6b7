"""``heliograph run`` as a process: it copies, stops in time, and gives up in words."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import confluent_kafka
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


def test_on_a_terminal_it_shows_what_it_does_and_ctrl_c_ends_it(write) -> None:
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "heliograph.cli", "run", write("127.0.0.1:1", "127.0.0.1:2")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        try:
            os.close(theirs)
            shown = b""
            deadline = time.monotonic() + DEADLINE_S
            while b"Cannot connect to 127.0.0.1:" not in shown or b"Ctrl-C stops" not in shown:
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
    assert b"source->target" in shown
    assert b"waiting" in shown
    assert b"Traceback" not in shown


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
