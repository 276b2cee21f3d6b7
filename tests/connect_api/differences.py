"""Where Heliograph's answers differ from Kafka Connect's, and why: held against both by test_same_as_connect.py.

``python docs/generate.py`` writes the table into docs/connect.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is answered otherwise, in some steps of the list of requests."""

    what: str
    theirs: str
    ours: str
    why: str
    aspects: tuple[str, ...]
    """``status``, ``message`` of an error, ``body`` of anything else, or a header."""
    steps: tuple[str, ...]
    """All of them differ in each of the aspects."""


DIFFERENCES: tuple[Difference, ...] = ()
