"""Thin progress bars for work that a person waits for; nothing at all where nobody looks.

A bar counts what is done out of what is known, or just turns while the total is not known. What is finished stays on
the screen as one line with a tick, so that the steps of a long command read like a list.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

_BAR_CELLS = 24
_REFRESH_PER_S = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of the work."""

    _progress: Progress | None
    _task: TaskID

    def advance(self, done: float = 1) -> None:
        """Count ``done`` more."""
        if self._progress is not None:
            self._progress.advance(self._task, done)

    def at(self, done: float, total: float | None = None) -> None:
        """Stand at ``done``; ``total`` where it has only now become known, or has changed."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def note(self, note: str) -> None:
        """Show ``note`` behind the bar."""
        if self._progress is not None:
            self._progress.update(self._task, note=note)

    def finish(self, note: str | None = None) -> None:
        """Mark the step as done, whatever was counted."""
        if self._progress is None:
            return
        task = next(task for task in self._progress.tasks if task.id == self._task)
        total = task.total or task.completed or 1
        if note is not None:
            self.note(note)
        self._progress.update(self._task, total=total, completed=total)


@dataclass(frozen=True, slots=True)
class Bars:
    """The steps that are shown at the same time, in the order in which they were begun."""

    _progress: Progress | None

    def bar(self, label: str, total: float | None = None, note: str = "") -> Bar:
        """Begin a step; ``total`` None: not known."""
        if self._progress is None:
            return Bar(None, TaskID(0))
        return Bar(self._progress, self._progress.add_task(label, total=total, note=note))


@contextmanager
def bars(console: Console, *, enabled: bool = True, transient: bool = False) -> Iterator[Bars]:
    """Show steps on ``console`` while the block runs; silent where it is no terminal.

    ``transient``: they vanish with the end of the block, for commands that print their steps as lines of their own.
    """
    if not (enabled and console.is_terminal):
        yield Bars(None)
        return
    with Progress(
        SpinnerColumn(style="cyan", finished_text=Text("✓" if console.encoding == "utf-8" else "*", style="green")),
        TextColumn("{task.description}"),
        BarColumn(bar_width=_BAR_CELLS, style="dim", complete_style="cyan", finished_style="green", pulse_style="cyan"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        refresh_per_second=_REFRESH_PER_S,
        transient=transient,
    ) as progress:
        yield Bars(progress)
