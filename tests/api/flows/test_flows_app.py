"""How requests are taken apart, and errors told."""

import pytest
from showing import asking

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
