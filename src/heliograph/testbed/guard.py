"""Keeps one process under watch, so that it never outlives the one who asked for it.

A process that is killed with SIGKILL cannot tidy up, so somebody else must. This file is run as a small program of
its own, between the asking process and the server: it holds one end of a socket pair, and when the other end closes -
because the asker closed it, crashed, or was killed - it kills the server's whole process group. Linux does the same
for the guard itself through ``PR_SET_PDEATHSIG``; the call is made between fork and exec, which is sound here because
the guard never has a second thread.

Orders arrive over the socket, one byte each, and are sent back when they have been carried out. Signals are thus sent
by the parent of the process, which alone knows that the process id has not been given to another one meanwhile. The
guard ends with the exit status of the process, or with 128 plus the signal's number.

Usage: ``python guard.py SOCKET_FD SCRATCH_FOLDER COMMAND...``; an empty scratch folder means that nothing is deleted.
The module uses the standard library alone and is started with ``-I -S``: it must be up in a few hundredths of a
second.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys

FREEZE = b"S"
"""The order that is carried out only when the process stands still."""

ORDERS = {
    b"T": signal.SIGTERM,
    b"K": signal.SIGKILL,
    FREEZE: signal.SIGSTOP,
    b"C": signal.SIGCONT,
}
"""What each byte asks for."""

PR_SET_PDEATHSIG = 1
"""See prctl(2)."""

NOT_STARTED = 127
"""The exit status of a shell, too, for a command that does not exist."""

PARENT_CHECK_S = 1.0
"""How often the guard looks whether its parent is the same: a forked copy of the parent may hold the socket open."""


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; elsewhere the socket alone must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to the process and all that it started; a process that has ended and been reaped is left alone."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def await_stop(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process stands still or has ended: on a busy machine it may run on for a while after SIGSTOP."""
    if process.returncode is None and hasattr(os, "waitid"):
        # WNOWAIT leaves an exit status for poll() to collect.
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def await_child_or_order(orders: socket.socket, child_ended: socket.socket) -> bool:
    """Wait a little; True when an order, or the end of the orders, can be read."""
    readable, _, _ = select.select([orders, child_ended], [], [], PARENT_CHECK_S)
    if child_ended in readable:
        child_ended.recv(64)
    return orders in readable


def watch(process: "subprocess.Popen[bytes]", orders: socket.socket, child_ended: socket.socket) -> bool:
    """Carry out orders until the process ends; True when the asker vanished before."""
    parent = os.getppid()
    while process.poll() is None:
        if await_child_or_order(orders, child_ended):
            order = orders.recv(1)
            if not order:
                return True
            signal_group(process, ORDERS[order])
            if order == FREEZE:
                await_stop(process)
            orders.sendall(order)
        if os.getppid() != parent:
            return True
    return False


def main(arguments: list[str]) -> int:
    """Start the command, watch it, and return its exit status."""
    orders = socket.socket(fileno=int(arguments[0]))
    scratch, command = arguments[1], arguments[2:]
    # The terminal's Ctrl-C goes to the asker alone, which then decides.
    child_ended, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    try:
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509 - one thread
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return NOT_STARTED
    vanished = True
    try:
        orders.sendall(b"%d\n" % process.pid)
        vanished = watch(process, orders, child_ended)
    finally:
        signal_group(process, signal.SIGKILL)
        status = process.wait()
        if vanished and scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
