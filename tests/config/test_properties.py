r"""What each file means was found by loading the same bytes with ``java.util.Properties`` of Java 17."""

from pathlib import Path

import javaproperties
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.properties import BYTES_MAX, parse_properties, read_properties
from heliograph.errors import ConfigError

PATH = Path("mm2.properties")
JAVA = [
    (rb"topics.exclude=.*[\-\.]internal", {"topics.exclude": ".*[-.]internal"}),
    (rb"topics=foo\.bar", {"topics": "foo.bar"}),
    (rb"topics=foo\\.bar", {"topics": r"foo\.bar"}),
    (b"clusters: west-1, east-1", {"clusters": "west-1, east-1"}),
    (b"clusters west, east", {"clusters": "west, east"}),
    (b"clusters = a,b", {"clusters": "a,b"}),
    (b"clusters\t=\ta,b", {"clusters": "a,b"}),
    (b"clusters\x0c:\x0ca", {"clusters": "a"}),
    (b"a = = b", {"a": "= b"}),
    (b"a : = b", {"a": "= b"}),
    (b"a b = c", {"a": "b = c"}),
    (rb"a\ b=c", {"a b": "c"}),
    (rb"a\=b=c", {"a=b": "c"}),
    (rb"a\:b:c", {"a:b": "c"}),
    (rb"a\\=b", {"a\\": "b"}),
    (b"a->b.enabled = true", {"a->b.enabled": "true"}),
    (b"a=1\na=2\n", {"a": "2"}),
    (b"a=b   \nc=d", {"a": "b   ", "c": "d"}),
    (b"   a=b", {"a": "b"}),
    (b"a=b # no comment", {"a": "b # no comment"}),
    (b"  # comment\n\t! comment\na=b", {"a": "b"}),
    (b"# comment \\\na=b", {"a": "b"}),
    (b"a=b \\\n   c \\\n   d", {"a": "b c d"}),
    (b"a=b\\\n# not a comment", {"a": "b# not a comment"}),
    (b"a=b\\\n\nc=d", {"a": "b", "c": "d"}),
    (b"\\\n#comment\na=b", {"a": "b"}),
    (b"a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
    (b"a=b\\", {"a": "b"}),
    (b"a\\\n  b=c", {"ab": "c"}),
    (b"a=1\rb=2\r\nc=3", {"a": "1", "b": "2", "c": "3"}),
    (b"a=1\\\r\n 2", {"a": "12"}),
    (b"a", {"a": ""}),
    (b"a=", {"a": ""}),
    (b"=b", {"": "b"}),
    (b"", {}),
    (b"\n \n", {}),
    (rb"a=\t\n\r\f\q", {"a": "\t\n\r\x0cq"}),
    (rb"a=\u0041\u00e9", {"a": "A\u00e9"}),
    (rb"a=\uD83D\uDE00", {"a": "\U0001f600"}),
    (b"a=\xe9", {"a": "\u00e9"}),
    ("a=\u00e9".encode(), {"a": "\u00c3\u00a9"}),
    (b"a=x\x85y\x1cz", {"a": "x\x85y\x1cz"}),
]


@pytest.mark.parametrize(("content", "expected"), JAVA, ids=[repr(row[0]) for row in JAVA])
def test_a_file_means_what_it_means_in_java(content, expected):
    assert {key: entry.value for key, entry in parse_properties(content, PATH).entries.items()} == expected


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=6))
def test_what_another_library_writes_is_read_back(values):
    values = {key: value for key, value in values.items() if not any(0xD800 <= ord(c) < 0xE000 for c in key + value)}
    content = javaproperties.dumps(values, timestamp=False).encode("latin-1")
    assert {key: entry.value for key, entry in parse_properties(content, PATH).entries.items()} == values


def test_each_key_knows_its_line():
    file = parse_properties(b"# one\n\na=1\nb=2 \\\n  3\n\nc=4\\\n\\\n5\nd=6", PATH)
    assert {key: entry.line for key, entry in file.entries.items()} == {"a": 3, "b": 4, "c": 7, "d": 10}
    assert file.where(7) == "mm2.properties:7"


def test_a_key_that_stands_twice_keeps_the_loser_in_sight():
    file = parse_properties(b"a=1\nb=2\na=3", PATH)
    assert [(entry.value, entry.line) for entry in file.overridden] == [("1", 1)]
    assert file.entries["a"].line == 3


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a=1\nb=\xc3\xa9", 2), (b"a=\xe9", None), (b"a=b", None), (b"a=\xc3\xa9\xff", None)],
)
def test_utf8_is_noticed(content, line):
    assert parse_properties(content, PATH).utf8_line == line


@pytest.mark.parametrize("content", [rb"a=\u12", rb"a=\uZZZZ", b"a=1\n" + rb"\u00e=2", rb"a=\u 123"])
def test_a_malformed_unicode_escape_is_refused_with_its_line(content):
    with pytest.raises(ConfigError, match=r"mm2\.properties:[12] has a backslash and a u"):
        parse_properties(content, PATH)


def test_files_that_cannot_be_read_are_named(tmp_path):
    missing = tmp_path / "missing.properties"
    with pytest.raises(ConfigError, match=r"missing\.properties does not exist"):
        read_properties(missing)
    with pytest.raises(ConfigError, match="is a directory"):
        read_properties(tmp_path)
    large = tmp_path / "large.properties"
    large.write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        read_properties(large)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_properties(large / "below")
