"""Only a lane assigns a lane's attributes: everybody else calls a method that says what happened."""

import ast
from pathlib import Path

import pytest

import heliograph

ROOT = Path(heliograph.__file__).parent
PARTS = {
    "flow/lane.py": "Lane",
    "flow/in_flight.py": "InFlight",
    "flow/progress.py": "Progress",
    "flow/intake.py": "Intake",
}


def stores(tree):
    """All attributes that are assigned or deleted, as (base, name, line)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield ast.unparse(node.value), node.attr, node.lineno


def own_attributes(path, name):
    tree = ast.parse((ROOT / path).read_text())
    (body,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    fields = {node.target.id for node in body.body if isinstance(node, ast.AnnAssign)}
    return fields | {attribute for base, attribute, _ in stores(body) if base == "self"}


def lane_attributes():
    return set().union(*(own_attributes(path, name) for path, name in PARTS.items()))


def knows_lanes(tree):
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "heliograph.flow.lane" and "Lane" in {n.name for n in node.names}
        for node in ast.walk(tree)
    )  # fmt: skip


SOURCES = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if knows_lanes(ast.parse(path.read_text()))
)


def test_the_sources_that_know_lanes_are_found():
    assert {"flow/fetcher.py", "flow/sender.py", "flow/watch.py", "worker/starting.py"} <= set(SOURCES)
    assert {"state", "anchor", "resending", "position", "_next_sequence"} <= lane_attributes()


@pytest.mark.parametrize("path", SOURCES)
def test_nobody_assigns_a_lanes_attributes(path):
    found = [
        f"{base}.{name} in line {line}"
        for base, name, line in stores(ast.parse((ROOT / path).read_text()))
        if name in lane_attributes() and base != "self"
    ]
    assert not found


@pytest.mark.parametrize("path", PARTS)
def test_a_part_assigns_its_own_alone(path):
    tree = ast.parse((ROOT / path).read_text())
    others = set().union(*(own_attributes(other, name) for other, name in PARTS.items() if other != path))
    found = [
        f"{base}.{name} in line {line}"
        for base, name, line in stores(tree)
        if base.startswith(("self.", "lane")) and name in others
    ]
    assert not [each for each in found if "_progress.anchor" not in each]
