"""What each route shows."""

import time
from urllib.parse import quote

import pytest
from showing import FLOWS, Everything, Told, asking

from heliograph.mirror.rewind import Goal, Kind
from heliograph.observe.group_positions import FailoverOrder
from heliograph.observe.operations import Connector, LimitOrder, RestartOrder, RewindOrder, SteerOrder, VerifyOrder

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


FLOW = f"{ROOT}/flows/A-%3EB"


@pytest.mark.parametrize(
    ("method", "path", "body", "order"),
    [
        ("POST", "/pause", None, ("pause", "A->B", SteerOrder())),
        (
            "POST",
            "/resume",
            {"topics": ["t"], "partitions": [1, 0], "timeout_s": 3},
            ("resume", "A->B", SteerOrder(topics=("t",), partitions=(1, 0), timeout_s=3.0)),
        ),
        (
            "POST",
            "/pause",
            {"connectors": ["heartbeat"]},
            ("pause", "A->B", SteerOrder(connectors=(Connector.HEARTBEAT,))),
        ),
        ("POST", "/restart", {"topics": ["t"]}, ("restart", "A->B", RestartOrder(topics=("t",)))),
        (
            "POST",
            "/rewind",
            {"topic": "t", "goal": {"kind": "by", "value": -3}},
            ("rewind", "A->B", RewindOrder(topic="t", goal=Goal(Kind.BY, -3))),
        ),
        ("PUT", "/limit", {"bytes_per_second": 5}, ("limit", "A->B", LimitOrder(bytes_per_second=5))),
        ("PUT", "/limit", {"bytes_per_second": None}, ("limit", "A->B", LimitOrder(bytes_per_second=None))),
        ("DELETE", "/limit", None, ("reset", "A->B", None)),
    ],
)
def test_what_flows_are_told(method, path, body, order):
    told = Told()
    with asking(told=told) as client:
        status, answered, _ = client.ask(method, FLOW + path, body)
    assert (status, answered["flow"], told.orders) == (200, "A->B", [order])


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/pause", {"topics": "t"}, "topics"),
        ("POST", "/pause", {"topic": ["t"]}, "topic"),
        ("POST", "/pause", {"partitions": [-1]}, "partitions"),
        ("POST", "/pause", {"timeout_s": 41}, "timeout_s is 40 at most"),
        ("POST", "/pause", b"{", "truncated"),
        ("POST", "/pause", b"[]", "object"),
        ("POST", "/rewind", {"topic": "t", "goal": {"kind": "sideways"}}, "sideways"),
        ("POST", "/rewind", None, "topic"),
        ("POST", "/failover", {"execute": True}, "needs to know which groups"),
        ("POST", "/failover", {"groups": ["g"], "wait_s": 86_401}, "wait_s"),
        ("PUT", "/limit", {"bytes_per_second": 0}, "bytes_per_second"),
        ("PUT", "/limit", None, "bytes_per_second"),
    ],
)
def test_what_nobody_can_be_told(method, path, body, words):
    told = Told()
    with asking(told=told) as client:
        status, answered, _ = client.ask(method, FLOW + path, body)
    assert (status, answered["error"], told.orders) == (400, "", [])
    assert words in answered["detail"]


def test_what_a_cluster_refuses_is_told_with_its_remedy(client):
    status, body, _ = client.ask("GET", f"{FLOW}/status")
    assert (status, body["error"], body["exit_code"]) == (502, "NotAuthorized", 3)
    assert body["remedy"] == "Grant Describe on group A-mm2"


def until_it_has_ended(client, path):
    deadline = time.monotonic() + 20
    while (job := got(client, path))["state"] == "running":
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    return job


def test_a_proof_is_a_job():
    told = Told()
    with asking(told=told) as client:
        status, begun, headers = client.ask("POST", f"{FLOW}/verify", {"topics": ["orders.*"]})
        assert (status, begun["state"], begun["flow"]) == (202, "running", "A->B")
        assert headers["location"] == f"{ROOT}/jobs/{begun['id']}"
        job = until_it_has_ended(client, headers["location"])
        assert (job["state"], job["result"], job["progress"]["read_bytes"]) == ("done", {"verdict": "proven"}, 500)
        assert [each["id"] for each in got(client, f"{ROOT}/jobs")["jobs"]] == [begun["id"]]
    assert told.orders == [("verify", "A->B", VerifyOrder(topics=("orders.*",)))]


def test_a_job_is_cancelled():
    rules = Everything()
    with asking(rules=rules) as client:
        _, begun, headers = client.ask("POST", f"{FLOW}/verify", {"sample": "5%"})
        status, job, _ = client.ask("DELETE", headers["location"])
        assert (status, job["id"], job["state"]) == (200, begun["id"], "cancelled")
        assert client.ask("GET", f"{ROOT}/jobs/none")[0] == 404
    assert rules.told[1:] == [("cancelJob", "A->B", "", f"job {begun['id']}")], "whoever reads the log knows the flow"


def test_a_job_that_fails(client):
    _, _, headers = client.ask("POST", f"{FLOW}/verify", {"wait_s": 0})
    job = until_it_has_ended(client, headers["location"])
    assert (job["state"], job["problem"]["detail"]) == ("failed", "B does not answer")
    assert client.ask("POST", f"{ROOT}/flows/none/verify")[0] == 404


@pytest.mark.parametrize("execute", [False, True])
def test_a_failover_is_a_job(execute):
    told = Told()
    with asking(told=told) as client:
        status, begun, headers = client.ask("POST", f"{FLOW}/failover", {"groups": ["g"], "execute": execute})
        assert (status, begun["kind"], begun["failover"]) == (202, "failover", None)
        job = until_it_has_ended(client, headers["location"])
    assert (job["state"], job["result"], job["failover"]["executed"]) == ("done", None, execute)
    (move,) = job["failover"]["moves"]
    assert (move["group"], move["to_topic"], move["to_offset"], move["verdict"]) == ("g", "A.t", 4, "move")
    assert told.orders == [("failover", "A->B", FailoverOrder(groups=("g",), execute=execute))]


def test_groups_and_where_they_would_go_on(client):
    (position,) = got(client, f"{FLOW}/groups")["positions"]
    assert (position["group"], position["to_topic"], position["to_offset"], position["exact"]) == ("g", "A.t", 4, True)
    found = got(client, f"{FLOW}/groups?group=other&topic=x&backwards=true")
    assert (found["backwards"], found["exact"], found["notes"]) == (True, True, ["note"])
    assert [(each["group"], each["topic"], each["verdict"]) for each in found["positions"]] == [("other", "x", None)]
    assert client.ask("GET", f"{FLOW}/groups?backwards=perhaps")[0] == 400


def test_each_change_is_told_with_how_it_was():
    rules = Everything()
    with asking(rules=rules) as client:
        for method, path, body in (
            ("PUT", "limit", {"bytes_per_second": 7}),
            ("POST", "pause", {"topics": ["t"]}),
            ("POST", "rewind", {"topic": "t", "goal": {"kind": "beginning"}}),
        ):
            status, answer, _ = client.ask(method, f"{ROOT}/flows/A->B/{path}", body)
            assert status == 200, answer
    assert [(what, before) for what, _, before, _ in rules.told] == [
        ("setLimit", "1000 bytes per second"),
        ("pause", "paused: t-1"),
        ("rewind", "t-0: 10"),
    ]
