"""The tree of errors: one line each, with the exit code that the command line promises."""

import pytest

from heliograph import errors
from heliograph.errors import HeliographError, NotAuthorized

EXIT_CODES = {
    "HeliographError": 1,
    "NotFound": 1,
    "ConfigError": 2,
    "ConfigErrors": 2,
    "ClusterError": 3,
    "Unreachable": 3,
    "NotKafka": 3,
    "TlsError": 3,
    "AuthenticationFailed": 3,
    "NotAuthorized": 3,
    "ProtocolError": 3,
    "BrokerError": 3,
    "CopiedByOther": 3,
    "DataError": 4,
    "DamagedBatch": 4,
    "TooLarge": 4,
    "RecordsLost": 4,
    "ProofFailed": 5,
    "ProofIncomplete": 6,
}


def test_every_error_has_its_exit_code():
    found = {
        name: each.exit_code
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, HeliographError)
    }
    assert found == EXIT_CODES


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (HeliographError("It is so"), "It is so"),
        (HeliographError("It is so", remedy="Do this"), "It is so. Do this"),
        (HeliographError("two\nlines", remedy="and\n  more"), "two lines. and more"),
        (NotAuthorized("No", right="Read", resource="topic t"), "No. Grant Read on topic t"),
        (NotAuthorized("No", right="Read", resource="topic t", remedy="Ask"), "No. Ask"),
    ],
)
def test_an_error_is_one_line(error, line):
    assert str(error) == line
