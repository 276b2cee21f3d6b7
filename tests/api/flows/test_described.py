"""Schemas have the words of the source."""

from enum import StrEnum

import msgspec

from heliograph.api.flows.described import schemas_of


class Colour(StrEnum):
    """How it looks."""

    RED = "red"
    """As blood."""
    BLUE = "blue"


class Inner(msgspec.Struct):
    """What lies within."""

    size: int
    """In ``bytes``; None: not known."""
    plain: str = ""


class Outer(msgspec.Struct):
    """What others see.

    Over two paragraphs.
    """

    inner: dict[str, tuple[Inner, ...]]
    colours: list[Colour]
    """All of them."""
    single: Colour | None = None


def test_fields_and_values_have_their_docstrings():
    found = schemas_of([Outer])
    assert list(found) == ["Colour", "Inner", "Outer"]
    assert found["Outer"]["description"] == "What others see.\n\nOver two paragraphs."
    assert found["Outer"]["properties"]["colours"]["description"] == "All of them."
    assert found["Outer"]["required"] == ["inner", "colours"]
    assert found["Inner"]["properties"]["size"] == {"type": "integer", "description": "In `bytes`; null: not known."}
    assert "description" not in found["Inner"]["properties"]["plain"]
    assert found["Colour"]["description"] == "How it looks.\n\n`red`: As blood."
    assert set(found["Colour"]["enum"]) == {"red", "blue"}
