"""Records in canonical form: where they end, what their fields are, how they look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proof_world import log_of

from heliograph.proof.entries import Entry, altered_fields, ends, fields_of, is_tombstone, key_of, shown
from heliograph.records import Record, canonical, scan

payloads = st.none() | st.binary(max_size=20)
records_given = st.lists(
    st.builds(
        Record,
        st.just(0),
        st.integers(-1, 2**62),
        payloads,
        payloads,
        st.lists(st.tuples(st.text(max_size=4), payloads), max_size=3).map(tuple),
    ),
    max_size=20,
)


def contents_of(rows, *, timestamps: bool) -> list[bytes]:
    log = log_of(rows)
    found = []
    for run in scan(log, 0, len(log), 0, small_bytes=0).runs:
        content = canonical(log, run, 0, timestamps=timestamps).content
        at = 0
        for end in ends(content, 0, timestamps=timestamps):
            found.append(content[at:end])
            at = end
        assert at == len(content)
    return found


@given(records_given, st.booleans())
def test_records_come_apart_as_they_were_put_together(rows, timestamps):
    contents = contents_of(rows, timestamps=timestamps)
    assert len(contents) == len(rows)
    for row, content in zip(rows, contents, strict=True):
        fields = fields_of(content, timestamps=timestamps)
        assert fields.timestamp_ms == (row.timestamp if timestamps else None)
        assert (fields.key, fields.value) == (row.key, row.value)
        assert fields.headers == tuple((name.encode(), held) for name, held in row.headers)
        assert key_of(content, timestamps=timestamps) == row.key
        assert is_tombstone(content, timestamps=timestamps) == (row.value is None)


def test_altered_fields_are_named():
    one, other = contents_of([Record(0, 1, b"k", b"v"), Record(0, 2, b"k", b"w", (("h", None),))], timestamps=True)
    assert altered_fields(one, other, timestamps=True) == ("value", "headers", "timestamp")
    assert altered_fields(one, one, timestamps=True) == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, None),
        (b"", ""),
        (b"plain", "plain"),
        ("grün ✓".encode(), "grün ✓"),
        (b"two\nlines\t\\", "two\\nlines\\t\\"),
        (b"\x00\xff", "0x00ff"),
        (b"\x1b[31m", "0x1b5b33316d"),
        (b"x" * 61, "x" * 60 + "... (61 bytes)"),
        (b"\xff" * 31, "0x" + "ff" * 30 + "... (31 bytes)"),
        ("é".encode() * 500, "é" * 60 + "... (1,000 bytes)"),
        (b"a" + "✓".encode() * 100, "a" + "✓" * 59 + "... (301 bytes)"),
    ],
)
def test_bytes_are_shown_as_text_or_digits_and_never_at_length(content, text):
    (made,) = contents_of([Record(0, 5, content, None)], timestamps=True)
    seen = shown(Entry(9, made), timestamps=True)
    assert (seen.offset, seen.timestamp_ms, seen.key, seen.value, seen.headers) == (9, 5, text, None, ())
