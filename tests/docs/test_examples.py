"""The examples on the pages work: files load without a warning, command lines parse, names exist."""

import ast
import configparser
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer.main
from cryptography.hazmat.primitives.serialization import Encoding

import heliograph
from heliograph import errors
from heliograph.cli.app import make_app
from heliograph.config import load
from heliograph.config.connectors.worker_file import is_worker_file, read_worker
from heliograph.config.load import OPTIONS
from heliograph.config.properties import read_properties
from heliograph.testbed.certificates import issue_server, make_authority
from heliograph.testbed.storefiles import write_identity

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "soak" / "README.md",
]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {"sh", "json", "properties", "text", "python", "pycon", "ini", "dockerfile"}
OTHER_PROGRAMS = {
    "curl",
    "docker",
    "systemctl",
    "journalctl",
    "python3",
    "export",
    "kill",
    "printf",
    "rm",
    "echo",
    "install",
    "useradd",
}
COMMANDS = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]

ONE_WAY = """\
clusters=west, east
west.bootstrap.servers=kafka-a.example:9092
east.bootstrap.servers=kafka-b.example:9092
west->east.enabled=true
west->east.topics=orders
"""
"""What a part of a file is put into."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of an example."""

    place: str
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    found = []
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(page):
            line = page.count("\n", 0, match.start()) + 1
            if not languages or match["language"] in languages:
                found.append(Block(f"{path.relative_to(ROOT)}:{line}", match["language"], match["text"]))
    return found


def place(block: Block) -> str:
    return block.place


def test_every_block_says_what_it_is() -> None:
    assert [block.place for block in blocks() if block.language not in LANGUAGES] == []


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files that examples name, as they might be."""
    folder = tmp_path_factory.mktemp("examples")
    secrets, authority = folder / "kafka.properties", folder / "ca.pem"
    secrets.write_text("password=secret\n", encoding="utf-8")
    signing = make_authority("examples", datetime.now(UTC))
    authority.write_bytes(signing.certificate.public_bytes(Encoding.PEM))
    server = write_identity(issue_server(signing, datetime.now(UTC)), folder, "rest", "secret", 0)
    rules = folder / "who-may.conf"
    rules.write_text("allow oidc-group:ops admin *\n", encoding="utf-8")
    return {
        "/run/secrets/kafka.properties": secrets,
        "/etc/heliograph/ca.pem": authority,
        "/etc/heliograph/rest.pem": server.pem,
        "/etc/heliograph/who-may.conf": rules,
    }


@pytest.mark.parametrize("block", blocks("properties"), ids=place)
def test_a_configuration_file_loads_without_a_warning(block: Block, files: dict[str, Path], tmp_path: Path) -> None:
    text = block.text
    for named, present in files.items():
        text = text.replace(named, str(present))
    path = tmp_path / "mm2.properties"
    path.write_text(text, encoding="utf-8")
    if is_worker_file(read_properties(path)):
        worker = read_worker(read_properties(path), OPTIONS, environ={}, now=datetime.now(UTC))
        assert [str(warning) for warning in worker.base.warnings] == []
        return
    path.write_text(text if re.search("^clusters *=", text, re.MULTILINE) else ONE_WAY + text, encoding="utf-8")
    named = set(re.findall(r"\$\{([A-Z]+)\}", text))
    config = load(path, environ={**dict.fromkeys(named, "127.0.0.1:9092"), "HOSTNAME": "host-1"})
    assert config.flows
    assert [str(warning) for warning in config.warnings] == []


@pytest.mark.parametrize("block", blocks("json"), ids=place)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


def command_lines(text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.split(" | "):
            words = shlex.split(part.rstrip("|"), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words:
                yield words


@pytest.mark.parametrize("block", blocks("sh"), ids=place)
def test_a_command_line_can_be_given(block: Block) -> None:
    for program, *arguments in command_lines(block.text):
        match program.rsplit("/", 1)[-1]:
            case "heliograph" if arguments[0] in COMMANDS:
                COMMANDS[arguments[0]].make_context(arguments[0], arguments[1:])
            case "heliograph":
                assert arguments == ["--version"]
            case "make":
                targets = [each for each in arguments if "=" not in each]
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                assert [each for each in targets if not re.search(f"^{each}:", makefile, re.MULTILINE)] == []
            case "pytest" | "python":
                named = [each for each in arguments if re.match(r"(tests|docs|benchmarks|soak)/|setup", each)]
                assert [each for each in named if not (ROOT / each).exists()] == []
            case "pip":
                assert arguments[0] == "install"
            case other:
                assert other in OTHER_PROGRAMS or re.fullmatch(r"kafka-[\w-]+\.sh", other), other


def inline_commands() -> list[tuple[str, str]]:
    found = set()
    for path in PAGES:
        for match in re.finditer(r"`(heliograph [a-z]+[^`]*)`", BLOCK.sub("", path.read_text(encoding="utf-8"))):
            found.add((str(path.relative_to(ROOT)), " ".join(match[1].split())))
    return sorted(found)


@pytest.mark.parametrize(("page", "line"), inline_commands())
def test_a_command_named_in_a_sentence_exists(page: str, line: str) -> None:
    _, command, *words = shlex.split(line)
    assert command in COMMANDS, page
    known = {name for each in COMMANDS[command].params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} - known == set()


@pytest.mark.parametrize("block", blocks("python"), ids=place)
def test_what_a_program_takes_from_heliograph_is_there(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "heliograph":
            assert [each.name for each in node.names if not hasattr(heliograph, each.name)] == []


def words(*command: str) -> None:
    """Parse what stands behind ``heliograph`` in a unit or an image."""
    COMMANDS[command[0]].make_context(command[0], list(command[1:]))


def test_the_unit_starts_the_program_and_gives_it_time_to_stop() -> None:
    (block,) = blocks("ini")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block.text)
    program, *command = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/bin/heliograph")
    words(*command)
    graceful_ms = int(
        next(each for each in OPTIONS.options if each.name == "task.shutdown.graceful.timeout.ms").default
    )
    assert int(unit["Service"]["TimeoutStopSec"]) * 1_000 > graceful_ms
    assert int(unit["Service"]["RestartPreventExitStatus"]) == errors.ConfigError.exit_code


def test_the_image_starts_the_program_and_leaves_out_what_was_built_here() -> None:
    (block,) = blocks("dockerfile")
    lines = dict(line.split(" ", 1) for line in block.text.splitlines() if line)
    assert json.loads(lines["ENTRYPOINT"]) == ["heliograph"]
    words(*json.loads(lines["CMD"]))
    assert {".venv", "build", "**/*.so"} <= set((ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines())
