"""A client that somebody else's generator makes of the OpenAPI document speaks to the API."""

import json
import subprocess
from pathlib import Path

import pytest
from showing import FLOWS, Everything, Still, Told

from heliograph.api.flows.api import Api
from heliograph.api.flows.app import make_flows_app
from heliograph.api.flows.routes import ROOT
from rest_server import Client, serving

HERE = Path(__file__).parent
GENERATOR = HERE.parents[2] / ".venv-generator" / "bin"
LIMIT_S = 60


def run(program: str, *arguments: object, **environment: str) -> str:
    """Run a program of the generator's environment."""
    command = [str(each) for each in (GENERATOR / program, *arguments)]
    path = {"PATH": str(GENERATOR)}  # where it finds a formatter
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=path | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return what the client was answered, and what the flows were told by it."""
    assert GENERATOR.exists(), "`make test` and `make check` install the generator"
    folder = tmp_path_factory.mktemp("client")
    rules, flows = Everything(), Told()
    with serving(make_flows_app(Api(Still(*FLOWS), flows, rules), rules)) as port:
        document = folder / "openapi.json"
        with Client(port) as client:
            document.write_text(json.dumps(client.ask("GET", f"{ROOT}/openapi.json")[1]), encoding="utf-8")
        options = ("--path", document, "--output-path", folder / "flows_client", "--meta", "none")
        made = run("openapi-python-client", "generate", *options)
        out = run("python", HERE / "by_generated_client.py", port, PYTHONPATH=str(folder))
    return made, json.loads(out), flows.orders


def test_the_generator_leaves_nothing_out(said):
    made, _, _ = said
    assert made.count("\n") == 1, made  # what it makes; every warning is a line more


def test_it_reads(said):
    _, told, _ = said
    assert told["flows"] == [["A->B", "running", 2], ["B->A", "waiting", 0]]
    assert told["flow"]["name"] == "A->B"
    assert told["lanes"] == [["pay/ments", number, 5] for number in range(12)]
    assert [loss["kind"] for loss in told["losses"]] == ["retention"]
    assert told["groups"]["positions"][0]["group"] == "g"


def test_it_changes(said):
    _, told, orders = said
    assert told["paused"]["topics"] == {"orders-1": [0, 3]}
    assert told["whole"]["topics"] is None
    assert told["limited"]["bytes_per_second"] == 5000
    assert [(what, flow) for what, flow, _ in orders] == [
        ("pause", "A->B"),
        ("pause", "A->B"),
        ("limit", "A->B"),
        ("reset", "A->B"),
        ("verify", "A->B"),
    ]


def test_it_is_told_of_a_mistake(said):
    _, told, _ = said
    status, problem = told["unknown"]
    assert (status, problem["status"]) == (404, 404)
    assert "C->D" in problem["detail"]


def test_it_waits_for_a_job(said):
    _, told, _ = said
    assert told["job"]["state"] == "done"
    assert told["job"]["result"] == {"verdict": "proven"}
