"""A process asked by its address: who asks, and what becomes of an answer that is none."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from heliograph.cli.address import RemoteOperations, is_address
from heliograph.errors import ClusterError, ConfigError, HeliographError, Unreachable
from heliograph.testbed.ports import Ports
from rest_server import serving


def heads_of(environ):
    """Return the headers that a process gets from one who has this environment."""
    seen = []

    async def flows(request: Request):
        seen.append(request.headers)
        return JSONResponse({"flows": []})

    with serving(Starlette(routes=[Route("/heliograph/v1/flows", flows)])) as port:
        RemoteOperations(f"http://127.0.0.1:{port}/", environ).flows()
    return seen[0]


def test_nobody_is_named():
    assert "authorization" not in heads_of({})


def test_a_token_comes_from_a_variable_or_a_file(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    named = {"HELIOGRAPH_API_TOKEN_FILE": str(tmp_path / "token")}
    assert heads_of(named)["authorization"] == "Bearer s3cret"
    assert heads_of({"HELIOGRAPH_API_TOKEN": "other", **named})["authorization"] == "Bearer other"


def test_a_user_has_a_password():
    environ = {"HELIOGRAPH_API_USER": "Aladdin", "HELIOGRAPH_API_PASSWORD": "open sesame"}
    assert heads_of(environ)["authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # the example of RFC 7617


@pytest.mark.parametrize(
    ("address", "environ", "words"),
    [
        ("http://user:s3cret@host:1", {}, "no address of a process"),
        ("http://host:1/connectors", {}, "no address of a process"),
        ("http://host:port", {}, "no address of a process"),
        ("http://", {}, "no address of a process"),
        ("http://host:1", {"HELIOGRAPH_API_TOKEN_FILE": "/nowhere"}, "HELIOGRAPH_API_TOKEN_FILE names a file"),
        ("https://host:1", {"HELIOGRAPH_API_CA_FILE": "/nowhere"}, "HELIOGRAPH_API_CA_FILE names no file"),
    ],
)
def test_what_cannot_be_asked(address, environ, words):
    with pytest.raises(ConfigError, match=words) as refused:
        RemoteOperations(address, environ)
    assert "s3cret" not in str(refused.value)


def answering(answer, ask):
    async def flows(_):
        return answer

    with serving(Starlette(routes=[Route("/heliograph/v1/{rest:path}", flows)])) as port:
        return ask(RemoteOperations(f"http://127.0.0.1:{port}", {}))


def test_a_problem_ends_as_the_error_that_it_tells():
    problem = {"status": 502, "title": "x", "detail": "B does not answer", "remedy": "Wait", "exit_code": 3}
    with pytest.raises(ClusterError, match=r"B does not answer. Wait") as error:
        answering(JSONResponse(problem, 502), lambda operations: asyncio.run(operations.status("A->B")))
    assert error.value.exit_code == 3


def test_what_is_no_answer_of_the_api_is_shown():
    with pytest.raises(HeliographError, match="answers 401 who are you"):
        answering(PlainTextResponse("who are you", 401), lambda operations: operations.flows())
    with pytest.raises(HeliographError, match="answers 200 hello"):
        answering(PlainTextResponse("hello"), lambda operations: operations.flows())


def test_nobody_answers():
    with Ports() as ports, pytest.raises(Unreachable, match=r"does not answer: .*refused"):
        RemoteOperations(f"http://127.0.0.1:{ports.take()}", {}).flows()


def test_addresses_are_told_from_files():
    assert [is_address(each) for each in ("http://h:1", "https://h", "mm2.properties", "./http", "http:")] == [
        True,
        True,
        False,
        False,
        False,
    ]
