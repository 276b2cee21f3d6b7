import pytest
from kio.schema.errors import ErrorCode

from heliograph.wire import errors as codes
from heliograph.wire.errors import TABLE, After, meaning

NAMED = [(name, value) for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_the_table_agrees_with_kafkas_own(row):
    known = ErrorCode(row.code)
    assert row.name.replace("_", "").lower() == known.name.replace("_", "").lower()
    assert row.prose
    if row.code not in (-1,):  # Kafka's clients give up on it; a broker's hiccup is worth another try
        assert row.retriable == known.retriable or row.code in (27, 79), row


@pytest.mark.parametrize(("name", "value"), [each for each in NAMED if each[0] != "TABLE"])
def test_every_named_code_is_in_the_table(name, value):
    assert TABLE[value].name == name


def test_an_unknown_code_is_final_and_says_its_number():
    found = meaning(9_999)
    assert not found.retriable
    assert found.after is After.NOTHING
    assert "9999" in found.prose
