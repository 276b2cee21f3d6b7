"""Fixtures of the comparisons: the program beside the real MirrorMaker 2 and Apache's own tools."""

from collections.abc import Iterator

import pytest
import running_program
from running_program import Start


@pytest.fixture
def heliograph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes: ``heliograph(properties, *options, command="run")``; all end with the test."""
    yield from running_program.starter(lambda: tmp_path_factory.mktemp("heliograph"))
