"""Passwords as they are kept: read back, tried, and nothing of them shown."""

import pytest

from heliograph.config.passwords import SALT_BYTES, keep, keep_token, read_kept

SALT = bytes(range(SALT_BYTES))
KEPT = keep("correct horse", SALT)


def test_what_is_written_is_read_and_only_the_password_fits():
    read = read_kept(str(KEPT))
    assert read == KEPT
    assert read.fits("correct horse")
    assert not read.fits("correct horsf")
    assert not read.fits("")


def test_nothing_of_it_is_shown():
    assert str(KEPT).split(":")[-1] not in repr(KEPT)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "hunter2",
        "scrypt:14:8:1:AAAA",
        "bcrypt:14:8:1:AAAA:AAAA",
        "scrypt:x:8:1:AAAA:AAAA",
        "scrypt:13:8:1:AAAA:AAAA",
        "scrypt:40:8:1:AAAA:AAAA",
        "scrypt:14:999999999999:1:AAAA:AAAA",
        "scrypt:14:8:0:AAAA:AAAA",
        "scrypt:14:8:1:hunter2!:AAAA",
        "scrypt:14:8:1:AAAA:AAAA",
        str(KEPT)[:-4],
    ],
)
def test_what_is_no_kept_password_is_refused_and_not_shown(wrong):
    with pytest.raises(ValueError) as refused:
        read_kept(wrong)
    assert "hunter2" not in str(refused.value)


def test_a_token_is_kept_as_its_digest():
    assert keep_token("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
