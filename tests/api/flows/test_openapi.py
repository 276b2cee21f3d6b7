"""The OpenAPI document is valid, complete, and true of what is answered."""

import json

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from showing import asking

from heliograph.api.flows.api import ROUTES
from heliograph.api.flows.routes import ROOT


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


@pytest.fixture(scope="module")
def document(client):
    status, body, headers = client.ask("GET", f"{ROOT}/openapi.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    return body


def test_it_is_valid(document):
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_it_once(document):
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert told == {(route.method, ROOT + route.path) for route in ROUTES}
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names) == len(ROUTES)


def test_every_schema_is_used_and_says_what_it_is(document):
    text = json.dumps(document)
    for name, schema in document["components"]["schemas"].items():
        assert f'"#/components/schemas/{name}"' in text
        assert schema["description"], name


def validator(document, schema):
    registry = Registry().with_resource("", DRAFT202012.create_resource(document))
    return OAS31Validator(schema, registry=registry, _resolver=registry.resolver())


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("", "", 200),
        ("/flows", "/flows", 200),
        ("/flows/{flow}", "/flows/A->B", 200),
        ("/flows/{flow}/lanes", "/flows/A->B/lanes", 200),
        ("/flows/{flow}/losses", "/flows/A->B/losses", 200),
        ("/jobs", "/jobs", 200),
        ("/jobs/{id}", "/jobs/none", 404),
        ("/flows/{flow}/plan", "/flows/A->B/plan", 200),
        ("/flows/{flow}/groups", "/flows/A->B/groups?group=g", 200),
        ("/flows/{flow}/limit", "/flows/A->B/limit", 200),
        ("/flows/{flow}/status", "/flows/A->B/status", 502),
        ("/flows/{flow}/losses", "/flows/none/losses", 404),
        ("/flows/{flow}/lanes", "/flows/A->B/lanes?limit=x", 400),
    ],
)
def test_answers_are_as_it_says(client, document, path, asked, status):
    answered, body, headers = client.ask("GET", ROOT + asked)
    assert answered == status
    content = document["paths"][ROOT + path]["get"]["responses"][str(status)]["content"]
    schema = content[headers["content-type"]]["schema"]
    validator(document, schema).validate(body)
    with pytest.raises(Exception, match=r"is not valid|is a required property|is not of type"):
        validator(document, schema).validate({"nothing": "of the kind"})


def test_what_is_told_to_those_who_are_not_let_in(document):
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {"401", "403", "429", "503"} <= set(operation["responses"])
            not_known = operation["responses"]["401"]["content"]["application/json"]["schema"]
            validator(document, not_known).validate({"error_code": 401, "message": "User cannot access the resource."})
