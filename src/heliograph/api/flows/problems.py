"""Errors as problems (RFC 9457), with the HTTP status that each has."""

from collections.abc import Mapping
from http import HTTPStatus

from heliograph.api.flows.shapes import Problem
from heliograph.errors import ClusterError, ConfigError, CopiedByOther, HeliographError, NotFound
from heliograph.observe.connectors import Conflict, Forbidden, Invalid


class Busy(HeliographError):
    """As much as may be is going on already."""


_STATUSES: Mapping[type[HeliographError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    CopiedByOther: 409,
    Invalid: 400,
    ConfigError: 400,
    ClusterError: 502,
    Busy: 503,
}


def problem(status: int, detail: str) -> Problem:
    """Return what is told of a request that is wrong itself."""
    return Problem(status, HTTPStatus(status).phrase, detail)


def problem_of(error: HeliographError) -> Problem:
    """Return how an error is told."""
    status = status_of(error)
    kind = type(error).__name__
    return Problem(status, HTTPStatus(status).phrase, error.message, error.remedy, kind, error.exit_code)


def status_of(error: HeliographError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)
