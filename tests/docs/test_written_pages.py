"""What people wrote in the documents still fits the code: log messages, links, files, secrets of the house."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "heliograph"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LEVELS = ("debug", "info", "warning", "error")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"```.*?```", re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def logged() -> Iterator[tuple[str, str]]:
    """Level and text of every message that the program can log."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=logger, attr=level),
                    args=[ast.Constant(value=str(message)), *_],
                ) if level in LEVELS and ast.unparse(logger).lower().endswith(("log", "log()")):
                    yield level, message


def test_messages_are_found_in_the_code() -> None:
    assert len(set(logged())) > 20


@pytest.mark.parametrize(("level", "message"), sorted(set(logged())))
def test_every_log_message_is_explained(level: str, message: str) -> None:
    text = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    assert f"\n| {level} | `{message}` | " in text


def test_no_message_is_explained_that_cannot_come() -> None:
    text = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| (debug|info|warning|error) \| `([^`]+)` \|", text, re.MULTILINE))
    assert explained - set(logged()) == set()


def anchor(heading: str) -> str:
    """The anchor that a heading gets where the pages are usually read."""
    text = re.sub(r"[`*]", "", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    for match in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8"))):
        target, _, fragment = match["target"].partition("#")
        if target.startswith(("http://", "https://")):
            continue
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{name_of(path)} links to {target}"
        if fragment and found.suffix == ".md":
            assert fragment in anchors(found), f"{name_of(path)} links to {target}#{fragment}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_sources_that_a_page_names_are_there(path: Path) -> None:
    for named in re.findall(r"`((?:src|tests|docs|benchmarks)/[\w./-]+)`", path.read_text(encoding="utf-8")):
        assert (ROOT / named).exists(), f"{name_of(path)} names {named}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_hosts_are_examples(path: Path) -> None:
    hosts = re.findall(r"\b([\w.-]+\.[\w-]+):\d{2,5}\b", path.read_text(encoding="utf-8"))
    assert [host for host in hosts if not host.endswith(".example") and host not in {"127.0.0.1", "0.0.0.0"}] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        relative = path.relative_to(ROOT / "docs")
        assert str(relative) == "README.md" or f"({relative})" in index
