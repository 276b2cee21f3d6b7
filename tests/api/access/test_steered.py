"""Connectors as different users see them, over HTTP, stored in a Kafka of memory: what each sees and may do."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest
from connect_files import worker

from heliograph.api.access.steered import SteeredConnectors
from heliograph.api.access.user import CURRENT, User
from heliograph.config.access import Access, Grant, Role
from heliograph.config.load import make_config
from heliograph.config.model import Secret
from heliograph.connect.stored_connectors import StoredConnectors
from heliograph.observe.connectors import Forbidden
from rest_api import api, as_user, ask, config
from rest_server import Client

LIMIT_S = 20
ACCESS = Access(
    (
        Grant("admin", Role.ADMIN, ("*",)),
        Grant("payments", Role.ADMIN, ("payments-*",)),
        Grant("operator", Role.OPERATE, ("west->east",)),
        Grant("reader", Role.READ, ("payments-*",)),
        Grant("stranger", Role.ADMIN, ("logs-*",)),
    ),
    {name: Secret("pass word") for name in ("admin", "payments", "operator", "reader", "stranger")},
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with api(ACCESS) as found:
        for name, told in (("payments-source", config()), ("logs-source", config("north"))):
            assert ask(found, "admin", "POST", "/connectors", {"name": name, "config": told})[0] == 201
        yield found


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        ("admin", ["logs-source", "payments-source"]),
        ("payments", ["payments-source"]),
        ("operator", ["payments-source"]),
        ("reader", ["payments-source"]),
        ("stranger", ["logs-source"]),
    ],
)
def test_lists_hold_what_one_may_see(port, user, seen):
    assert ask(port, user, "GET", "/connectors") == (200, seen)
    assert sorted(ask(port, user, "GET", "/connectors?expand=status&expand=info")[1]) == seen


def requests_about(name: str) -> list[tuple[str, str, object]]:
    one = f"/connectors/{name}"
    return [
        ("GET", one, None),
        ("GET", f"{one}/config", None),
        ("GET", f"{one}/status", None),
        ("GET", f"{one}/tasks", None),
        ("GET", f"{one}/tasks/0/status", None),
        ("GET", f"{one}/topics", None),
        ("GET", f"{one}/offsets", None),
        ("PUT", f"{one}/pause", None),
        ("PUT", f"{one}/resume", None),
        ("PUT", f"{one}/stop", None),
        ("POST", f"{one}/restart", None),
        ("POST", f"{one}/restart?includeTasks=true", None),
        ("POST", f"{one}/tasks/0/restart", None),
        ("PATCH", f"{one}/config", {"topics": "all"}),
        ("PATCH", f"{one}/offsets", {"offsets": [{"partition": {"topic": "t"}, "offset": None}]}),
        ("DELETE", f"{one}/offsets", None),
        ("DELETE", one, None),
    ]


@pytest.mark.parametrize(("method", "path", "body"), requests_about("payments-source"))
def test_what_one_may_not_see_is_answered_like_what_is_not_there(port, method, path, body):
    absent = path.replace("payments-source", "absent-source")
    hidden = ask(port, "stranger", method, path, body)
    told = ask(port, "admin", method, absent, body)
    assert hidden == (told[0], eval(repr(told[1]).replace("absent-source", "payments-source")))
    assert ask(port, "admin", "GET", "/connectors/payments-source/status")[0] == 200


READS = 7
OPERATES = 13


@pytest.mark.parametrize(
    ("user", "first"), [("reader", READS), ("operator", OPERATES)], ids=["who reads", "who operates"]
)
def test_who_may_see_it_and_not_do_it_is_told_so(port, user, first):
    for method, path, body in requests_about("payments-source")[first:]:
        status, told = ask(port, user, method, path, body)
        assert status == 403, (method, path)
        assert told["message"].startswith(f"{user} may not ")
    for method, path, body in requests_about("payments-source")[:READS]:
        assert ask(port, user, method, path, body)[0] not in (401, 403), path


def test_who_operates_pauses_and_resumes(port):
    assert ask(port, "operator", "PUT", "/connectors/payments-source/pause")[0] == 202
    assert ask(port, "operator", "PUT", "/connectors/payments-source/resume")[0] == 202


def test_whose_connector_one_may_not_have_is_not_created(port):
    for user, name in (("reader", "payments-more"), ("stranger", "payments-more"), ("payments", "logs-more")):
        told = {"name": name, "config": config("south")}
        assert ask(port, user, "POST", "/connectors", told)[0] == 403
        assert ask(port, user, "PUT", f"/connectors/{name}/config", config("south"))[0] == 403


def test_nobody_gets_into_anothers_flow_by_a_connector_of_his_own(port):
    beat = config("west", "Heartbeat")
    status, told = ask(port, "stranger", "PUT", "/connectors/logs-beat/config", beat)
    assert status == 403
    assert "payments" not in str(told)
    assert ask(port, "stranger", "PUT", "/connectors/logs-source/config", config("west"))[0] == 403
    changed = {"source.cluster.alias": "west"}
    assert ask(port, "stranger", "PATCH", "/connectors/logs-source/config", changed)[0] == 403
    assert ask(port, "payments", "PUT", "/connectors/payments-beat/config", beat)[0] == 201
    assert ask(port, "payments", "DELETE", "/connectors/payments-beat")[0] == 204


def test_who_is_not_known_learns_nothing(port):
    for method, path, body in [("GET", "/", None), ("GET", "/health", None), *requests_about("payments-source")]:
        with Client(port) as client:
            status, told, headers = client.ask(method, path, body)
        assert (status, told["error_code"]) == (401, 401)
        assert headers["www-authenticate"].startswith("Basic ")


def lines(caplog) -> list[dict[str, object]]:
    return [each.fields for each in caplog.records if each.getMessage() == "told by REST"]


MOMENTARY = ("so nothing is known of its positions", "cannot be asked at the moment")


def done(port: int, method: str, path: str, body: object) -> None:
    """Have something done; positions of a flow can be told a moment after it began."""
    deadline = time.monotonic() + LIMIT_S
    while (answer := ask(port, "payments", method, path, body))[0] >= 300:
        assert any(word in str(answer) for word in MOMENTARY), (path, answer)
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_change_is_told_with_who_what_before_and_after(caplog):
    caplog.set_level(logging.INFO, "heliograph")
    secret = {"source.cluster.ssl.key.password": "hunter2"}
    with api(ACCESS) as port:
        for method, path, body in (
            ("POST", "/connectors", {"name": "payments-a", "config": config(topics="orders", **secret)}),
            ("PUT", "/connectors/payments-a/config", config(topics="more", **secret)),
            ("PATCH", "/connectors/payments-a/config", {"topics": None}),
            ("PUT", "/connectors/payments-a/stop", None),
            ("PATCH", "/connectors/payments-a/offsets", {"offsets": [{"partition": {"cluster": "west", "topic": "orders", "partition": 1}, "offset": {"offset": 41}}]}),
            ("DELETE", "/connectors/payments-a/offsets", None),
            ("POST", "/connectors/payments-a/restart", None),
            ("DELETE", "/connectors/payments-a", None),
        ):  # fmt: skip
            done(port, method, path, body)
        ask(port, "reader", "PUT", "/connectors/payments-a/pause")
    told = lines(caplog)
    assert [each["what"] for each in told] == [
        "creation", "config", "config", "state", "positions", "positions", "restart", "deletion",
    ]  # fmt: skip
    assert {(each["who"], each["address"], each["connector"]) for each in told} == {
        ("payments", "127.0.0.1", "payments-a")
    }
    created, changed, patched, stopped, moved, reset = told[:6]
    assert "topics=orders" in str(created["after"])
    assert (changed["before"], changed["after"]) == (
        "source.cluster.ssl.key.password=[hidden], topics=orders",
        "source.cluster.ssl.key.password=[hidden], topics=more",
    )
    assert (patched["before"], patched["after"]) == ("topics=more", "")
    assert stopped["after"] == "STOPPED"
    assert (moved["before"], moved["after"]) == ("orders-1: None", "orders-1: 41")
    assert (reset["before"], reset["after"]) == ("orders-1: 41", "none")
    assert "hunter2" not in caplog.text + str(told)


def test_what_was_given_back_is_no_change(caplog):
    caplog.set_level("INFO")
    secret = {"source.cluster.sasl.jaas.config": "x required password=hunter2;"}
    with api(ACCESS) as port:
        assert ask(port, "admin", "POST", "/connectors", {"name": "a", "config": config(**secret)})[0] == 201
        _, given = ask(port, "admin", "GET", "/connectors/a/config")
        assert "hunter2" not in str(given)
        assert ask(port, "admin", "PUT", "/connectors/a/config", given)[0] == 200
        assert ask(port, "admin", "PATCH", "/connectors/a/config", given)[0] == 200
    assert [each["what"] for each in lines(caplog)] == ["creation"]


def test_without_rules_whoever_gets_through_may_everything_and_is_told_as_anonymous(caplog):
    caplog.set_level(logging.INFO, "heliograph")
    with api(access=None) as port:
        assert ask(port, "", "PUT", "/connectors/a/config", config())[0] == 201
    assert [each["who"] for each in lines(caplog)] == ["anonymous"]


def test_what_concerns_all_connectors_needs_admin_on_all_and_the_log_cannot_be_told_not_to_tell(caplog):
    caplog.set_level(logging.INFO, "heliograph")
    stored = StoredConnectors(worker(), "127.0.0.1:8083", lambda file: make_config(file, environ={}))
    connectors = SteeredConnectors(stored, lambda: ACCESS)

    async def set_level(user: str, level: str) -> None:
        CURRENT.set(User(user))
        await connectors.set_logger("root", level, everywhere=False)

    for user in ("payments", "reader"):
        with pytest.raises(Forbidden, match="which concerns all connectors"):
            asyncio.run(set_level(user, "OFF"))
    asyncio.run(set_level("admin", "OFF"))
    asyncio.run(set_level("admin", "INFO"))
    told = lines(caplog)
    assert [(each["who"], each["what"], each["logger"], each["after"]) for each in told] == [
        ("admin", "level", "root", "OFF"),
        ("admin", "level", "root", "INFO"),
    ]


def test_nobody_claims_another_address(caplog):
    caplog.set_level(logging.INFO, "heliograph")
    with api(ACCESS) as port, Client(port) as client:
        headers = {**as_user("admin"), "X-Forwarded-For": "10.9.9.9", "Forwarded": "for=10.9.9.9"}
        assert client.ask("PUT", "/connectors/a/config", config(), headers)[0] == 201
    assert [each["address"] for each in lines(caplog)] == ["127.0.0.1"]
