from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.jaas import parse_jaas

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
KEY = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE="

ACCEPTED = [
    (f'{PLAIN} required username="token" password="secret";', PLAIN, "token", "secret"),
    (f"{PLAIN} required username=token password={KEY};", PLAIN, "token", KEY),
    (f'{PLAIN} required username="token" password={KEY};', PLAIN, "token", KEY),
    (f"{PLAIN} required username=token password=9starts-with-a-digit;", PLAIN, "token", "9starts-with-a-digit"),
    (f'{PLAIN} required username="token" password="";', PLAIN, "token", ""),
    (f'{PLAIN}  required   username="token"   password="a b";  ', PLAIN, "token", "a b"),
    (f'{PLAIN} required username="token" password="<key with blanks>";', PLAIN, "token", "<key with blanks>"),
    (f"{SCRAM} REQUIRED username='us;er' password='it''s';".replace("''", ""), SCRAM, "us;er", "its"),
    (f'{SCRAM} required username="u" password="a\\"b\\\\c\\n";', SCRAM, "u", 'a"b\\c\n'),
    (f'{PLAIN} required\n username = "u"\n password = "p" ;', PLAIN, "u", "p"),
    (f"{PLAIN} required username=u password=a=b\"c'd;", PLAIN, "u", "a=b\"c'd"),
]
REFUSED = [
    (f"{PLAIN} required ", "does not end in a semicolon"),
    (f'{PLAIN} required username="token" password="secret"', "does not end in a semicolon"),
    (f'{PLAIN} required username="token" password="secret', "quote that is never closed"),
    (f'{PLAIN} username="token" password="secret";', "no flag"),
    (f"{PLAIN} required username=token password=two secret;", "without ="),
    (f"{PLAIN} required username=token password=a;secret;", "goes on behind its semicolon"),
    (f"{PLAIN} required username=token username=secret;", "twice"),
    ("", "login module"),
    (";", "login module"),
    ("secret", "lacks one of required"),
    ("a-b required;", "login module"),
]


@pytest.mark.parametrize(("text", "module", "username", "password"), ACCEPTED)
def test_every_form_seen_in_the_field_is_read(text, module, username, password):
    entry = parse_jaas(text)
    assert entry.module == module
    assert entry.options["username"].reveal() == username
    assert entry.options["password"].reveal() == password


@pytest.mark.parametrize(("text", "problem"), REFUSED)
def test_a_text_that_is_not_whole_is_refused_without_showing_it(text, problem):
    with pytest.raises(ValueError) as refusal:
        parse_jaas(text)
    assert problem in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_options_do_not_show_themselves():
    assert "secret" not in repr(parse_jaas(f"{PLAIN} required username=u password=secret;"))


@given(st.text(max_size=60))
def test_any_password_survives_in_quotes(password):
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_jaas(f'{PLAIN} required username=u password="{quoted}";').options["password"].reveal() == password


@given(st.text(alphabet=" =;\"'\\ab\n", max_size=20))
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        parse_jaas(f"{PLAIN} required {text}")
