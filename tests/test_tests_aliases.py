"""Files run beside each other on the same two clusters: no two of them may copy as the same flow, or one stands by."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


def _aliases(path: Path) -> Iterator[str]:
    """Return the source aliases of the flows that a file starts onto the shared target."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "copy" and node.args:
            alias = node.args[0]
        elif node.func.id == "one_way" and len(node.args) > 2 and ast.unparse(node.args[1]) == "target_kafka":
            alias = node.args[2]
        else:
            continue
        if isinstance(alias, ast.JoinedStr):
            alias = alias.values[0]
        if isinstance(alias, ast.Constant):
            yield str(alias.value)


def test_no_two_files_copy_as_the_same_flow() -> None:
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(FOLDER.rglob("test_*.py")):
        for alias in _aliases(path):
            files[alias].add(path.relative_to(FOLDER).as_posix())
    assert len(files) > 50
    assert {alias: found for alias, found in files.items() if len(found) > 1} == {}
