import re

import pytest
from kio.schema.errors import ErrorCode

from heliograph.wire import errors as codes
from heliograph.wire.errors import TABLE, After, meaning

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
