import io

from rich.console import Console

from heliograph.observe.progress import bars


def work(console, **options):
    with bars(console, **options) as shown:
        first = shown.bar("starting brokers")
        first.finish("2.9 s")
        second = shown.bar("copying", total=100, note="3 topics")
        second.advance(40)
        second.at(50, total=200)
        second.note("done soon")
        third = shown.bar("waiting")
        third.advance()


def test_steps_are_shown_on_a_terminal():
    file = io.StringIO()
    work(Console(file=file, force_terminal=True, width=100, color_system=None))
    first, second, third = file.getvalue().rstrip().removesuffix("\x1b[?25h").splitlines()[-3:]
    assert "✓ starting brokers" in first
    assert "2.9 s" in first
    assert "copying" in second
    assert "done soon" in second
    assert "waiting" in third


def test_silent_elsewhere():
    file = io.StringIO()
    work(Console(file=file))
    work(Console(file=file, force_terminal=True), enabled=False)
    assert file.getvalue() == ""


def test_transient_steps_vanish():
    file = io.StringIO()
    work(Console(file=file, force_terminal=True, width=100, color_system=None), transient=True)
    assert "copying" in file.getvalue()
    assert "\x1b[1A\x1b[2K" in file.getvalue()[-40:], "the lines that the steps stood on are erased"
