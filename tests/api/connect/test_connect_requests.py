"""Bodies are taken apart with limits; what cannot be read is the client's mistake, and told as such."""

import pytest
from asking_app import ask, ask_in_parts
from starlette.applications import Starlette

from heliograph.api.connect.answers import Refused, answer
from heliograph.api.connect.requests import BODY_BYTES_MAX, flag, object_of, route, text, texts
from heliograph.errors import NotFound


async def show(request):
    return answer(await object_of(request, *request.query_params.getlist("field")))


async def missing(_):
    raise NotFound("Connector x not found")


async def flags(request):
    return answer([flag(request, "a"), flag(request, "b")])


APP = Starlette(
    routes=[
        route("/", {"POST": show, "PUT": show}),
        route("/missing", {"GET": missing}),
        route("/flags", {"GET": flags}),
    ]
)


def test_a_body_is_an_object():
    assert ask(APP, "POST", "/", {"a": [1, True, None]}).body == {"a": [1, True, None]}


def test_numbers_with_a_point_stay_as_they_are_written():
    assert ask(APP, "POST", "/", b'{"a": 1.10, "b": 1e3, "c": 12}').body == {"a": "1.10", "b": "1e3", "c": 12}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "There is no body"),
        (b" \n", "There is no body"),
        (b"{nothing", "The body is no JSON: "),
        (b'{"a":1} more', "The body is no JSON: "),
        (b'{"a":NaN}', "The body is no JSON: NaN is no number"),
        (b'{"a":"\xff"}', "The body is no JSON: "),
        (b'{"a":"\\ud800"}', "The body is no JSON: "),
        (b'{"a":' + 5000 * b"9" + b"}", "The body is no JSON: "),
        (b"[" * 100_000, "The body is no JSON: "),
        (b"[]", "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
        (b'"x"', "The body must be a JSON object"),
    ],
)
def test_what_is_no_object_is_the_clients_mistake(body, words):
    told = ask(APP, "POST", "/", body)
    assert told.status == told.body["error_code"] == 400
    assert told.body["message"].startswith(words)


def test_fields_that_a_body_does_not_have():
    assert ask(APP, "POST", "/?field=name&field=config", {"name": "x"}).status == 200
    told = ask(APP, "POST", "/?field=name&field=config", {"topics": "x"})
    assert (told.status, told.body["message"]) == (
        400,
        "'topics' is no field of such a body. It may have name and config",
    )


def test_a_body_has_a_limit():
    fits = b'{"a":"' + (BODY_BYTES_MAX - 8) * b"x" + b'"}'
    assert ask(APP, "POST", "/", fits).status == 200
    assert ask_in_parts(APP, "POST", "/", [fits, b" "]).status == 413


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/merge-patch+json"]
)
def test_another_format_is_refused(kind):
    told = ask(APP, "PUT", "/", b"{}", {"content-type": kind})
    assert (told.status, told.body["message"]) == (415, "HTTP 415 Unsupported Media Type")


def test_json_with_a_character_set_is_json():
    assert ask(APP, "PUT", "/", b"{}", {"content-type": "Application/JSON; charset=utf-8"}).status == 200


def test_nothing_has_no_format():
    assert ask(APP, "GET", "/missing", headers={"content-type": "text/plain"}).status == 404


def test_errors_are_told_in_connects_shape():
    told = ask(APP, "GET", "/missing")
    assert (told.status, told.body) == (404, {"error_code": 404, "message": "Connector x not found"})


def test_each_path_says_which_methods_it_has():
    told = ask(APP, "OPTIONS", "/")
    assert (told.status, told.body, told.headers["allow"]) == (200, "POST, PUT, OPTIONS", "POST,PUT,OPTIONS")
    assert ask(APP, "OPTIONS", "/flags").headers["allow"] == "HEAD,GET,OPTIONS"
    for method in ("GET", "HEAD", "DELETE", "TRACE"):
        told = ask(APP, method, "/")
        assert (told.status, told.headers["allow"]) == (405, "POST,PUT,OPTIONS")


def test_a_flag_is_the_word_true():
    for query, found in (("a=true", True), ("a=TRUE", True), ("a=1", False), ("a", False), ("a=false&a=true", False)):
        assert ask(APP, "GET", f"/flags?{query}").body == [found, False]


def test_a_configuration_is_made_of_texts():
    assert texts({"a": True, "b": 1, "c": " x", "d": None}) == {"a": "true", "b": "1", "c": " x"}
    for wrong in (None, [], "x"):
        with pytest.raises(Refused, match="is missing, or is no JSON object"):
            texts(wrong)
    for wrong in ([], {}, None):
        with pytest.raises(Refused, match="must be texts"):
            text(wrong)
