from pathlib import Path

import pytest

from heliograph.config import OPTIONS
from heliograph.config.options import Family
from heliograph.config.problems import Problems
from heliograph.config.properties import parse_properties
from heliograph.config.resolve import Resolver
from heliograph.config.variables import Variables
from heliograph.errors import ConfigError


def resolver_of(text):
    file = parse_properties(text.encode(), Path("mm2.properties"))
    problems = Problems()
    variables = Variables(file, {}, problems)
    values = {key: (entry, variables.expand(entry)) for key, entry in file.entries.items()}
    return Resolver(file, values, OPTIONS, problems)


def test_the_first_key_that_stands_wins_and_the_others_are_remembered():
    resolver = resolver_of("x=1\ny=2\nz=3")
    found = resolver.find(Family.FLOW, "replication.factor", ("w", "y", "x"), "shown")
    assert (found.value, found.key, found.where) == (2, "y", "mm2.properties:2 y")
    assert [(lost.entry.key, lost.winner.key) for lost in resolver.lost] == [("x", "y")]
    assert resolver.effective() == (("shown", "2", "mm2.properties:2"),)


def test_without_a_key_the_default_holds():
    resolver = resolver_of("")
    found = resolver.find(Family.FLOW, "replication.factor", ("w", "y"), "shown")
    assert (found.value, found.key, found.entry, found.where) == (2, "w", None, "w")
    assert resolver.effective() == (("shown", "2", "default"),)
    nothing = resolver.find(Family.CONNECTION, "sasl.jaas.config", ("w",), "secret")
    assert (nothing.value, nothing.text, nothing.items) == (None, "", ())
    assert len(resolver.effective()) == 1


def test_choices_are_taken_in_any_case_and_given_as_declared():
    found = resolver_of("p=sasl_ssl").find(Family.CONNECTION, "security.protocol", ("p",), "shown")
    assert found.value == "SASL_SSL"


def test_values_of_secret_sounding_keys_are_neither_shown_nor_quoted():
    resolver = resolver_of("my.token=abc")
    found = resolver.find(Family.FLOW, "replication.factor", ("my.token",), "shown")
    assert (found.value, found.broken) == (2, True)
    with pytest.raises(ConfigError, match=r"mm2\.properties:1 my\.token must be a whole number") as refusal:
        resolver.problems.raise_all(Path("mm2.properties"))
    assert "abc" not in str(refusal.value)
    resolver.note("some.password", "abc", "here")
    assert resolver.effective() == (("some.password", "****", "here"),)
