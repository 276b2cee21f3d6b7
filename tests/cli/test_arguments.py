"""``--clusters`` in each form that MirrorMaker 2's scripts and ours know."""

import json

import pytest

from heliograph.cli.arguments import chosen_clusters
from heliograph.errors import ConfigError

MESH = """\
clusters=A, B, C
A.bootstrap.servers=127.0.0.1:1
B.bootstrap.servers=127.0.0.1:1
C.bootstrap.servers=127.0.0.1:1
A->B.enabled=true
A->C.enabled=true
B->A.enabled=true
"""


@pytest.mark.parametrize(
    ("option", "words", "aliases"),
    [
        (None, [], ()),
        (["A"], [], ("A",)),
        (["A"], ["B", "C"], ("A", "B", "C")),
        (["A", "B"], [], ("A", "B")),
        (["A", "B"], ["C"], ("A", "B", "C")),
    ],
)
def test_words_behind_the_option_belong_to_it(option, words, aliases) -> None:
    assert chosen_clusters(option, words) == aliases


@pytest.mark.parametrize(("option", "words"), [(None, ["B"]), ([""], []), (["A"], [""])])
def test_words_that_make_no_sense(option, words) -> None:
    with pytest.raises(ConfigError):
        chosen_clusters(option, words)


@pytest.mark.parametrize(
    ("arguments", "flows"),
    [
        (["FILE"], ["A->B", "A->C", "B->A"]),
        (["FILE", "--clusters", "B", "C"], ["A->B", "A->C"]),
        (["FILE", "--clusters", "B", "--clusters", "C"], ["A->B", "A->C"]),
        (["--clusters", "A", "FILE"], ["B->A"]),
        (["FILE", "--clusters=A"], ["B->A"]),
    ],
)
def test_only_flows_into_these_clusters(heliograph, tmp_path, arguments, flows) -> None:
    file = tmp_path / "mesh.properties"
    file.write_text(MESH)
    ended = heliograph("check", "--json", *(file if word == "FILE" else word for word in arguments))
    assert ended.code == 3, ended.err
    assert json.loads(ended.out)["flows"] == flows


def test_an_unknown_alias_is_named(heliograph, tmp_path) -> None:
    file = tmp_path / "mesh.properties"
    file.write_text(MESH)
    ended = heliograph("run", file, "--clusters", "B", "D")
    assert ended.code == 2
    assert "'D'" in ended.err
    assert "A, B, C" in ended.err
    assert ended.err.count("\n") == 1
