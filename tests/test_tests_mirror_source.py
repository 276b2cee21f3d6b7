"""Tests stand where their subject stands: ``src/heliograph/a/b.py`` is tested by ``tests/a/test_b.py``.

Names of test files are unique over the whole tree, so ``tests/a/test_a_b.py`` counts as well, and a longer name for a
file that tests a part of the module. What has no test of its own yet is listed, and the list may only become shorter.
"""

import ast
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "heliograph"

ROOMS_OF_THEIR_OWN = {"scenarios", "against", "connect_api", "docs", "hostile", "as_installed"}
"""Folders of tests that have no room of the source: they test the whole program, the documents, or every parser."""

OWN_SUBJECT = {
    "test_fake_cluster.py",
    "test_file_order.py",
    "test_shared_clusters.py",
    "test_tests_aliases.py",
    "test_tests_mirror_source.py",
}
"""They test what the tests themselves are made of."""

NOT_YET: dict[str, str] = {
    **dict.fromkeys(
        (
            "config/client_options",
            "config/javaclasses",
            "config/mirror_options",
            "proof/model",
            "records/layout",
            "records/model",
        ),
        "a table; the tests of its readers reach it",
    ),
    **dict.fromkeys(
        ("records/_reference",),
        "tests of the kernel run it",
    ),
}
"""Modules without a test of their own, with how they are reached meanwhile."""


def modules() -> list[str]:
    """Return all modules of the source as ``room/name``."""
    return [path.relative_to(SOURCE).with_suffix("").as_posix() for path in sorted(SOURCE.rglob("*.py"))]


def does_something(module: str) -> bool:
    """Whether a module has functions; what only joins others needs no test."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    defines = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))
    return defines and not module.endswith("__init__")


def names_for(module: str) -> set[str]:
    """Return how the file that tests ``room/name`` may be called."""
    room, _, name = module.rpartition("/")
    name = name.strip("_")
    return {f"{room}/test_{name}", f"{room}/test_{room.rpartition('/')[2]}_{name}"} if room else {f"test_{name}"}


def files_of_rooms() -> list[str]:
    found = [path.relative_to(TESTS).with_suffix("").as_posix() for path in sorted(TESTS.rglob("test_*.py"))]
    return [each for each in found if each.split("/")[0] not in ROOMS_OF_THEIR_OWN and f"{each}.py" not in OWN_SUBJECT]


def test_each_module_has_a_test_of_its_own() -> None:
    there = files_of_rooms()
    without = {
        module
        for module in modules()
        if does_something(module)
        and not any(file == name or file.startswith(f"{name}_") for name in names_for(module) for file in there)
    }
    assert without - set(NOT_YET) == set(), "write a test for these"
    assert set(NOT_YET) - without == set(), "these have one now: shorten the list"


def test_each_test_has_a_module() -> None:
    known = {name for module in modules() for name in names_for(module)}
    alone = {
        file for file in files_of_rooms() if not any(file == name or file.startswith(f"{name}_") for name in known)
    }
    assert alone == set(), "name these after their module"


def test_names_of_test_files_are_unique() -> None:
    places = defaultdict(list)
    for path in TESTS.rglob("*.py"):
        if path.name != "conftest.py":
            places[path.name].append(str(path.relative_to(TESTS)))
    assert [each for each in places.values() if len(each) > 1] == []


def test_flows_that_run_at_the_same_time_have_different_aliases() -> None:
    """Files run side by side on the same clusters: an alias names a flow's group, topics and positions there."""
    files = defaultdict(set)
    for path in sorted((TESTS / "scenarios").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if alias := _alias(node):
                files[alias].add(path.name)
    assert len(files) > 50, "the calls are found"
    assert {alias: names for alias, names in files.items() if len(names) > 1} == {}


def _alias(node: ast.AST) -> str | None:
    """Return the alias that a call of ``copy`` or ``one_way`` gives to a flow into the shared target."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    into_shared = {"copy": 0}
    if node.func.id == "one_way" and len(node.args) > 2 and ast.unparse(node.args[1]) == "target_kafka":
        into_shared["one_way"] = 2
    place = into_shared.get(node.func.id)
    given = node.args[place] if place is not None and len(node.args) > place else None
    return given.value if isinstance(given, ast.Constant) else None
