"""Flows by our own API as different users may see and tell them; what they tell is in the log."""

import asyncio
import logging

import pytest
from connect_files import worker

from heliograph.api.access.flow_rules import FlowRules
from heliograph.api.access.steered import SteeredConnectors
from heliograph.api.access.user import CURRENT, User
from heliograph.config.access import Access, Grant, Role
from heliograph.config.load import make_config
from heliograph.connect.stored_connectors import StoredConnectors
from heliograph.errors import NotFound
from heliograph.observe.connectors import Forbidden
from rest_api import api, ask

ACCESS = Access(
    (
        Grant("boss", Role.ADMIN, ("*",)),
        Grant("operator", Role.OPERATE, ("west->east",)),
        Grant("reader", Role.READ, ("west->*",)),
        Grant("stranger", Role.ADMIN, ("north->east",)),
    )
)


def tried(user: str, **what: bool) -> str:
    connectors = StoredConnectors(worker(), "127.0.0.1:8083", lambda file: make_config(file, environ={}))
    rules = FlowRules(lambda: ACCESS, SteeredConnectors(connectors, lambda: ACCESS))

    async def work() -> str:
        CURRENT.set(User(user))
        try:
            rules.check("west->east", **what)
        except (NotFound, Forbidden) as error:
            return type(error).__name__
        rules.tell("pauseFlow", "west->east", "paused: nothing", "order")
        return "done"

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("user", "read", "changed", "moved"),
    [
        ("boss", "done", "done", "done"),
        ("operator", "done", "done", "Forbidden"),
        ("reader", "done", "Forbidden", "Forbidden"),
        ("stranger", "NotFound", "NotFound", "NotFound"),
        ("anonymous", "NotFound", "NotFound", "NotFound"),
    ],
)
def test_what_each_may(user, read, changed, moved):
    assert tried(user, changes=False, moves=False) == read
    assert tried(user, changes=True, moves=False) == changed
    assert tried(user, changes=True, moves=True) == moved


def test_what_is_told_has_a_line(caplog):
    caplog.set_level(logging.INFO, "heliograph")
    tried("operator", changes=True, moves=False)
    (line,) = [each.fields for each in caplog.records if each.getMessage() == "told by REST"]
    assert (line["who"], line["what"], line["flow_name"], line["before"], line["after"]) == (
        "operator", "pauseFlow", "west->east", "paused: nothing", "order",
    )  # fmt: skip


def test_our_own_api_is_behind_the_same_door():
    everybody = Access((Grant("anonymous", Role.READ, ("payments-*",)),))
    with api(everybody) as port:
        assert ask(port, "", "GET", "/heliograph/v1/flows") == (200, {"flows": []})
        assert ask(port, "", "POST", "/heliograph/v1/flows/west-%3Eeast/pause", {})[0] == 404
    nobody = Access((Grant("boss", Role.ADMIN, ("*",)),))
    with api(nobody, settle=False) as port:
        assert ask(port, "", "GET", "/heliograph/v1/flows")[0] == 401
        assert ask(port, "", "GET", "/heliograph/v1/openapi.json")[0] == 401
