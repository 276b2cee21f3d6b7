"""Requests and responses by name and version, on kio's schemas.

A request is written as plain Python values (``{"topics": [{"name": "t"}]}``) and turned into the schema of the
version that was negotiated. A field that the version does not have is left out, as Kafka's own clients do with
fields marked *ignorable*; a caller that cannot live without a field asks for the version first.
"""

import datetime as dt
import io
import struct
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from kio.index import load_request_schema, load_response_schema
from kio.schema.index import api_key_map, schema_name_map
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.constants import EntityType

from heliograph.errors import ProtocolError
from heliograph.wire.bounds import checked, unsigned_varint

API_KEYS: dict[str, int] = {name: key for key, name in api_key_map.items()}
"""Kafka's api key by kio's name of the message, e.g. ``{"metadata": 3}``."""

API_VERSIONS = API_KEYS["api_versions"]


@cache
def known_versions(api: str) -> tuple[int, int]:
    """Lowest and highest version of ``api`` that the schemas cover."""
    versions = [version for version, kinds in schema_name_map[api].items() if EntityType.request in kinds]
    return min(versions), max(versions)


@cache
def _request_type(api: str, version: int) -> type[Any]:
    return load_request_schema(API_KEYS[api], version)


@cache
def _response_type(api: str, version: int) -> type[Any]:
    return load_response_schema(API_KEYS[api], version)


@cache
def _builders(entity: Any) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(entity)
    return {field.name: _builder(hints[field.name]) for field in fields(entity)}


def _builder(hint: Any) -> Callable[[Any], Any]:
    """Return the function that turns a plain value into what a field of type ``hint`` holds."""
    if isinstance(hint, types.UnionType):
        inner = _builder(next(part for part in hint.__args__ if part is not type(None)))
        return lambda value: None if value is None else inner(value)
    if typing.get_origin(hint) is tuple:
        item = _builder(typing.get_args(hint)[0])
        return lambda value: tuple(item(each) for each in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value: build(hint, value)
    if isinstance(hint, type) and issubclass(hint, dt.timedelta):
        return lambda ms: dt.timedelta(milliseconds=ms)
    return lambda value: value


def build(entity: type[Any], values: Mapping[str, Any]) -> Any:
    """Make a kio entity from plain values; names the entity does not have are left out."""
    builders = _builders(entity)  # type: ignore[arg-type]
    return entity(**{name: builders[name](value) for name, value in values.items() if name in builders})


def encode(api: str, version: int, values: Mapping[str, Any], *, correlation_id: int, client_id: str) -> bytes:
    """Write one request, header included, without the length prefix (Kafka protocol guide, *Protocol primitives*)."""
    entity = build(_request_type(api, version), values)
    header = entity.__header_schema__
    buffer = io.BytesIO()
    entity_writer(header)(
        buffer,
        header(
            request_api_key=API_KEYS[api],
            request_api_version=version,
            correlation_id=correlation_id,
            client_id=client_id,
        ),
    )
    entity_writer(type(entity))(buffer, entity)
    return buffer.getvalue()


def decode(api: str, version: int, frame: bytes | bytearray | memoryview) -> Any:
    """Read one response, whose first four bytes are the correlation id; raises ProtocolError when it makes no sense.

    The answer to ApiVersions always has the oldest header, since it is read before versions are known (KIP-511).
    """
    entity = _response_type(api, version)
    body = bytes(frame)
    offset = 4
    try:
        if API_KEYS[api] != API_VERSIONS and entity.__flexible__:
            offset = _skip_tagged_fields(body, offset)
        answer, _ = entity_reader(entity)(*checked(entity, body, offset))
    except (SerialError, ValueError, OverflowError, IndexError, struct.error, MemoryError) as error:
        raise ProtocolError(
            f"An answer to {api} (version {version}, {len(body)} bytes) cannot be read: {type(error).__name__}",
            remedy="Something between here and the broker damages or cuts answers, or it is not a Kafka broker",
        ) from error
    return answer


def _skip_tagged_fields(body: bytes, offset: int) -> int:
    """Step over the tagged fields of a flexible response header (KIP-482)."""
    count, offset = unsigned_varint(body, offset)
    for _ in range(count):
        _, offset = unsigned_varint(body, offset)
        size, offset = unsigned_varint(body, offset)
        offset += size
        if offset > len(body):
            raise IndexError(offset)
    return offset
