"""The command line: one file a command. Parse, call, print; no logic lives here."""

from heliograph.cli.app import main

__all__ = ["main"]
