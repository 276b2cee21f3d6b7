"""Fills the generated parts of the reference pages from what the code declares.

A page has its own words. A part between ``<!-- generated: NAME -->`` and ``<!-- end -->`` belongs to this script, so
that a page about an option, a command or an error cannot say something else than the program does::

    python docs/generate.py            write the parts again
    python docs/generate.py --check    change nothing; exit status 1 when a page is out of date
"""  # noqa: INP001 - a script beside its pages, no package

import re
import runpy
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import typer

from heliograph import errors
from heliograph.api.flows.api import ROUTES
from heliograph.api.flows.openapi import document_of
from heliograph.cli.app import make_app
from heliograph.config.load import OPTIONS
from heliograph.config.options import Effect, Family, Option
from heliograph.config.places import (
    Route,
    consumer_keys,
    flow_keys,
    one_flow_keys,
    producer_keys,
    source_client_keys,
    source_connection_keys,
    storage_keys,
    target_client_keys,
    target_connection_keys,
    worker_keys,
)

DOCS = Path(__file__).resolve().parent
CONNECT_DIFFERENCES = DOCS.parent / "tests" / "connect_api" / "differences.py"
"""Held against both programs by the test beside it."""
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
EXAMPLE = Route("A", "B")

KEYS: dict[Family, tuple[tuple[str, Callable[[Route, str], tuple[str, ...]]], ...]] = {
    Family.FILE: (("", lambda _, name: (name,)),),
    Family.FLOW: (("", flow_keys),),
    Family.ONE_FLOW: (("", one_flow_keys),),
    Family.CONNECTION: (("for the source", source_connection_keys), ("for the target", target_connection_keys)),
    Family.CLIENT: (("for the source", source_client_keys), ("for the target", target_client_keys)),
    Family.CONSUMER: (("", consumer_keys),),
    Family.PRODUCER: (("", producer_keys),),
    Family.WORKER: (("", worker_keys),),
    Family.STORAGE: (("", storage_keys),),
}
"""Where an option of each family may stand: the functions that the program itself uses."""

TITLES = {
    Family.FILE: "The whole file",
    Family.FLOW: "A flow",
    Family.ONE_FLOW: "A flow, never the bare key",
    Family.CONNECTION: "How to reach a cluster",
    Family.CLIENT: "Any client",
    Family.CONSUMER: "Reading the source",
    Family.PRODUCER: "Writing to the target",
    Family.WORKER: "The process that serves a target",
    Family.STORAGE: "The process that serves a target, bare key first",
}


# --- tables ----------------------------------------------------------------------------------------------------------


def code(text: str | None) -> str:
    """Return ``text`` as code in a table's cell; a dash for None, a word for the empty text."""
    if text is None:
        return "-"
    return f"`{text}`".replace("|", "\\|") if text else "empty"


def prose(text: str) -> str:
    """Return ``text`` so that a table's cell shows it as it is."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


# --- options ---------------------------------------------------------------------------------------------------------


def options_now() -> str:
    """Return the options that have an effect, family by family, each with the keys that may set it."""
    return "\n".join(_family(family) for family in Family if _of(family, Effect.NOW))


def options_never() -> str:
    """Return the options that have nothing to govern: first those that are not passed over in silence."""
    chosen = [option for family in Family for option in _of(family, Effect.NEVER)]
    spoken = {each.name: each for each in chosen if each.without}
    silent = sorted({each.name for each in chosen if not each.without})
    told = table(("option", "what the program says"), ((code(each.name), _told(each)) for each in spoken.values()))
    return f"{told}\nAccepted in silence: {', '.join(map(code, silent))}.\n"


def _of(family: Family, effect: Effect) -> list[Option]:
    return [option for option in OPTIONS.options if option.family is family and option.effect is effect]


def _family(family: Family) -> str:
    lines = []
    for which, keys in KEYS[family]:
        shown = ", ".join(map(code, keys(EXAMPLE, "NAME")))
        lines.append(f"- Keys{' ' + which if which else ''}, the strongest first: {shown}.\n")
    rows = ((code(each.name), each.kind.value, _default(each), _meaning(each)) for each in _of(family, Effect.NOW))
    return f"### {TITLES[family]}\n\n{''.join(lines)}\n{table(('option', 'type', 'default', 'meaning'), rows)}"


def _default(option: Option) -> str:
    ours = code(option.default)
    return f"{ours} (MM2: {code(option.mm2_default)})" if option.mm2_default is not None else ours


def _meaning(option: Option) -> str:
    limits = [f"One of {', '.join(map(code, option.choices))}."] if option.choices else []
    limits += [f"At least {option.minimum}."] if option.minimum is not None else []
    return " ".join((prose(option.meaning), *limits))


def _told(option: Option) -> str:
    if not option.without:
        return "nothing"
    unless = f" (unless it is {' or '.join(map(code, option.acts_like))})" if option.acts_like else ""
    return f"{'error' if option.refused else 'warning'}{unless}: the key *{prose(option.without)}*"


# --- commands --------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Return every command with its arguments and options."""
    root: Any = typer.main.get_command(make_app())
    parts = [_command("heliograph", root)]
    parts += [_command(f"heliograph {name}", each) for name, each in root.commands.items()]
    return "\n".join(parts)


