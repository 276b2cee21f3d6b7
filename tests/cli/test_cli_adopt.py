"""What ``adopt`` says of two clusters in memory, and with which exit code."""

import json
import sys

import pytest

from fake_cluster import FakeCluster
from fault_injection import fast
from heliograph.cli import app
from occupied import Occupied


@pytest.fixture
def adopt(tmp_path, monkeypatch, capsys):
    """Run the command against a source with two topics, of which one is copied; return exit code and output."""

    def run(*options, target_type=FakeCluster):
        path = tmp_path / "mm2.properties"
        with FakeCluster("one") as source, target_type("two") as target:
            where = f"one.bootstrap.servers={source.bootstrap}\ntwo.bootstrap.servers={target.bootstrap}\n"
            path.write_text(f"clusters=one, two\n{where}{fast('one', 'two')}one->two.topics=orders\n")
            source.create("orders", 2)
            source.write("orders", [b"value"] * 4)
            source.groups["readers"] = {("orders", 0): (2, "")}
            monkeypatch.setattr(sys, "argv", ["heliograph", "adopt", str(path), *options])
            with pytest.raises(SystemExit) as ended:
                app.main()
            assert not target.topics, "nothing is touched"
        return ended.value.code, capsys.readouterr().out

    return run


def test_a_flow_that_nobody_copies_can_be_taken_over(adopt):
    code, out = adopt("--dry-run")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Group one-mm2 on two is free: nobody copies this flow" in lines
    assert "orders 2 nobody 4 2 from the first record" in lines
    assert "readers 0 Empty -" in lines
    assert lines[-1].endswith("mm2.properties takes over")


def test_while_mirror_maker_runs_the_exit_code_says_so(adopt):
    code, out = adopt(target_type=Occupied)
    assert code == 3
    assert "is used by 1 of kind connect: " in out
    assert "not looked at while it is copied" in " ".join(out.split())
    assert out.splitlines()[-1].startswith("Stop MirrorMaker 2 first (")


def test_the_same_for_a_program(adopt):
    code, out = adopt("--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["dry_run"], told["warnings"]) == (0, True, [])
    (flow,) = told["flows"]
    assert (flow["flow"], flow["mirror_maker_runs"], flow["occupant"]["members"]) == ("one->two", False, 0)
    assert flow["positions"] == [
        {
            "topic": "orders",
            "target_topic": "one.orders",
            "partitions": 2,
            "by_mirror_maker": 0,
            "by_heliograph": 0,
            "lag": 4,
            "exact": 0,
            "fresh": 2,
            "doubts": [],
        }
    ]
    assert "refresh.topics.interval.seconds" in {row["key"].rpartition(">two.")[2] for row in told["changed_defaults"]}
