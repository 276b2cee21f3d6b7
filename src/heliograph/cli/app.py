"""The program's front door: the commands, the version line, and errors as one line with an exit code.

Whatever a person may have caused ends here as one line on standard error: a wrong command line or configuration with
exit code 2, and every other kind as the tree in :mod:`heliograph.errors` says. A stack trace is a defect.
"""

import os
import signal
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

import heliograph
from heliograph.cli.arguments import WORDS_LEFT_OVER
from heliograph.concurrency import single_cause
from heliograph.errors import ConfigErrors, HeliographError
from heliograph.records import kernel_name

USAGE_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 128 + signal.SIGINT

COMMANDS: Mapping[str, Mapping[str, Any]] = {
    "run": WORDS_LEFT_OVER,
    "check": WORDS_LEFT_OVER,
    "adopt": WORDS_LEFT_OVER,
    "status": WORDS_LEFT_OVER,
    "plan": WORDS_LEFT_OVER,
    "pause": {},
    "resume": {},
    "restart": {},
    "rewind": {},
    "limit": {},
    "offsets": {},
    "failover": {},
    "failback": {},
    "verify": {},
    "user": {},
    "demo": {},
}
"""All commands in the order of the help page, with their context settings. Each is the function of
``heliograph.cli.NAME`` that has the same name.
"""


def make_app(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the command line with the commands of these names; only their modules are loaded."""
    app = typer.Typer(
        name="heliograph",
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(root)
    for name in names:
        command = getattr(import_module(f"heliograph.cli.{name}"), name)
        app.command(context_settings=dict(COMMANDS[name]))(command)
    return app


def version_line() -> str:
    """Name version, kernel and Python in one line."""
    return f"heliograph {heliograph.__version__} (kernel: {kernel_name}, Python {sys.version.split()[0]})"


def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say which version and kernel run.")] = False,
) -> None:
    """Copy topics, and everything that belongs to them, from one Kafka cluster to another."""
    if version:
        print(version_line())
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE_EXIT_CODE)


def main() -> None:
    """Run the command line and end the process; an expected error becomes one line on standard error."""
    try:
        with single_cause():
            app = make_app(_needed(sys.argv[1:]))
            exit_code = app(prog_name="heliograph", standalone_mode=False)
        sys.stdout.flush()
    except ConfigErrors as error:
        for note in error.notes:
            _complain(f"note: {note}", error.exit_code)
        sys.exit(_complain(str(error), error.exit_code))
    except HeliographError as error:
        sys.exit(_complain(str(error), error.exit_code))
    except TyperException as error:
        sys.exit(_complain(_usage(error), USAGE_EXIT_CODE))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED_EXIT_CODE)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not stumble over it again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(exit_code or 0)


def _needed(words: list[str]) -> Iterable[str]:
    """Return the commands that a command line needs: loading all of them would take longer than most of them run."""
    first = words[0] if words else ""
    if first == "--version":
        return ()
    return (first,) if first in COMMANDS else COMMANDS


def _usage(error: TyperException) -> str:
    """Say what is wrong with the command line, and where to read more."""
    message = " ".join(error.format_message().replace("Value error, ", "").split())
    command = getattr(getattr(error, "ctx", None), "command_path", "") or "heliograph"
    end = "" if message.endswith("?") else "."
    return f"{message.rstrip('.')}{end} See {command} --help"


def _complain(text: str, exit_code: int) -> int:
    for line in text.splitlines():
        print(f"heliograph: {line}", file=sys.stderr)
    return exit_code
