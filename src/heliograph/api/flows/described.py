"""JSON schemas of classes, with what their docstrings say of them, of each field and of each value."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import msgspec

REFERENCE = "#/components/schemas/{name}"


def schemas_of(types: Iterable[type]) -> dict[str, dict[str, Any]]:
    """Return the schemas of classes, and of those that their fields are of, by name."""
    chosen = list(types)
    _, components = msgspec.json.schema_components(chosen, ref_template=REFERENCE)
    for each in {*_classes(msgspec.inspect.multi_type_info(chosen))}:
        schema = components[each.__name__]
        said = _attributes(each)
        if issubclass(each, Enum):
            values = [f"`{member.value}`: {said[member.name]}" for member in each if member.name in said]
            schema["description"] = "\n\n".join((_clean(each.__doc__ or ""), *values))
            continue
        schema["description"] = _clean(each.__doc__ or "")
        for name, words in said.items():
            if name in schema.get("properties", {}):
                schema["properties"][name] = {**schema["properties"][name], "description": words}
    return dict(sorted(components.items()))


def _classes(info: Any) -> Iterator[type]:
    """Yield each class that a description of a type is of, or holds."""
    match info:
        case list() | tuple():
            for each in info:
                yield from _classes(each)
        case msgspec.inspect.EnumType(cls):
            yield cls
        case msgspec.inspect.DataclassType(cls=cls, fields=fields) | msgspec.inspect.StructType(cls=cls, fields=fields):
            yield cls
            for field in fields:
                yield from _classes(field.type)
        case msgspec.inspect.UnionType(types):
            yield from _classes(types)
        case msgspec.inspect.CollectionType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            yield from _classes(item)
        case msgspec.inspect.DictType(value_type=value):
            yield from _classes(value)


def _attributes(each: type) -> dict[str, str]:
    """Return what stands below the attributes of a class in its source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
    assert isinstance(tree, ast.ClassDef), "a class"
    found = {}
    for node, below in zip(tree.body, tree.body[1:], strict=False):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(words))):
                    found[target.id] = _clean(words)
    return found


def _clean(words: str) -> str:
    return inspect.cleandoc(words).replace("``", "`").replace("None", "null")