def _command(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    rest = "".join(f" {each.metavar or each.name.upper()}" for each in arguments)
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    rows = [(code(each.metavar or each.name.upper()), _sentence(each.help), "required") for each in arguments]
    rows += [
        (code(" / ".join((*each.opts, *each.secondary_opts))), _sentence(each.help), _shown(each)) for each in options
    ]
    about = prose(" ".join((command.help or "").split()))
    return f"### `{name}{rest}`\n\n{about}\n" + (
        f"\n{table(('argument or option', 'meaning', 'default'), rows)}" if rows else ""
    )


def _sentence(text: str | None) -> str:
    return prose(" ".join((text or "").split()))


def _shown(option: Any) -> str:
    if option.required:
        return "required"
    default = getattr(option.default, "value", option.default)
    return "-" if default in (None, False, (), []) or callable(default) else code(str(default))


# --- errors ----------------------------------------------------------------------------------------------------------


def exit_codes() -> str:
    """Return every class of error with its exit code, in the order of the tree."""
    rows = []
    for depth, kind in _tree(errors.HeliographError, 0):
        about = (kind.__doc__ or "").splitlines()[0].replace("``", "`")
        rows.append(("&nbsp;&nbsp;" * depth + f"`{kind.__name__}`", str(kind.exit_code), about))
    return table(("error", "exit code", "meaning"), rows)


def _tree(kind: type[errors.HeliographError], depth: int) -> Iterable[tuple[int, type[errors.HeliographError]]]:
    yield depth, kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _tree(below, depth + 1)


# --- API -------------------------------------------------------------------------------------------------------------


def api_requests() -> str:
    """Return every request that our own API takes."""
    found = document_of(ROUTES)["paths"]
    return "\n".join(
        _request(method.upper(), path, operation)
        for path, methods in found.items()
        for method, operation in methods.items()
    )


def _request(method: str, path: str, operation: Any) -> str:
    rows = [
        (code(each["name"]), each["in"], _type(each["schema"]), prose(each["description"]))
        for each in operation.get("parameters", ())
    ]
    bodies = [each["schema"] for each in operation.get("requestBody", {}).get("content", {}).values()]
    rows += [("", "body", _type(each), "") for each in bodies]
    answers = ", ".join(
        f"{status} ({_type(schema)})"
        for status, answer in operation["responses"].items()
        if int(status) < 400
        for schema in (each["schema"] for each in answer["content"].values())
    )
    errors = ", ".join(status for status in operation["responses"] if int(status) >= 400)
    return (
        f"### `{method} {path}`\n\n{prose(operation['summary'])}\n\n"
        + (f"{table(('name', 'where', 'type', 'meaning'), rows)}\n" if rows else "")
        + f"Answers {answers}; errors {errors}. Clients call it `{operation['operationId']}`.\n"
    )


def api_objects() -> str:
    """Return every object that requests and answers are made of."""
    return "\n".join(_object(name, schema) for name, schema in document_of(ROUTES)["components"]["schemas"].items())


def _object(name: str, schema: Any) -> str:
    required = schema.get("required", ())
    rows = [
        (code(field), _type(each), "yes" if field in required else "no", prose(each.get("description", "")))
        for field, each in schema.get("properties", {}).items()
    ]
    about = prose(schema["description"]) if rows else schema["description"]
    values = "" if rows else f"\nOne of {', '.join(map(code, schema['enum']))}.\n"
    return f"### {name}\n\n{about}\n{values}" + (
        f"\n{table(('field', 'type', 'required', 'meaning'), rows)}" if rows else ""
    )


def _type(schema: Any) -> str:
    """Return a schema's type in a few words; objects are links."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(choices)}:
            return " or ".join(map(_type, choices))
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_type(values)}"
        case {"type": kind}:
            least, most = schema.get("minimum"), schema.get("maximum")
            return (
                str(kind)
                + (f" from {least}" if least is not None else "")
                + (f" to {most}" if most is not None else "")
            )
        case _:
            return "anything"


# --- Kafka Connect's REST API ----------------------------------------------------------------------------------------


def connect_differences() -> str:
    """Return what is answered otherwise than by Kafka Connect, and why."""
    differences = runpy.run_path(str(CONNECT_DIFFERENCES))["DIFFERENCES"]
    rows = ([prose(cell) for cell in (each.what, each.theirs, each.ours, each.why)] for each in differences)
    return table(("what", "Kafka Connect 4.3.1", "Heliograph", "why"), rows)


# --- pages -----------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], str]] = {
    "options-now": options_now,
    "options-never": options_never,
    "commands": commands,
    "exit-codes": exit_codes,
    "api-requests": api_requests,
    "api-objects": api_objects,
    "connect-differences": connect_differences,
}
PAGES = ("reference/options.md", "reference/cli.md", "reference/messages.md", "reference/api.md", "connect.md")


def filled(page: str) -> str:
    """Return the text of a page with its generated parts as they should be; KeyError for a part that nobody makes."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found['name']]()}\n{found[3]}", page)


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages; gives the exit status."""
    stale = []
    for name in PAGES:
        path = DOCS / name
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(after, encoding="utf-8")
    word = "out of date" if "--check" in arguments else "written"
    sys.stdout.write("".join(f"{word}: docs/{name}\n" for name in stale) or "nothing to do\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
