"""``python -m heliograph.cli``: the command ``heliograph`` for whoever has only the interpreter at hand."""

from heliograph.cli import main

main()
