import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.wire.primitives import read_count, read_string, string


@given(st.text(max_size=100))
def test_a_string_is_read_as_written(text):
    raw = b"xx" + string(text) + b"yy"
    assert read_string(raw, 2) == (text, len(raw) - 2)


def test_null_and_short_strings():
    assert read_string(b"\xff\xff", 0) == (None, 2)
    with pytest.raises(ValueError, match="text of 5 bytes"):
        read_string(b"\0\x05abcd", 0)


def test_counts():
    assert read_count(b"\xff\xff\xff\xff", 0, 4) == (0, 4)
    assert read_count(b"\0\0\0\x02" + bytes(8), 0, 4) == (2, 4)
    with pytest.raises(ValueError, match="array of 3"):
        read_count(b"\0\0\0\x03" + bytes(8), 0, 4)
