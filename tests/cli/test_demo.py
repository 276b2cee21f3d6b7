"""The demo as a person runs it, to its end and interrupted."""

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

DEADLINE_S = 120
WITHOUT_THE_EXTRA = """
import sys
sys.modules["confluent_kafka"] = None
sys.modules["jgo"] = None
sys.argv = ["heliograph", "demo"]
from heliograph.cli import main
main()
"""


@pytest.mark.brokers
def test_it_copies_and_proves(heliograph) -> None:
    ended = heliograph("demo", "--json", "--records", "3000")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert told["same"] is True
    assert told["records"] == 3005
    assert [(row["topic"], row["copy"], row["records"]) for row in told["topics"]] == [
        ("products", "source.products", 5),
        ("orders", "source.orders", 3000),
    ]
    for row in told["topics"]:
        assert row["source_sha256"] == row["target_sha256"]
        assert len(row["source_sha256"]) == 64


@pytest.mark.brokers
def test_it_tells_the_story_in_few_lines(heliograph) -> None:
    ended = heliograph("demo", "--records", "100")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert len(lines) < 40
    assert "   clusters=source, target" in lines
    assert "   source->target.topics=products, orders" in lines
    assert any("password=${KAFKA_TARGET_APIKEY};" in line for line in lines), "the variable, not its value"
    assert any(line.startswith("   orders = source.orders  100 records") for line in lines)
    assert "nothing is left running" in lines[-1]


@pytest.mark.brokers
@pytest.mark.parametrize("moment", ["1  ", "3  ", "Left running"])
def test_an_interrupt_leaves_nothing_running(moment) -> None:
    command = [sys.executable, "-m", "heliograph.cli", "demo", "--keep", "--records", "20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            seen = []
            while not (seen and seen[-1].startswith(moment)):
                seen.append(process.stdout.readline())
                assert seen[-1], process.stderr.read()
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert process.returncode == (0 if moment == "Left running" else 130)
    assert "Traceback" not in errors
    assert "nothing is left running" in output
    if moment != "1  ":
        assert children
    deadline = time.monotonic() + DEADLINE_S
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline


def test_without_the_extra_it_says_what_to_install() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "heliograph: The demo needs what is not installed: confluent_kafka, jgo. "
        'Install it with: pip install "heliograph[testbed]"\n'
    )
