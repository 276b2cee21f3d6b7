"""The program's front door: the commands, the version line, and errors as one line with an exit code."""

import sys
from typing import Annotated

import click
import typer

import heliograph
from heliograph.cli.run import run
from heliograph.errors import HeliographError
from heliograph.records import kernel_name

app = typer.Typer(
    name="heliograph",
    help="Copies topics, and everything that belongs to them, from one Kafka cluster to another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"heliograph {heliograph.__version__} (kernel: {kernel_name}, Python {sys.version.split()[0]})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version and kernel run.")
    ] = False,
) -> None:
    """Copy topics, and everything that belongs to them, from one Kafka cluster to another."""


app.command(name="run")(run)


def main() -> None:
    """Run the command line; an expected error becomes one line on standard error and its exit code."""
    try:
        app(standalone_mode=False)
    except HeliographError as error:
        print(f"heliograph: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        print(f"heliograph: {error.format_message()}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
