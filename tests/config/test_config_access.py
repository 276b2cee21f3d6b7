"""The file that says who may do what: what it allows, and that its mistakes are told by line."""

import fnmatch
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.config.access import Access, Role, matches, parse_access
from heliograph.config.passwords import keep, keep_token
from heliograph.errors import ConfigError, HeliographError

KEPT = str(keep("correct horse", bytes(16)))
TOKEN = keep_token("a token")
FILE = f"""
# who may
user alice {KEPT}   # with a comment
user "bob b" {KEPT}
token deploy {TOKEN}
allow alice admin *
allow "bob b" read payments-* west->east
allow deploy operate payments-* logs
allow "certificate:CN=ops,O=Example Ltd" read *
allow oidc-group:payments operate payments-*
allow certificate:* read logs
"""


def parsed(text: str) -> Access:
    return parse_access(text.encode(), Path("who.conf"))


ACCESS = parsed(FILE)


@pytest.mark.parametrize(
    ("who", "names", "role"),
    [
        ("alice", ["anything"], Role.ADMIN),
        ("bob b", ["payments-source"], Role.READ),
        ("bob b", ["other", "west->east"], Role.READ),
        ("bob b", ["other", "east->west"], None),
        ("bob b", ["xpayments-"], None),
        ("deploy", ["payments-source"], Role.OPERATE),
        ("certificate:CN=ops,O=Example Ltd", ["payments-source"], Role.READ),
        ("certificate:CN=other", ["payments-source"], None),
        ("certificate:CN=other", ["logs"], Role.READ),
        ("oidc-group:payments", ["payments-source"], Role.OPERATE),
        ("oidc:alice", ["payments-source"], None),
        ("certificate:alice", ["payments-source"], None),
        ("mallory", ["payments-source"], None),
        ("anonymous", ["payments-source"], None),
        ("ALICE", ["anything"], None),
    ],
)
def test_what_is_allowed(who, names, role):
    assert ACCESS.role([who], *names) == role


def test_the_most_that_any_name_may_counts():
    assert ACCESS.role(["bob b", "oidc-group:payments"], "payments-source") is Role.OPERATE


def test_everything_is_only_what_is_written_so():
    assert ACCESS.role_everywhere(["alice"]) is Role.ADMIN
    assert ACCESS.role_everywhere(["deploy"]) is None


def test_everybody_is_everybody_who_is_known():
    access = parsed("allow * read *")
    assert access.role(["oidc:x"], "a") is Role.READ
    assert access.role(["anonymous"], "a") is None
    assert not access.knows(["anonymous"])
    assert parsed("allow anonymous read *").role(["anonymous"], "a") is Role.READ


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("grant alice admin *", "must begin with user, token or allow"),
        ("user alice", "must be user NAME scrypt:..."),
        ("user alice hunter2", "needs scrypt:14:8:1:SALT:HASH"),
        (f"user oidc:alice {KEPT}", "without : and *"),
        ("token deploy hunter2", "needs sha256: and 64 digits"),
        (f"token more {TOKEN}", "has a token that stands there already"),
        (f"user alice {KEPT}", "names the user alice twice"),
        ("allow alice write *", "has 'write' where read, operate or admin must stand"),
        ("allow alice admin", "must be allow WHO ROLE WHAT..."),
        ("allow alcie admin *", "allows something to alcie, who is no user"),
        ("allow ldap:alice admin *", "may stand in front of a name"),
        ('allow "alice admin *', "has a quote that is never closed"),
    ],
)
def test_a_mistake_is_told_by_its_line(line, told):
    with pytest.raises(ConfigError) as refused:
        parsed(FILE + line)
    assert "who.conf:12 " in str(refused.value)
    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_all_mistakes_are_told():
    with pytest.raises(HeliographError) as refused:
        parsed("allow a\nuser b\nallow anonymous read *")
    assert str(refused.value).count("who.conf:") == 2


def test_a_file_that_allows_nothing_is_a_mistake():
    with pytest.raises(ConfigError, match="allows nothing to anybody"):
        parsed("# nothing yet")


NAMES = st.text(st.sampled_from("ab*-"), max_size=8)


@given(NAMES, NAMES)
def test_a_star_stands_for_any_characters(pattern, text):
    assert matches(pattern, text.replace("*", "c")) == fnmatch.fnmatchcase(text.replace("*", "c"), pattern)


def test_many_stars_take_no_square_of_time():
    assert not matches("a*" * 500 + "b", "a" * 4000)
