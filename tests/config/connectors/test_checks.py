"""Each check with what passes it and what does not, in the sentences that a real Connect worker gave."""

import pytest

from heliograph.config.connectors import checks

MANY_WORDS = "Configuration 'k' must not be empty. Valid values include: [legacy, new]"


@pytest.mark.parametrize(
    ("check", "value", "problem"),
    [
        (checks.anything, None, ""),
        (checks.at_least(0), 0, ""),
        (checks.at_least(0), None, ""),
        (checks.at_least(0), -1, "Invalid value -1 for configuration k: Value must be at least 0"),
        (checks.within(1), 1, ""),
        (checks.within(1), None, "Invalid value null for configuration k: Value must be non-null"),
        (checks.within(0.0, 0.25), 0.25, ""),
        (checks.within(0.0, 0.25), 0.5, "Invalid value 0.5 for configuration k: Value must be no more than 0.25"),
        (checks.within(0.0, 0.25), -1.0, "Invalid value -1.0 for configuration k: Value must be at least 0.0"),
        (checks.one_of("none", "all"), "all", ""),
        (
            checks.one_of("none", "all"),
            "ALL",
            "Invalid value ALL for configuration k: String must be one of: none, all",
        ),
        (checks.one_of("none"), None, "Invalid value null for configuration k: String must be one of: none"),
        (checks.one_of_any_case("SSL", "PLAINTEXT"), "ssl", ""),
        (
            checks.one_of_any_case("SSL", "PLAINTEXT"),
            "tls",
            "Invalid value tls for configuration k: String must be one of (case insensitive): SSL, PLAINTEXT",
        ),
        (checks.not_empty, None, ""),
        (checks.not_empty, "", "Invalid value  for configuration k: String must be non-empty"),
        (checks.connector_name, "west->east é", ""),
        (checks.connector_name, None, ""),
        (checks.connector_name, "", "Invalid value  for configuration k: String may not be empty"),
        (
            checks.connector_name,
            "a\x01\x7fb",
            (
                "Invalid value a\x01\x7fb for configuration k: "
                "String may not contain control sequences but had the following ASCII chars: 1, 127"
            ),
        ),
        (checks.items, (), ""),
        (checks.items, ("a", "b"), ""),
        (checks.items, None, "Configuration 'k' values must not be null."),
        (checks.items, ("a", ""), "Configuration 'k' values must not be empty."),
        (checks.items, ("a", "", ""), "Configuration 'k' values must not be duplicated."),
        (checks.some_of("legacy", "new"), ("new", "legacy"), ""),
        (checks.some_of("legacy", "new"), (), MANY_WORDS),
        (checks.some_of("legacy", "new"), ("a", "a"), "Configuration 'k' values must not be duplicated."),
        (
            checks.some_of("legacy", "new"),
            ("new", "old"),
            "Invalid value old for configuration k: String must be one of: legacy, new",
        ),
        (checks.aliases, ("a", "b"), ""),
        (checks.aliases, None, "Invalid value null for configuration k: entry must be non null"),
        (checks.aliases, ("a", "a"), "Invalid value [a, a] for configuration k: Duplicate alias provided."),
        (checks.no_aliases, (), ""),
        (checks.no_aliases, ("a",), "Invalid value [a] for configuration k: Java code that cannot run here"),
    ],
)
def test_checks(check, value, problem):
    assert check("k", value) == problem


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (True, "true"), (7, "7"), (0.5, "0.5"), (("a", "b"), "a,b"), ((), ""), ("x", "x")]
)
def test_values_are_shown(value, text):
    assert checks.shown(value) == text
