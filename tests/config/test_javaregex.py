"""The meaning of each pattern was found by running it in Java 17 (``Pattern.compile(p).matcher(n).matches()``)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.javaregex import (
    LENGTH_MAX,
    compile_java,
    compile_java_list,
    looks_like_glob,
)
from heliograph.errors import ConfigError

NAMES = ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab', 'A', 'B', 'k', 'K', '\u212a', 'orders', 'Orders', 'ORDERS', 'products', 'kp-', 'kp--', 'kp', 'kp-topic-1', 'foo.bar', 'fooxbar', 'a.b', 'a.b.b', 'axb', 'a|b', 'x', 'xx', 'xxx', 'a-b', '-', ']', '}', ':alph', '__x', 'x-internal', 'x.internal', 'mm2-internal', '\xe9', '1', 'a_1', '\n', 'a\n', ' ', '&', 'a&b', 'bd', '', 'cd', '_']

# pattern, the names that it matches or (None) the names that it does not
JAVA = [
    ('.*', None, ['\n', 'a\n']),
    ('products', ['products'], None),
    ('kp-*', ['kp-', 'kp--', 'kp'], None),
    ('kp-.*', ['kp-', 'kp--', 'kp-topic-1'], None),
    ('foo.bar', ['foo.bar', 'fooxbar'], None),
    ('foo\\.bar', ['foo.bar'], None),
    ('a|b', ['a', 'b'], None),
    ('(?i)Orders', ['orders', 'Orders', 'ORDERS'], None),
    ('(?i:o)rders', ['orders', 'Orders'], None),
    ('(?i)a|B', ['a', 'b', 'A', 'B'], None),
    ('a|(?i)b', ['a', 'b', 'B'], None),
    ('(?-i)Orders', ['Orders'], None),
    ('[a-z&&[^bc]]+', ['a', 'aa', 'k', 'orders', 'kp', 'x', 'xx', 'xxx'], None),
    ('[a-z&&b-d]+', ['b', 'c', 'bd', 'cd'], None),
    ('[a[bc]]+', ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab'], None),
    ('[^a[b]]', ['c', 'A', 'B', 'k', 'K', '\u212a', 'x', '-', ']', '}', '\xe9', '1', '\n', ' ', '&', '_'], None),
    ('[a-c&&[b-d]&&[c-e]]', ['c'], None),
    ('(?i)[A-C&&[^b]]+', ['a', 'c', 'ac', 'aa', 'A'], None),
    ('\\Qa.b\\E', ['a.b'], None),
    ('\\Qa.b\\E*', ['a.b'], None),
    ('\\Qa|b', ['a|b'], None),
    ('a*+a', [], None),
    ('a*+', ['a', 'aa', ''], None),
    ('a++b', ['ab', 'aab'], None),
    ('(?>a|ab)c', ['ac'], None),
    ('(?>ab|a)c', ['ac', 'abc'], None),
    ('\\p{Alpha}+', ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab', 'A', 'B', 'k', 'K', 'orders', 'Orders', 'ORDERS', 'products', 'kp', 'fooxbar', 'axb', 'x', 'xx', 'xxx', 'bd', 'cd'], None),
    ('\\p{Lower}+', ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab', 'k', 'orders', 'products', 'kp', 'fooxbar', 'axb', 'x', 'xx', 'xxx', 'bd', 'cd'], None),
    ('\\P{Alpha}+', ['\u212a', '-', ']', '}', '\xe9', '1', '\n', ' ', '&', '_'], None),
    ('\\p{L}+', None, ['kp-', 'kp--', 'kp-topic-1', 'foo.bar', 'a.b', 'a.b.b', 'a|b', 'a-b', '-', ']', '}', ':alph', '__x', 'x-internal', 'x.internal', 'mm2-internal', '1', 'a_1', '\n', 'a\n', ' ', '&', 'a&b', '', '_']),
    ('\\pL+', None, ['kp-', 'kp--', 'kp-topic-1', 'foo.bar', 'a.b', 'a.b.b', 'a|b', 'a-b', '-', ']', '}', ':alph', '__x', 'x-internal', 'x.internal', 'mm2-internal', '1', 'a_1', '\n', 'a\n', ' ', '&', 'a&b', '', '_']),
    ('\\p{IsLatin}+', None, ['kp-', 'kp--', 'kp-topic-1', 'foo.bar', 'a.b', 'a.b.b', 'a|b', 'a-b', '-', ']', '}', ':alph', '__x', 'x-internal', 'x.internal', 'mm2-internal', '1', 'a_1', '\n', 'a\n', ' ', '&', 'a&b', '', '_']),
    ('\\p{javaLowerCase}+', ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab', 'k', 'orders', 'products', 'kp', 'fooxbar', 'axb', 'x', 'xx', 'xxx', '\xe9', 'bd', 'cd'], None),
    ('\\p{IsAlphabetic}+', None, ['kp-', 'kp--', 'kp-topic-1', 'foo.bar', 'a.b', 'a.b.b', 'a|b', 'a-b', '-', ']', '}', ':alph', '__x', 'x-internal', 'x.internal', 'mm2-internal', '1', 'a_1', '\n', 'a\n', ' ', '&', 'a&b', '', '_']),
    ('\\w+', None, ['\u212a', 'kp-', 'kp--', 'kp-topic-1', 'foo.bar', 'a.b', 'a.b.b', 'a|b', 'a-b', '-', ']', '}', ':alph', 'x-internal', 'x.internal', 'mm2-internal', '\xe9', '\n', 'a\n', ' ', '&', 'a&b', '']),
    ('\\d', ['1'], None),
    ('[\\d-]+', ['-', '1'], None),
    ('[\\w.-]+', None, ['\u212a', 'a|b', ']', '}', ':alph', '\xe9', '\n', 'a\n', ' ', '&', 'a&b', '']),
    ('[]a]+', ['a', 'aa', ']'], None),
    ('[^]a]+', None, ['a', 'ab', 'ac', 'abc', 'aa', 'aab', 'foo.bar', 'fooxbar', 'a.b', 'a.b.b', 'axb', 'a|b', 'a-b', ']', ':alph', 'x-internal', 'x.internal', 'mm2-internal', 'a_1', 'a\n', 'a&b', '']),
    ('[a-]+', ['a', 'aa', '-'], None),
    ('[-a]+', ['a', 'aa', '-'], None),
    ('[a&b]+', ['a', 'b', 'ab', 'aa', 'aab', '&', 'a&b'], None),
    ('x{2}', ['xx'], None),
    ('x{2,}', ['xx', 'xxx'], None),
    ('(.)\\1', ['aa', 'xx'], None),
    ('(?<c>.)\\k<c>', ['aa', 'xx'], None),
    ('(?!__).*', None, ['__x', '\n', 'a\n']),
    ('.*(?<!-internal)', None, ['x-internal', 'mm2-internal', '\n', 'a\n']),
    ('^a$', ['a'], None),
    ('a$', ['a'], None),
    ('.', ['a', 'b', 'c', 'A', 'B', 'k', 'K', '\u212a', 'x', '-', ']', '}', '\xe9', '1', ' ', '&', '_'], None),
    ('(?s).', ['a', 'b', 'c', 'A', 'B', 'k', 'K', '\u212a', 'x', '-', ']', '}', '\xe9', '1', '\n', ' ', '&', '_'], None),
    ('\\x41|\\u0042|\\0101', ['A', 'B'], None),
    (']', [']'], None),
    ('}', ['}'], None),
    ('a\\-b', ['a-b'], None),
    ('(a)|b\\1', ['a'], None),
    ('[[:alpha:]]+', ['a', 'aa', ':alph'], None),
    ('\\bab\\b', ['ab'], None),
    ('.*\\bab\\b.*', ['ab'], None),
    ('(?=a).b', ['ab'], None),
    ('\\h', [' '], None),
    ('[^\\W_]+', ['a', 'b', 'c', 'ab', 'ac', 'abc', 'aa', 'aab', 'A', 'B', 'k', 'K', 'orders', 'Orders', 'ORDERS', 'products', 'kp', 'fooxbar', 'axb', 'x', 'xx', 'xxx', '1', 'bd', 'cd'], None),
    ('k', ['k'], None),
    ('(?i)k', ['k', 'K'], None),
    ('.*[-.]internal', ['x-internal', 'x.internal', 'mm2-internal'], None),
    ('x*?x{1,3}+', ['x', 'xx', 'xxx'], None),
]

# pattern, whether Java accepts it, what the refusal names
REFUSED = [
    ("*", False, "nothing to repeat"),
    ("*-topic", False, "Write .* for any text"),
    ("a**", False, "another quantifier"),
    ("a{", False, "not a repetition"),
    ("[a", False, "not closed"),
    ("(a", False, "not closed"),
    ("a)", False, "no ( before"),
    ("[b-a]", False, "backwards"),
    (r"\y", False, r"\y"),
    (r"\E", False, r"\E"),
    ("(?z)a", False, "(?z)"),
    (r"\p{Foo}", False, r"\p{Foo}"),
    ("a{2,1}", False, "{2,1}"),
    ("a\\", False, "backslash"),
    ("[a&&]", True, "&&"),
    ("[&&a]", True, "&&"),
    ("(?x)a", True, "COMMENTS"),
    ("(?m)^a", True, "MULTILINE"),
    ("(?u)a", True, "UNICODE_CASE"),
    ("(?U)a", True, "UNICODE_CHARACTER_CLASS"),
    ("(?d)a", True, "UNIX_LINES"),
    (r"\Ga", True, r"\G"),
    (r"\X", True, r"\X"),
    (r"\p{InGreek}", True, r"\p{InGreek}"),
    (r"\p{javaMirrored}", True, r"\p{javaMirrored}"),
    (r"(?i)\p{Lu}", True, r"\p{Lu}"),
    (r"\b{g}", True, r"\b{g}"),
    (r"\R+", True, r"\R"),
    (r"\2", True, "no group 2"),
    (r"(?i)(a)\1", True, "back-reference"),
    (r"\N{DIGIT ONE}", True, r"\N"),
]


@pytest.mark.parametrize(("pattern", "matched", "unmatched"), JAVA, ids=[row[0] for row in JAVA])
def test_a_pattern_matches_exactly_the_names_that_it_matches_in_java(pattern, matched, unmatched):
    expected = matched if matched is not None else [name for name in NAMES if name not in unmatched]
    assert [name for name in NAMES if compile_java(pattern).fullmatch(name)] == expected


@pytest.mark.parametrize(("pattern", "java_accepts", "named"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_the_same_is_refused_by_name(pattern, java_accepts, named):
    with pytest.raises(ConfigError) as refusal:
        compile_java(pattern)
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_items_of_a_list_are_joined_as_in_mm2():
    assert compile_java_list(()) is None
    joined = compile_java_list(("(?i)orders", "items"))
    assert joined is not None
    assert joined.fullmatch("ITEMS")
    assert not joined.fullmatch("orders2")
    # An unclosed \\Q reaches over the rest of the list, in Java as here.
    quoted = compile_java_list((r"\Qa", "b"))
    assert quoted is not None
    assert quoted.fullmatch("a|b")
    assert not quoted.fullmatch("b")


def test_patterns_and_their_nesting_have_limits():
    for pattern in ("a" * (LENGTH_MAX + 1), "(" * 60 + ")" * 60, "[" * 60 + "a" + "]" * 60, "a{200000}"):
        with pytest.raises(ConfigError):
            compile_java(pattern)


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [("kp-*", True), ("topic-name-A*", True), ("kp-.*", False), (".*", False), ("a+", False), ("products", False), ("(ab)*", False)],
)
def test_a_wildcard_of_file_names_is_recognised(pattern, glob):
    assert looks_like_glob(pattern) is glob


@given(st.text(alphabet="ab.-[]^&|()*+?{}12,\\QEdwpi:!=<>", max_size=12))
def test_any_text_compiles_or_is_refused_in_one_line(pattern):
    try:
        compile_java(pattern)
    except ConfigError as refusal:
        assert "\n" not in str(refusal)


@given(st.text(max_size=20))
def test_quoted_text_matches_itself_only(text):
    quoted = text.replace("\\E", "")
    if quoted.endswith("\\") or any(0xD800 <= ord(char) < 0xE000 for char in quoted):
        return
    pattern = compile_java(f"\\Q{quoted}\\E")
    assert pattern.fullmatch(quoted)
    assert not pattern.fullmatch(quoted + "x")
