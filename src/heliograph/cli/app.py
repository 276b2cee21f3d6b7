"""The program's front door: the commands, the version line, and errors as one line with an exit code.

Whatever a person may have caused ends here as one line on standard error: a wrong command line or configuration with
exit code 2, and every other kind as the tree in :mod:`heliograph.errors` says. A stack trace is a defect.
"""

import os
import signal
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

import heliograph
from heliograph.cli.adopt import adopt
from heliograph.cli.arguments import WORDS_LEFT_OVER
from heliograph.cli.check import check
from heliograph.cli.demo import demo
from heliograph.cli.failback import failback
from heliograph.cli.failover import failover
from heliograph.cli.offsets import offsets
from heliograph.cli.run import run
from heliograph.cli.verify import verify
from heliograph.concurrency import single_cause
from heliograph.errors import ConfigErrors, HeliographError
from heliograph.records import kernel_name

USAGE_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 128 + signal.SIGINT

app = typer.Typer(
    name="heliograph",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def version_line() -> str:
    """Name version, kernel and Python in one line."""
    return f"heliograph {heliograph.__version__} (kernel: {kernel_name}, Python {sys.version.split()[0]})"


@app.callback()
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


app.command(context_settings=WORDS_LEFT_OVER)(run)
app.command(context_settings=WORDS_LEFT_OVER)(check)
app.command(context_settings=WORDS_LEFT_OVER)(adopt)
app.command()(offsets)
app.command()(failover)
app.command()(failback)
app.command()(verify)
app.command()(demo)


def main() -> None:
    """Run the command line and end the process; an expected error becomes one line on standard error."""
    try:
        with single_cause():
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


def _usage(error: TyperException) -> str:
    """Say what is wrong with the command line, and where to read more."""
    message = " ".join(error.format_message().replace("Value error, ", "").split())
    command = getattr(getattr(error, "ctx", None), "command_path", "") or "heliograph"
    return f"{message.rstrip('.')}. See {command} --help"


def _complain(text: str, exit_code: int) -> int:
    for line in text.splitlines():
        print(f"heliograph: {line}", file=sys.stderr)
    return exit_code
