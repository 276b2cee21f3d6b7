"""Errors as problems."""

import pytest

from heliograph import errors
from heliograph.api.flows.problems import Busy, problem, problem_of, status_of
from heliograph.observe.connectors import Conflict, Invalid


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404),
        (Conflict("x"), 409),
        (errors.CopiedByOther("x", code=23), 409),
        (Invalid("x"), 400),
        (errors.ConfigError("x"), 400),
        (errors.Unreachable("x"), 502),
        (errors.NotAuthorized("x", right="Read", resource="topic t"), 502),
        (Busy("x"), 503),
        (errors.DataError("x"), 500),
    ],
)
def test_the_status_of_an_error(error, status):
    assert status_of(error) == status


def test_a_problem_has_all_that_the_error_says():
    told = problem_of(errors.NotAuthorized("No", right="Read", resource="topic t"))
    assert (told.status, told.title, told.detail) == (502, "Bad Gateway", "No")
    assert (told.remedy, told.error, told.exit_code) == ("Grant Read on topic t", "NotAuthorized", 3)
    assert problem(400, "words").title == "Bad Request"
