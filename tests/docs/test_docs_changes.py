"""The how-to says of each option that does not change in place what happens instead."""

import re
from pathlib import Path

from heliograph.config import changes
from heliograph.config.changes import Extent

PAGE = (Path(__file__).parents[2] / "docs/how-to.md").read_text()


def options_of(row: str) -> set[str]:
    """Return the options in the first cell of the row whose second cell begins with ``row``."""
    (cell,) = re.findall(rf"^\| (.*) \| {row}", PAGE, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", cell))


def test_options_that_start_the_flow_again() -> None:
    tables = (changes.FLOW_FIELDS, changes.SYNC_FIELDS)
    wanted = {option for table in tables for option, extent in table.values() if extent is Extent.FLOW}
    wanted -= {"name"}  # of the connector, which no file can give yet
    assert options_of("the flow is stopped in good order and started again") == wanted


def test_options_that_wait_for_the_process() -> None:
    assert options_of("nothing yet") == set(changes._PROCESS_FIELDS.values())
