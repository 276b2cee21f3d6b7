"""Processes that cannot outlive their owner.

Each process is started through ``guard.py``, which see. The owner keeps a socket to the guard; closing it - by
``close()``, by leaving the ``with`` block, by an exception, or by the owner's own death - ends the process. A process
lives in a session of its own, so the terminal's Ctrl-C reaches only its owner.
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from heliograph.errors import HeliographError

GUARD = Path(__file__).with_name("guard.py")
"""The program between owner and process."""

START_LIMIT_S = 30.0
"""The longest wait for the guard to report the process id."""

STOP_LIMIT_S = 60.0
"""The longest wait for a process to end after it was asked to; then it is killed."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a process that ran to its end left behind."""

    command: tuple[str, ...]
    """The command line."""
    exit_code: int
    """0 when all went well; 128 plus the signal's number when it was killed."""
    stdout: str
    """All that it printed to standard output."""
    stderr: str
    """All that it printed to standard error."""


class GuardedProcess:
    """A running process together with its guard."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.DEVNULL,
        errors: int | IO[bytes] = subprocess.STDOUT,
        scratch: Path | None = None,
    ) -> None:
        """Start ``command`` in ``folder``. Raises HeliographError.

        ``scratch`` is a folder that is deleted when the owner dies without closing.
        """
        self.command = tuple(command)
        self._orders, theirs = socket.socketpair()
        self._orders.settimeout(START_LIMIT_S)
        with ExitStack() as undo:
            undo.callback(self._orders.close)
            with theirs:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(GUARD), str(theirs.fileno()), str(scratch or ""), *command],
                    stdin=stdin,
                    stdout=output,
                    stderr=errors,
                    cwd=folder,
                    env=environment,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            undo.callback(self._close_streams)
            self.pid = self._read_pid()
            undo.pop_all()

    def _read_pid(self) -> int:
        """Read the first line from the guard: the process id of the real process."""
        line = b""
        while not line.endswith(b"\n"):
            piece = self._orders.recv(32)
            if not piece:
                self._guard.wait(START_LIMIT_S)
                raise HeliographError(
                    f"The program {self.command[0]} did not start", remedy="Check that it exists and may be run"
                )
            line += piece
        return int(line)

    @property
    def exit_code(self) -> int | None:
        """The exit status, or None while the process runs."""
        return self._guard.poll()

    def _order(self, order: bytes) -> None:
        """Send one order to the guard and wait until it has been carried out; a guard that has ended takes none."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._orders.sendall(order)
            self._orders.recv(1)

    def terminate(self) -> None:
        """Ask for an orderly end (SIGTERM)."""
        self._order(b"T")

    def kill(self) -> None:
        """End the process and all that it started, at once (SIGKILL), and wait until it is gone."""
        self._order(b"K")
        self.wait(STOP_LIMIT_S)

    def freeze(self) -> None:
        """Stop the process as it stands (SIGSTOP): its sockets stay open and silent."""
        self._order(b"S")

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self._order(b"C")

    def wait(self, timeout_s: float) -> int:
        """Wait for the end and return the exit status. Raises TimeoutError."""
        try:
            return self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.command[0]} still runs after {timeout_s} s") from None

    def communicate(self, text: str | None, timeout_s: float) -> tuple[str, str]:
        """Feed standard input and collect both outputs (started with pipes). Raises TimeoutError."""
        try:
            output, errors = self._guard.communicate(None if text is None else text.encode(), timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.command[0]} still runs after {timeout_s} s") from None
        return output.decode(errors="replace"), errors.decode(errors="replace")

    def close(self) -> None:
        """Kill the process if it still runs, and let go of everything."""
        if self.exit_code is None:
            self.kill()
        self._orders.close()
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self._guard.stdin, self._guard.stdout, self._guard.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_to_end(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    text: str | None = None,
    timeout_s: float = 120.0,
) -> Completed:
    """Run a command to its end under guard, with ``text`` on its standard input. Raises TimeoutError."""
    with GuardedProcess(
        command,
        folder=folder,
        environment=environment,
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        output=subprocess.PIPE,
        errors=subprocess.PIPE,
    ) as process:
        output, errors = process.communicate(text, timeout_s)
        return Completed(tuple(command), process.wait(STOP_LIMIT_S), output, errors)
