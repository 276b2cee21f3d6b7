"""The command line: one file a command. Parse, call, print; no logic lives here."""

import sys


def main() -> None:
    """Run the command ``heliograph``; an interrupt while it is still being loaded ends it without a trace, too."""
    try:
        from heliograph.cli.app import main as run_command_line  # noqa: PLC0415 - loading takes a moment
    except KeyboardInterrupt:
        sys.exit(130)
    run_command_line()
