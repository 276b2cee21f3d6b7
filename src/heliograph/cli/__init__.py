"""The command line: one file a command. Parse, call, print; no logic lives here."""

import gc
import sys


def main() -> None:
    """Run the command ``heliograph``; an interrupt while it is still being loaded ends it without a trace, too."""
    gc.disable()  # nothing that is loaded becomes garbage: to look for it takes a tenth of the start
    try:
        from heliograph.cli.app import main as run_command_line  # noqa: PLC0415 - loading takes a moment
    except KeyboardInterrupt:
        sys.exit(130)
    gc.enable()
    run_command_line()
