"""The OpenAPI 3.1 document, made of the routes and the classes that they name."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import heliograph
from heliograph.api.flows.described import REFERENCE, schemas_of
from heliograph.api.flows.routes import ROOT, Route
from heliograph.api.flows.shapes import NotLetIn, Problem

PROBLEM_JSON = "application/problem+json"
ALWAYS_NOT_LET_IN = frozenset({401, 429})
"""Told only in front of both APIs: nobody says who asks, or too often wrongly."""
NOT_LET_IN = ALWAYS_NOT_LET_IN | {403, 503}
"""Told there too: the request comes from another site's page, or there are too many."""
_IN_PATHS = {
    "flow": "Name of a flow, `source->target`, encoded in any way.",
    "id": "Of the job, as its address has it.",
}


def document_of(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document."""
    routes = list(routes)
    named = [kind for route in routes for kind in (route.answer, route.body, route.query) if kind is not None]
    schemas = schemas_of([*dict.fromkeys(named), Problem, NotLetIn])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route, schemas)
    for route in routes:
        if route.query is not None:
            schemas.pop(route.query.__name__, None)  # it is told as parameters
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliograph",
            "version": heliograph.__version__,
            "description": "What runs, how far it is, and what it is told.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "description": about, "schema": {"type": "string"}}
        for name, about in _IN_PATHS.items()
        if f"{{{name}}}" in route.path
    ]
    if route.query is not None:
        parameters += [_parameter(name, schema) for name, schema in _properties(schemas[route.query.__name__])]
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.about,
        "responses": {
            str(route.status): _response(route.status, route.media, route.answer),
            **{str(status): _error(status) for status in sorted({*route.errors, *NOT_LET_IN})},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": _reference(route.body)}}
        operation["requestBody"] = {"required": bool(schemas[route.body.__name__].get("required")), "content": content}
    return operation


def _properties(schema: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    properties: dict[str, dict[str, Any]] = schema["properties"]
    return properties.items()


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter of the query; what may be null may be left out."""
    shown = {key: value for key, value in schema.items() if key != "description"}
    choices = [each for each in shown.get("anyOf", ()) if each != {"type": "null"}]
    if choices:
        (shown,) = choices
    return {"name": name, "in": "query", "description": schema.get("description", ""), "schema": shown}


def _response(status: int, media: str, kind: type) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {media: {"schema": _reference(kind)}}}


def _error(status: int) -> dict[str, Any]:
    """Return what is told of an error; what no request gets past comes in Connect's shape, for both APIs."""
    content = {} if status in ALWAYS_NOT_LET_IN else {PROBLEM_JSON: {"schema": _reference(Problem)}}
    if status in NOT_LET_IN:
        content["application/json"] = {"schema": _reference(NotLetIn)}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=kind.__name__)}
