"""Plain tables say what they leave out."""

import io

from rich.console import Console

from heliograph.cli.tables import ROWS_MAX, plain_table, print_rest


def printed(*things) -> str:
    console = Console(file=io.StringIO(), width=60)
    for each in things:
        each(console)
    return console.file.getvalue()


def test_what_is_left_out_is_counted():
    assert printed(lambda console: print_rest(console, ROWS_MAX)) == ""
    assert printed(lambda console: print_rest(console, ROWS_MAX + 7)) == "  and 7 more (--json shows all)\n"


def test_long_words_are_folded_and_not_cut():
    table = plain_table("topic", "partitions")
    table.add_row("x" * 100, "3")
    assert printed(lambda console: console.print(table)).count("x") == 100
