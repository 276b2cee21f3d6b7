"""How requests are taken apart, and errors told."""

import pytest
from showing import asking

from heliograph import errors
from heliograph.api.flows.app import status_of
from heliograph.observe.connectors import Conflict, Invalid

ROOT = "/heliograph/v1"
LANES = f"{ROOT}/flows/A->B/lanes"


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "more than once"),
        ("state=asleep", "state"),
        ("colour=red", "colour"),
        ("after=orders", "no page has given"),
    ],
)
def test_a_query_that_is_not_as_declared(client, query, words):
    status, body, _ = client.ask("GET", f"{LANES}?{query}")
    assert (status, body["status"], body["title"], body["exit_code"]) == (400, 400, "Bad Request", 2)
    assert words in body["detail"]


def test_a_path_that_there_is_not(client):
    status, body, headers = client.ask("GET", f"{ROOT}/flaws")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert "openapi.json" in body["detail"]


def test_a_method_that_there_is_not(client):
    status, body, headers = client.ask("DELETE", f"{ROOT}/flows")
    assert (status, body["title"]) == (405, "Method Not Allowed")
    assert set(headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_head_is_a_get_without_a_body(client):
    status, body, headers = client.ask("HEAD", f"{ROOT}/flows")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404),
        (Conflict("x"), 409),
        (Invalid("x"), 400),
        (errors.ConfigError("x"), 400),
        (errors.Unreachable("x"), 502),
        (errors.NotAuthorized("x", right="Read", resource="topic t"), 502),
        (errors.DataError("x"), 500),
    ],
)
def test_the_status_of_an_error(error, status):
    assert status_of(error) == status
