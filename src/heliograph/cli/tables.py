"""Plain tables of commands that look at flows."""

from rich import box
from rich.console import Console
from rich.table import Table

ROWS_MAX = 50
"""Rows of a table on the terminal; --json has them all."""


def plain_table(*columns: str) -> Table:
    """Return an empty table with a line under its head."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_rest(console: Console, rows: int) -> None:
    """Say how many of ``rows`` a table has left out."""
    if rows > ROWS_MAX:
        console.print(f"  and {rows - ROWS_MAX} more (--json shows all)")
