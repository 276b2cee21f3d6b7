"""``/connector-plugins``: what can run here, what its keys are, and whether a configuration would be taken."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from heliograph.api.connect.answers import Refused, answer
from heliograph.api.connect.requests import object_of, route, text
from heliograph.api.paths import segment
from heliograph.config.connectors.definitions import CONVERTER_TYPE, VERSION, Definition, definitions_of
from heliograph.config.connectors.merging import CLASS, part_of
from heliograph.config.connectors.validation import CLASSES, Checked, Given, Validation, another_version
from heliograph.errors import ConfigError
from heliograph.observe.connectors import SOURCE, Connectors

BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
"""The one converter whose work is done here: bytes stay as they are."""


def plugin_routes(connectors: Connectors) -> list[Route]:
    """Return the paths of plug-ins."""

    async def validate(request: Request) -> Response:
        given: Given = {
            key: None if value is None else text(value) for key, value in (await object_of(request)).items()
        }
        _check_type(segment(request, "plugin"), given)
        return answer(_validation(connectors.validate(given)))

    return [
        route("/connector-plugins", {"GET": _list}),
        route("/connector-plugins/{plugin}/config", {"GET": _definitions}),
        route("/connector-plugins/{plugin}/config/validate", {"PUT": validate}),
    ]


async def _list(request: Request) -> Response:
    told = [{"class": name, "type": SOURCE, "version": VERSION} for name in sorted(CLASSES.values())]
    only = request.query_params.get("connectorsOnly", "").lower()
    if only not in ("", "true"):
        told += [{"class": BYTES, "type": kind, "version": VERSION} for kind in ("converter", "header_converter")]
    return answer(told)


async def _definitions(request: Request) -> Response:
    name, definitions = _plugin(segment(request, "plugin"))
    if words := another_version(name, request.query_params.get("version", "")):
        raise Refused(400, words)
    return answer([_definition(each) for each in definitions])


def _plugin(told: str) -> tuple[str, Sequence[Definition]]:
    """Return a class by its whole name and its keys."""
    if told in (BYTES, BYTES.rpartition(".")[2]):
        return BYTES, (CONVERTER_TYPE,)
    try:
        part = part_of({CLASS: told})
    except ConfigError:
        raise Refused(404, f"Unknown plugin {told}.") from None
    return CLASSES[part], definitions_of(part)


def _check_type(plugin: str, given: Given) -> None:
    """Refuse a configuration for another class than the path names."""
    told = given.get(CLASS)
    if told is not None and not _bare(told).endswith(_bare(plugin)):
        raise Refused(400, f"Included connector type {told} does not match request type {plugin}")


def _bare(name: str) -> str:
    return name.removesuffix("Connector") or name


def _definition(definition: Definition) -> dict[str, Any]:
    """Return a key's ConfigKeyInfo."""
    return {
        "name": definition.name,
        "type": definition.kind.name,
        "required": definition.required,
        "default_value": definition.default,
        "importance": definition.importance,
        "documentation": definition.documentation,
        "group": definition.group,
        "order_in_group": definition.order,
        "width": definition.width,
        "display_name": definition.display_name,
        "dependents": [],
    }


def _validation(validation: Validation) -> dict[str, Any]:
    """Return a configuration's ConfigInfos."""
    groups = dict.fromkeys(key.definition.group for key in validation.keys if key.definition is not None)
    return {
        "name": validation.connector_class,
        "error_count": len(validation.errors),
        "groups": [group for group in groups if group is not None],
        "configs": [_checked(key) for key in validation.keys],
    }


def _checked(key: Checked) -> dict[str, Any]:
    """Return a key's ConfigInfo."""
    return {
        "definition": None if key.definition is None else _definition(key.definition),
        "value": {
            "name": key.name,
            "value": key.value,
            "recommended_values": [],
            "errors": list(key.errors),
            "visible": key.visible,
        },
    }
