"""Findings are one line each, however much they have to say."""

from heliograph.config.model import ClusterConfig, Sasl, Secret
from heliograph.errors import Unreachable
from heliograph.preflight.finding import About, Finding, Level, listed


def test_text_and_remedy_make_one_line() -> None:
    assert str(Finding(Level.OK, "a", "All is\nwell")) == "All is well"
    assert str(Finding(Level.ERROR, "a", "It is dark", "Switch on the light")) == "It is dark. Switch on the light"


def test_an_error_keeps_its_remedy() -> None:
    found = Finding.of_error("a", Unreachable("No answer", remedy="Check the port"), Level.WARNING)
    assert (found.level, str(found)) == (Level.WARNING, "No answer. Check the port")


def test_many_names_are_counted() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(f"t{number}" for number in range(8)) == "t0, t1, t2, t3, t4 and 3 more"


def test_a_missing_permission_names_who_lacks_it() -> None:
    open_to_all = ClusterConfig("east", ())
    known = ClusterConfig("east", (), sasl=Sasl("PLAIN", "mirror", Secret("hush")))
    found = About("west->east").lacks("Write", "topic t", known, Level.WARNING)
    assert (found.level, found.about) == (Level.WARNING, "west->east")
    assert str(found) == "Permission Write is missing on topic t. Grant it to mirror on east"
    assert "Grant it to this client on east" in str(About("f").lacks("Read", "group g", open_to_all))
