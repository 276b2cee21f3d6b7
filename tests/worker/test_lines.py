"""A stream of bytes, cut into lines."""

from hypothesis import given
from hypothesis import strategies as st

from heliograph.worker.lines import LineSplitter


def fed(pieces: list[bytes], limit: int) -> list[str]:
    splitter = LineSplitter(limit)
    return [*(line for piece in pieces for line in splitter.feed(piece)), *splitter.end()]


def test_lines_come_whole_however_they_are_cut():
    assert fed([b"one\ntw", b"o\n", b"\nthree"], 100) == ["one", "two", "", "three"]


def test_a_character_that_is_no_utf8_does_not_stop_the_rest():
    assert fed([b"\xff\nnext\n"], 100) == ["\N{REPLACEMENT CHARACTER}", "next"]


def test_a_line_that_is_too_long_comes_in_parts():
    assert fed([b"12345", b"67890", b"12\nnext\n"], 4) == ["1234", "5678", "9012", "next"]


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 10))
def test_nothing_is_lost_and_nothing_is_kept_for_long(pieces, limit):
    splitter = LineSplitter(limit)
    said = []
    for piece in pieces:
        said += splitter.feed(piece)
        assert len(splitter._rest) <= limit
    said += splitter.end()
    whole = b"".join(pieces).replace(b"\n", b"").decode(errors="replace")
    if whole.isascii():
        assert "".join(said) == whole
