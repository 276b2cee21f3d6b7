"""Errors as problems (RFC 9457), with the HTTP status that each has."""

from http import HTTPStatus

from heliograph.api.flows.shapes import Problem
from heliograph.errors import ClusterError, ConfigError, HeliographError, NotFound
from heliograph.observe.connectors import Conflict, Invalid


class Busy(HeliographError):
    """As much as may be is going on already."""


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
    match error:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case Invalid() | ConfigError():
            return 400
        case ClusterError():
            return 502
        case Busy():
            return 503
        case _:
            return 500
