import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from heliograph.observe.screen import Piece, Screen, crop, joined, left, right, to_ascii


@pytest.mark.parametrize(
    ("words", "width", "cropped"),
    [
        ("orders", 6, "orders"),
        ("orders", 5, "orde…"),
        ("orders", 1, "…"),
        ("orders", 0, ""),
        ("two\nlines\x1b[2J", 20, "two lines [2J"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日 …"),
    ],
)
def test_cropping(words, width, cropped):
    assert crop(words, width) == cropped
    assert cell_len(crop(words, width)) <= width


def test_edges():
    assert left("ab", 4) == "ab  "
    assert right("ab", 4) == "  ab"
    assert left("日本", 5) == "日本 "
    assert right("abcdef", 4) == "abc…"


def test_what_does_not_fit_in_a_row_is_left_out():
    pieces = (Piece("one"), Piece("two"), Piece("three"))
    assert "".join(piece.text for piece in joined(pieces, 16)) == " one  two  three"
    assert "".join(piece.text for piece in joined(pieces, 15)) == " one  two"
    assert "".join(piece.text for piece in joined(pieces, 3)) == " o…"


SCREEN = Screen(((Piece("a · b…", "bold red"), Piece("▁█")), (), (Piece("end"),)))


def draw(encoding, **options):
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=20, **options)
    console.print(SCREEN, end="")
    console.file.flush()
    return raw.getvalue().decode(encoding)


def test_drawing():
    assert draw("utf-8", force_terminal=True, color_system="standard") == "\x1b[1;31ma · b…\x1b[0m▁█\n\nend\n"
    assert (
        draw("utf-8", force_terminal=True, color_system="standard", no_color=True) == "\x1b[1ma · b…\x1b[0m▁█\n\nend\n"
    )
    assert draw("utf-8") == "a · b…▁█\n\nend\n"


def test_drawing_without_unicode():
    assert draw("ascii") == "a - b~.#\n\nend\n"
    assert to_ascii("Zürich") == "Z?rich"


def test_to_text():
    assert SCREEN.to_text() == "a · b…▁█\n\nend"
