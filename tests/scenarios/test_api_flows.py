"""Our own API of a running process, and the examples on its page, on real parts."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from group_moves import commit, committed
from plain_client import create_topic, read, simple_rows, wait_for_rows, write

from rest_server import Client

pytestmark = pytest.mark.brokers

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ROOT = "/heliograph/v1"


@pytest.fixture
def steered(source_kafka, target_kafka, heliograph, one_way, unique, port):
    """Start a flow whose process has the API; return what it runs, and a client."""

    def start(alias: str, *options: str, partitions: int = 3):
        create_topic(source_kafka, unique, partitions)
        write(source_kafka, unique, simple_rows(30, partitions=partitions))
        more = {"listeners": f"http://127.0.0.1:{port}"}
        running = heliograph(one_way(source_kafka, target_kafka, alias, unique, more), *options)
        wait_for_rows(target_kafka, f"{alias}.{unique}", 30)
        return running, Client(port)

    return start


def curl(line: str) -> Any:
    """Give an example's command line, and return what is answered."""
    words = shlex.split(line)
    ran = subprocess.run([words[0], "-sS", *words[1:]], capture_output=True, timeout=60, check=False)
    return ran.stdout.decode() if "--max-time" in words else json.loads(ran.stdout)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_flows_and_lanes(steered, unique, options):
    alias = f"api{1 + bool(options)}"
    running, client = steered(alias, *options)
    with client:
        flow = f"{alias}->target"
        lanes = f"{ROOT}/flows/{flow}/lanes?topic={unique}"
        deadline = time.monotonic() + 20  # workers send a picture once a second
        while (answer := client.ask("GET", lanes))[1].get("total") != 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        status, body, _ = answer
        assert status == 200, body
        assert [(lane["partition"], lane["target_topic"]) for lane in body["lanes"]] == [
            (number, f"{alias}.{unique}") for number in range(3)
        ]
        status, body, _ = client.ask("GET", f"{ROOT}/flows")
        assert [each["name"] for each in body["flows"]] == [flow]
        assert client.ask("GET", f"{ROOT}/flows/{flow}/losses")[1] == {"losses": [], "counts": []}
        assert client.ask("GET", "/connectors")[0] == 200
    assert running.stop() == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_of_the_page(steered, unique, port):
    running, client = steered("api3")
    client.close()
    lines = re.findall(r"^curl (?:.*\\\n)*.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) > 4
    for line in lines:
        told = line.replace("\\\n", " ").replace("8083", str(port)).replace("west", "api3").replace("east", "target")
        answered = curl(told.replace("orders", unique))
        assert "detail" not in answered, (told, answered)
    assert running.stop() == 0


def said(command: str, port: int, *options: str) -> tuple[int, Any]:
    """Run a command by address; return its exit status, and what it says for programs."""
    words = [str(Path(sys.executable).with_name("heliograph")), command, f"http://127.0.0.1:{port}", *options, "--json"]
    ran = subprocess.run(words, capture_output=True, timeout=90, check=False)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_the_command_line_by_address(steered, source_kafka, target_kafka, unique, port):
    running, client = steered("api4")
    client.close()
    copy = f"api4.{unique}"
    code, status = said("status", port)
    assert (code, [(each["flow"], each["copied"]) for each in status["flows"]]) == (0, [("api4->target", True)])
    code, paused = said("pause", port, "--topic", unique)
    assert (code, paused["done"], paused["topics"]) == (0, True, {unique: [0, 1, 2]})
    write(source_kafka, unique, simple_rows(30, first=30, partitions=3))
    assert said("rewind", port, "--topic", unique, "--partition", "0", "--to-beginning")[1]["executed"] is False
    code, rewound = said("rewind", port, "--topic", unique, "--partition", "0", "--to-beginning", "--execute")
    assert (code, rewound["executed"], [each["twice"] for each in rewound["partitions"]]) == (0, True, [10])
    assert len(read(target_kafka, copy)) == 30, "it is paused"
    assert said("resume", port, "--topic", unique)[0] == 0
    wait_for_rows(target_kafka, copy, 70)
    group = f"by-address-{unique}"
    commit(source_kafka, group, unique, {1: 10})
    code, moved = said("failover", port, "--group", group, "--execute")
    assert (code, [move["verdict"] for move in moved["moves"]]) == (0, ["moved"])
    assert committed(target_kafka, group, copy) == {1: moved["moves"][0]["to_offset"]}
    assert said("limit", port, "50MB")[1]["bytes_per_second"] == 50_000_000
    assert said("restart", port)[0] == 0
    code, proof = said("verify", port, "--topic", unique)
    assert (code, proof["verdict"], proof["flows"][0]["flow"]) == (5, "different", "api4->target")
    assert sum(each["extra"] + each["doubled"] for each in proof["flows"][0]["partitions"]) == 10, (
        "what was rewound is there twice"
    )
    assert running.stop() == 0
    assert "Traceback" not in running.log


def test_a_proof_is_a_job(steered, unique):
    running, client = steered("api5")
    with client:
        flow = f"{ROOT}/flows/api5-%3Etarget"
        status, _, headers = client.ask("POST", f"{flow}/verify", {"topics": [unique], "digest": True})
        assert status == 202
        deadline = time.monotonic() + 60
        while (job := client.ask("GET", headers["location"])[1])["state"] == "running":
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
    assert job["state"] == "done", job
    assert (job["result"]["verdict"], job["result"]["records"]) == ("proven", 30)
    assert job["progress"]["done"] == job["progress"]["total"] == 30
    assert running.stop() == 0
