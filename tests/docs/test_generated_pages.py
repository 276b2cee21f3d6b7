"""The reference pages say what the code declares."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from heliograph import errors
from heliograph.config.load import OPTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATE: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GENERATE["PAGES"])
def test_a_page_is_up_to_date(name: str) -> None:
    assert GENERATE["filled"](name and page(name)) == page(name), "run: python docs/generate.py"


def test_every_generated_part_stands_on_a_page() -> None:
    found = {match["name"] for name in GENERATE["PAGES"] for match in GENERATE["PART"].finditer(page(name))}
    assert found == set(GENERATE["PARTS"])


def test_every_option_is_on_its_page() -> None:
    text = page("reference/options.md")
    assert [option.name for option in OPTIONS.options if f"`{option.name}`" not in text] == []


def test_every_error_and_exit_code_is_on_its_page() -> None:
    rows = {
        line.split("|")[1].strip(): line.split("|")[2].strip()
        for line in page("reference/messages.md").splitlines()
        if line.count("|") == 4
    }
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.HeliographError)
    ]
    shown = {name.replace("&nbsp;", "").strip("`"): exit_code for name, exit_code in rows.items()}
    assert {kind.__name__: str(kind.exit_code) for kind in kinds}.items() <= shown.items()


def test_every_exit_code_is_on_the_page_of_the_command_line() -> None:
    text = page("reference/cli.md")
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.HeliographError)
    ]
    for code in {kind.exit_code for kind in kinds}:
        assert f"\n| {code} | " in text


def test_every_default_of_our_own_is_explained() -> None:
    rows = [line for line in page("defaults.md").splitlines() if line.startswith("| `")]
    for option in OPTIONS.options:
        if option.mm2_default is None:
            continue
        row = next((line for line in rows if line.startswith(f"| `{option.name}` |")), None)
        assert row is not None, f"{option.name} differs from MM2 and is missing in docs/defaults.md"
        ours, theirs = (cell.strip() for cell in row.split(" | ")[1:3])
        assert theirs == GENERATE["code"](option.mm2_default)
        assert ours == GENERATE["code"](option.default) or option.default is None
