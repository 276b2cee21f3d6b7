"""What each route shows."""

from urllib.parse import quote

import pytest
from showing import FLOWS, asking

ROOT = "/heliograph/v1"
LANES = f"{ROOT}/flows/A->B/lanes"


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


def got(client, path):
    status, body, headers = client.ask("GET", path)
    assert status == 200, body
    assert headers["content-type"] == "application/json"
    return body


def test_the_process(client):
    found = got(client, ROOT)
    assert (found["version"], found["kernel"], found["rss_bytes"], found["workers"]) == (
        "1.2.3",
        "compiled",
        1_000_000,
        [],
    )


def test_all_flows(client):
    flows = got(client, f"{ROOT}/flows")["flows"]
    assert [(flow["name"], flow["state"], flow["cause"], flow["lanes"], flow["lag"]) for flow in flows] == [
        ("A->B", "running", "", 24, 120),
        ("B->A", "waiting", "B does not answer", 0, None),
    ]


@pytest.mark.parametrize("name", ["A->B", "A-%3EB", "A%2d%3eB", "%41-%3E%42"])
def test_one_flow_however_its_name_is_encoded(client, name):
    assert got(client, f"{ROOT}/flows/{name}")["records"] == 7


def test_lanes_come_in_order_page_by_page(client):
    found, path, pages = [], f"{LANES}?limit=7", 0
    while path:
        page = got(client, path)
        assert page["total"] == 24
        found += [(lane["topic"], lane["partition"]) for lane in page["lanes"]]
        path = f"{LANES}?limit=7&after={quote(page['next'])}" if page["next"] else ""
        pages += 1
    assert found == [(topic, number) for topic in ("orders-1", "pay/ments") for number in range(12)]
    assert pages == 4


def test_the_last_page_names_no_other(client):
    assert got(client, f"{LANES}?limit=24")["next"] is None
    assert got(client, f"{LANES}?after=zzz-0") == {"lanes": [], "total": 24, "next": None}


def test_lanes_by_topic_and_state(client):
    assert {lane["topic"] for lane in got(client, f"{LANES}?topic=pay/ments")["lanes"]} == {"pay/ments"}
    found = got(client, f"{LANES}?state=running&topic=orders-1&limit=1")
    assert found["total"] == 12
    assert found["lanes"][0]["settled"] == 0
    assert got(client, f"{LANES}?state=running&topic=pay/ments")["total"] == 0


def test_losses(client):
    found = got(client, f"{ROOT}/flows/A->B/losses")
    assert found["losses"][0]["next_offset"] == 9
    assert found["counts"][0]["offsets"] == 4


def test_a_flow_that_there_is_not(client):
    status, body, headers = client.ask("GET", f"{ROOT}/flows/A->C/lanes")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert body["detail"] == "There is no flow A->C"
    assert body["remedy"] == f"There are: {', '.join(flow.name for flow in FLOWS)}"
    assert (body["error"], body["exit_code"]) == ("NotFound", 1)
