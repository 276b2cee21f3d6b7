"""``heliograph verify`` as a command: what it refuses, what it prints, how it ends. Proofs are in tests/scenarios."""

import json

import pytest

UNREACHABLE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sample", "lots"], "--sample lots is neither a share nor a number of records"),
        (["--since", "soon"], "--since soon is neither a duration nor a time"),
        (["--bandwidth", "0"], "--bandwidth 0 is neither a number of MB/s nor a share of the time"),
        (["--flow", "target->source"], "There is no flow target->source. There are: source->target"),
        (["--topic", "a[b"], "a[b"),
        (["--report", "/nowhere/at/all/report"], "cannot be written"),
        (["--wait", "-1"], "--wait"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(heliograph, write, options, said):
    ended = heliograph("verify", write(UNREACHABLE, UNREACHABLE), *options)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_cluster_that_does_not_answer(heliograph, write):
    ended = heliograph("verify", write(UNREACHABLE, UNREACHABLE))
    assert ended.code == 3
    assert "Cannot connect to 127.0.0.1:1" in ended.err


@pytest.mark.brokers
def test_both_forms_of_the_answer(heliograph, plain, unique, tmp_path):
    """An empty topic with an empty copy is proven, in words and as JSON; the report may be named with a suffix."""
    plain.on_source(**{unique: 2})
    plain.on_target(**{f"source.{unique}": 2})
    file = plain.file(f"source->target.topics={unique}")
    ended = heliograph("verify", file, "--sample", "10", "--seed", "5", "--report", tmp_path / "found.html")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "source->target"
    assert f"  proven     {unique}-0 -> source.{unique}-0: 0 records the same" in lines
    assert "The sample's seed is 5" in lines
    assert lines[-1].startswith("Sample proven: what was compared is the same (2 partitions, 0 records), in ")
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["proven"] is True
    assert (tmp_path / "found.html").exists()
    ended = heliograph("verify", "--json", file, "--flow", "source->target")
    told = json.loads(ended.out)
    assert (ended.code, told["verdict"], told["flows"][0]["flow"]) == (0, "proven", "source->target")
    assert told["flows"][0]["source"]["cluster_id"]
    assert told["flows"][0]["target"]["release"] == "Kafka 4.1 or newer"
