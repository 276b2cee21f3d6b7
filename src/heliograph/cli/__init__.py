"""The command line: one file a command. Parse, call, print; no logic lives here."""

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command ``heliograph``; an interrupt while it is still being loaded ends it without a trace, too."""
    if sys.argv[1:2] == ["run"]:
        # To stop it is no failure, however early. Nothing has begun, and an exception may be lost while modules load.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    gc.disable()  # nothing that is loaded becomes garbage: to look for it takes a tenth of the start
    try:
        from heliograph.cli.app import main as run_command_line  # noqa: PLC0415 - loading takes a moment
    except KeyboardInterrupt:
        sys.exit(130)
    gc.enable()
    run_command_line()
