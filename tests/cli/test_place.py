"""A command says the same of a flow whether it is given the file or the address of a process that has the file."""

import os
import sys

import pytest
from showing import Everything, Still

from fake_cluster import FakeCluster
from fault_injection import fast
from heliograph.api.flows.api import Api
from heliograph.api.flows.app import make_flows_app
from heliograph.cli import app
from heliograph.config import load
from heliograph.observe.model import FlowState, FlowView
from heliograph.worker.operations import FlowOperations
from rest_server import serving

FLOW = FlowView("one->two", FlowState.RUNNING)


@pytest.fixture
def ran(monkeypatch, capsys):
    """Run a command line; return exit code, what it prints, and errors."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["heliograph", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A file of a flow between two clusters in memory, and the address of a process that has it."""
    path = tmp_path_factory.mktemp("place") / "mm2.properties"
    with FakeCluster("one") as source, FakeCluster("two") as target:
        where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
        path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}one->two.topics=orders\n")
        source.create("orders", 2)
        source.write("orders", [b"value"] * 4)
        target.create("one.orders", 2)
        target.write("one.orders", [b"value"] * 4)
        source.groups["g"] = {("orders", 0): (4, "")}
        config = load(path, environ=os.environ)
        with serving(
            make_flows_app(Api(Still(FLOW), FlowOperations(lambda: config.flows), Everything()), Everything())
        ) as port:
            yield path, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("pause", "--topic", "orders"),
        ("pause", "--topic", "orders", "--partition", "1", "--json"),
        ("resume", "--connector", "heartbeat"),
        ("restart", "--topic", "orders"),
        ("restart", "--json"),
        ("limit",),
        ("limit", "--json"),
        ("rewind", "--topic", "orders", "--to-end"),
        ("rewind", "--topic", "orders", "--by", "-3", "--json"),
        ("plan",),
        ("failover", "--all"),
        ("failover", "--group", "g", "--json"),
        ("failover", "--group", "other"),
        ("pause", "--topic", "other"),
        ("rewind", "--topic", "orders", "--partition", "7", "--to-end"),
    ],
)
def test_both_say_the_same(ran, both, words):
    path, address = both
    command, *options = words
    ran(command, path, *options)  # whatever it changes is changed now
    by_file, by_address = ran(command, path, *options), ran(command, address, *options)
    assert by_address == by_file
    assert by_file[1] or by_file[2]


def test_limits_are_told_by_address(ran, both):
    path, address = both
    assert ran("limit", address, "10MB")[0] == 0
    assert "10 MB/s, by a command" in ran("limit", path)[1]
    assert "as the file says" in ran("limit", address, "as-file")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--flow", "two->one"), "has no flow 'two->one'"),
        (("--timeout", "4000"), "timeout_s is 40 at most"),
    ],
)
def test_what_a_process_cannot_be_told(ran, both, words, said):
    code, out, err = ran("pause", both[1], *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_one_flow_of_several_is_named(ran):
    flows = (FLOW, FlowView("two->one", FlowState.RUNNING))
    with serving(make_flows_app(Api(Still(*flows), FlowOperations(list), Everything()), Everything())) as port:
        code, _, err = ran("pause", f"http://127.0.0.1:{port}")
    assert (code, "has several flows: one->two, two->one" in err) == (2, True)
