"""Whoever shows connectors knows one protocol; both kinds of connectors have all of it, with the same parameters."""

import inspect

import pytest

from heliograph.connect.file_connectors import FileConnectors
from heliograph.connect.stored_connectors import StoredConnectors
from heliograph.errors import HeliographError
from heliograph.observe.connectors import Conflict, Connectors, Invalid

METHODS = [name for name, each in vars(Connectors).items() if inspect.isfunction(each) and not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", [FileConnectors, StoredConnectors])
def test_both_kinds_have_the_whole_protocol(kind, name):
    ours, theirs = getattr(kind, name), getattr(Connectors, name)
    assert list(inspect.signature(ours).parameters.values()) == list(inspect.signature(theirs).parameters.values())
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def test_the_protocol_is_seen():
    assert {"all", "create", "want", "alter_offsets"} <= set(METHODS)


@pytest.mark.parametrize("error", [Conflict, Invalid])
def test_refusals_are_told_in_one_line(error):
    assert issubclass(error, HeliographError)
    assert str(error("It is there", remedy="Take another name")) == "It is there. Take another name"
