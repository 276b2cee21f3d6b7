"""What tests of the worker share."""

import logging
from collections.abc import Iterator

import pytest

from heliograph.observe.log import LineHandler, set_up_logging


@pytest.fixture
def program_log() -> Iterator[None]:
    """The program's log goes to standard error, as in the program, and only for as long as the test."""
    root, own = logging.getLogger(), logging.getLogger("heliograph")
    before = root.level, own.level
    set_up_logging()
    yield
    for handler in [each for each in root.handlers if isinstance(each, LineHandler)]:
        root.removeHandler(handler)
    root.setLevel(before[0])
    own.setLevel(before[1])
