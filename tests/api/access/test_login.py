"""Who a client is, by what it shows; wrong attempts are told without their secret, slow, and end for a while."""

import asyncio
import base64
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from heliograph.api.access.attempts import FREE
from heliograph.api.access.login import Login, NotKnown
from heliograph.api.access.user import User
from heliograph.config.access import Access, Grant, Role
from heliograph.config.model import Secret
from heliograph.config.passwords import keep
from heliograph.config.rest_access import OPEN
from heliograph.testbed.certificates import issue_client, make_authority

GRANTS = (Grant("alice", Role.ADMIN, ("*",)),)
ACCESS = Access(
    GRANTS,
    {"alice": keep("correct horse", bytes(16)), "bob": Secret("hunter2 é")},
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def with_login(work, access=ACCESS, **more):
    async def main():
        clock = Clock()
        return await work(Login(lambda: access, clock=clock, failed_s=0.0, **more), clock)

    return asyncio.run(main())


async def shown(login: Login, authorization, certificate=None, address="10.0.0.1"):
    try:
        return (await login.user(authorization, certificate, address)).name
    except NotKnown as error:
        return error.retry_after_s


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        (basic("alice", "correct horse"), "alice"),
        (basic("bob", "hunter2 é"), "bob"),
        (basic("bob", "hunter2"), 0.0),
        (basic("alice", ""), 0.0),
        (basic("carol", "correct horse"), 0.0),
        (basic("alice", "x" * 5000), 0.0),
        ("Basic !!!", 0.0),
        ("Basic", 0.0),
        ("basic  " + base64.b64encode(b"alice:correct horse").decode(), "alice"),
        ("Basic " + base64.b64encode(b"alice").decode(), 0.0),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), 0.0),
        ("Bearer unknown", 0.0),
        ("Bearer \udcff", 0.0),
        ("Digest x", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_passwords(authorization, name):
    async def work(login, _):
        return await shown(login, authorization)

    assert with_login(work) == name


def test_a_token_is_its_users():
    from heliograph.config.passwords import keep_token

    access = Access(GRANTS, {}, {keep_token("t0k3n").removeprefix("sha256:"): "deploy"})

    async def work(login, _):
        return await shown(login, "Bearer t0k3n"), await shown(login, "Bearer t0k3m")

    assert with_login(work, access) == ("deploy", 0.0)


def test_a_certificate_names_its_subject_but_a_password_counts_more():
    authority = make_authority("test", datetime.now(UTC))
    certificate = issue_client(authority, "ops", datetime.now(UTC)).certificate.public_bytes(Encoding.DER)

    async def work(login, _):
        return (
            await shown(login, None, certificate),
            await shown(login, basic("alice", "correct horse"), certificate),
            await shown(login, basic("alice", "wrong"), certificate),
        )

    assert with_login(work) == ("certificate:CN=ops", "alice", 0.0)


def test_nobody_is_known_only_where_something_is_allowed_to_nobody():
    async def work(login, _):
        return await shown(login, None)

    assert with_login(work, OPEN) == "anonymous"
    assert with_login(work) == 0.0


def test_after_some_failures_a_client_is_not_listened_to_but_others_and_known_ones_are(caplog):
    async def work(login, clock):
        good, bad = basic("alice", "correct horse"), basic("alice", "s3cret-typo")
        assert await shown(login, good) == "alice"
        for _ in range(FREE):
            assert await shown(login, bad) == 0.0
        assert await shown(login, bad) > 0
        assert await shown(login, basic("bob", "hunter2 é")) > 0
        assert await shown(login, good) == "alice"
        assert await shown(login, basic("bob", "hunter2 é"), address="10.0.0.2") == "bob"
        clock.now_s += 2.0
        assert await shown(login, basic("bob", "hunter2 é")) == "bob"

    with_login(work)
    told = [(each.getMessage(), each.fields) for each in caplog.records]
    assert told[-1] == ("a login to the REST API failed", {"address": "10.0.0.1", "failures": FREE})
    assert "s3cret-typo" not in str(told)


def test_a_failure_waits_for_its_answer():
    async def main():
        begun = time.monotonic()
        login = Login(lambda: ACCESS, failed_s=0.2)
        await shown(login, basic("bob", "wrong"))
        return time.monotonic() - begun

    assert asyncio.run(main()) >= 0.2


def test_a_known_password_is_not_tried_again_until_the_file_changes():
    current = [ACCESS]

    async def main():
        login = Login(lambda: current[0], failed_s=0.0)
        good = basic("alice", "correct horse")
        assert await shown(login, good) == "alice"
        begun = time.process_time()
        for _ in range(200):
            assert await shown(login, good) == "alice"
        assert time.process_time() - begun < 1.0, "each try would take 50 ms"
        current[0] = Access(GRANTS, {"alice": keep("another", bytes(16))})
        return await shown(login, good)

    assert asyncio.run(main()) == 0.0


def test_who_an_identity_provider_knows_has_its_groups():
    class Provider:
        async def user(self, token: str) -> User | None:
            return User("oidc:carol", ("oidc-group:ops",)) if token == "signed" else None

    async def work(login, _):
        return await login.user("Bearer signed", None, "10.0.0.1"), await shown(login, "Bearer other")

    assert with_login(work, signed=Provider()) == (User("oidc:carol", ("oidc-group:ops",), "10.0.0.1"), 0.0)
