import re

import pytest
from kio.schema.errors import ErrorCode

from heliograph.errors import BrokerError, NotAuthorized
from heliograph.wire import errors as codes
from heliograph.wire.errors import NOT_AUTHORIZED, TABLE, After, error_of, meaning

NAMED = [
    (name, value)
    for name, value in vars(codes).items()
    if re.fullmatch("[A-Z][A-Z_]+", name) and isinstance(value, int)
]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_the_table_agrees_with_kafkas_own(row):
    known = ErrorCode(row.code)
    assert row.name.replace("_", "").lower() == known.name.replace("_", "").lower()
    assert row.prose
    # Kafka's consumers and producers never meet the others, or give up on them where another try costs us nothing.
    assert row.retriable == known.retriable or row.code in (-1, 8, 27, 60, 77, 79), row


@pytest.mark.parametrize(("name", "value"), NAMED)
def test_every_named_code_is_in_the_table(name, value):
    assert TABLE[value].name == name


def test_an_unknown_code_is_final_and_says_its_number():
    found = meaning(9_999)
    assert not found.retriable
    assert found.after is After.NOTHING
    assert "9999" in found.prose


@pytest.mark.parametrize("code", NOT_AUTHORIZED)
def test_a_missing_permission_says_what_to_grant(code):
    error = error_of(code, "read t on one", "topic t on one", right="Read")
    assert isinstance(error, NotAuthorized)
    assert str(error).startswith("Cannot read t on one: ")
    assert "Grant Read on topic t on one" in str(error)


def test_any_other_code_keeps_its_number_and_the_brokers_own_words_come_first():
    error = error_of(codes.INVALID_CONFIG, "create topic t on one", said="segment.bytes is too small")
    assert isinstance(error, BrokerError)
    assert error.code == codes.INVALID_CONFIG
    assert str(error) == "Cannot create topic t on one: segment.bytes is too small (INVALID_CONFIG)"
    assert TABLE[codes.INVALID_CONFIG].prose in str(error_of(codes.INVALID_CONFIG, "create it"))
