"""What people wrote in the documents still fits the code: log messages, links, files, secrets of the house."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph.config.load import OPTIONS

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "heliograph"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LEVELS = ("debug", "info", "warning", "error")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"```.*?```", re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
SENTENCE = re.compile(r"[A-Za-z(][\w ,;:()'….-]*")
"""What in code may be words of the program, not a command, a name or a value."""
OTHERS_WORDS = re.compile(
    r"(heliograph|pip|systemd-analyze) .*|\w+\(.*\)|e - \d+|The group member's supported protocols are incompatible"
    r"|Discarding config update record with invalid key"
)
"""Commands, calls, formulas, and what MirrorMaker 2 says."""
GRANT = re.compile(r"Grant (\w+) on (topic|group|transactional id) .+|\w+ is missing on (topic|group) .+")


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


def words_of_the_program() -> str:
    """Return every text in the sources, one a line; what is put in at run time is left out."""
    texts = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=values):
                    texts.add("\0".join(each.value for each in values if isinstance(each, ast.Constant)))
                case ast.Constant(value=str(text)):
                    texts.add(text)
    return "\n".join(texts)


@pytest.fixture(scope="module")
def program() -> str:
    return words_of_the_program()


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=name_of)
def test_what_a_page_quotes_the_program_says(path: Path, program: str) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    quoted = {" ".join(each.split()) for each in CODE.findall(text)}
    sentences = {each for each in quoted if each.count(" ") > 1 and SENTENCE.fullmatch(each)}
    own = {each for each in sentences if not OTHERS_WORDS.fullmatch(each) and not GRANT.fullmatch(each)}
    assert {each for each in own if not all(part.strip() in program for part in each.split("…"))} == set()


def test_errors_that_people_meet_can_come(program: str) -> None:
    page = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    table = page.partition("### Errors that people meet")[2].partition("## The log")[0]
    rows = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(rows) > 10
    parts = [part.strip() for row in rows for part in row.strip("()").split("…") if part.strip()]
    assert [part for part in parts if part not in program] == []


def test_options_of_our_own_that_a_page_names_exist() -> None:
    known = {option.name for option in OPTIONS.options}
    for path in PAGES:
        for named in set(re.findall(r"\bheliograph(?:\.[a-z]+)+\b(?!\()", path.read_text(encoding="utf-8"))):
            is_module = (SOURCES / Path(*named.split(".")[1:])).with_suffix(".py").exists()
            is_room = (SOURCES / Path(*named.split(".")[1:])).is_dir()
            is_unit = named == "heliograph.service"
            assert named in known or is_module or is_room or is_unit, f"{name_of(path)} names {named}"


def test_every_variable_of_the_environment_is_on_its_page() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8").partition("## Environment")[2]
    used = set()
    for path in SOURCES.rglob("*.py"):
        used |= set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', path.read_text(encoding="utf-8")))
    assert {name for name in used if f"`{name}" not in page} <= {"XDG_CACHE_HOME"}, "which the user's cache folder is"


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


DIALECT = re.compile(r"\banew\b|\bmanieth\b|\brights\b|^Gives? [a-z`'].*\.$", re.IGNORECASE)
"""Kafka speaks of permissions and ACLs; ``again`` is the usual word; a function returns, or yields."""


def test_docstrings_and_messages_use_the_usual_words() -> None:
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not DIALECT.search(node.value), f"{name_of(path)}:{node.lineno}: {node.value}"


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=name_of)
def test_pages_use_the_usual_words(path: Path) -> None:
    assert DIALECT.findall(path.read_text(encoding="utf-8")) == []
