"""What a process costs: CPU, memory and time, read from outside and in the same way for every contender.

CPU is user plus system time of the process and everything that it started, from the kernel's own per-process clock
(nanoseconds, not the 10 ms ticks of ``/proc``). It is looked at together with the target's end offsets every few
milliseconds, and the figures are then read off these looks:

* *start*: from the call that starts the process to the first look that finds a record on the target;
* *flowing*: from the last look that still found the target empty to the first that finds all records there. So a
  contender's start (and a JVM's) is left out, and an error of one look's length counts against the contender;
* *late*: twice the CPU of the second half of the records, for those who need to warm up.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from heliograph.errors import HeliographError
from heliograph.testbed.processes import GuardedProcess

LOOK_S = 0.01
"""Between two looks."""

FAMILY_S = 1.0
"""How long a list of a process's descendants is believed."""

CPUCLOCK_SCHED = 2
"""The kind of a process's clock in Linux's numbering of clocks (see clock_getcpuclockid(3))."""

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the target and at the process."""

    at_s: float
    """By the monotonic clock."""
    records: int
    """On the target, over all partitions."""
    cpu_s: float
    """Used by the process since it began."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What it cost to copy a load."""

    start_s: float
    """From the start of the process to the first record."""
    start_cpu_s: float
    """CPU until then."""
    cpu_s: float
    """CPU while flowing."""
    cpu_late_s: float
    """Twice the CPU of the second half of the records."""
    wall_s: float
    """Time while flowing."""
    memory_mb: float
    """Peak resident memory."""


class Meter:
    """The CPU and memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        """Begin to watch."""
        self._root = psutil.Process(pid)
        self._family: list[int] = [pid]
        self._ended_cpu_s = 0.0
        self._listed_at_s = 0.0

    def cpu_s(self) -> float:
        """Return the CPU time used so far."""
        self._list_family()
        return self._ended_cpu_s + sum(_cpu_s(pid) for pid in self._family)

    def memory_peak_mb(self) -> float:
        """Return the sum of each process's own peak of resident memory."""
        self._list_family(at_once=True)
        return sum(_memory_peak_bytes(pid) for pid in self._family) / MEGABYTE

    def _list_family(self, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        if at_once or now_s > self._listed_at_s + FAMILY_S:
            self._listed_at_s = now_s
            try:
                members = [self._root, *self._root.children(recursive=True)]
                self._ended_cpu_s = sum(_ended_cpu_s(member) for member in members)
                self._family = [member.pid for member in members]
            except psutil.NoSuchProcess:
                raise HeliographError("A process that is measured has ended", remedy="See its log") from None


def _cpu_s(pid: int) -> float:
    """Return one process's CPU time, all its threads included, those that ended as well."""
    try:
        if sys.platform == "linux":
            return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
        times = psutil.Process(pid).cpu_times()
    except (OSError, psutil.NoSuchProcess):
        return 0.0
    return times.user + times.system


def _ended_cpu_s(process: psutil.Process) -> float:
    """Return the CPU time of children that ended and were waited for."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.children_user + times.children_system


def _memory_peak_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123 - a file of the kernel
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return psutil.Process(pid).memory_info().rss
    except (OSError, psutil.NoSuchProcess):
        return 0


def follow(
    process: GuardedProcess, count: Callable[[], int], expected: int, started_at_s: float, limit_s: float
) -> tuple[list[Look], Meter]:
    """Look at a running copy until ``count()`` is ``expected``. Raises HeliographError when that does not happen."""
    meter = Meter(process.pid)
    looks = [Look(started_at_s, 0, 0.0)]
    while looks[-1].records < expected:
        if process.exit_code is not None:
            raise HeliographError(f"{process.command[0]} ended with {process.exit_code}", remedy="See its log")
        now_s = time.monotonic()
        if now_s > started_at_s + limit_s:
            raise HeliographError(f"Only {looks[-1].records} of {expected} records after {limit_s:g} s")
        looks.append(Look(now_s, count(), meter.cpu_s()))
        time.sleep(max(0.0, now_s + LOOK_S - time.monotonic()))
    return looks, meter


def read_off(looks: Sequence[Look], memory_mb: float) -> Flow:
    """Work out what a copy cost; ``looks`` begin when the process was started and end with all records there."""
    begun = max(index for index, look in enumerate(looks) if look.records == 0)
    first, last = looks[begun], looks[-1]
    half = next(look for look in looks if look.records * 2 >= last.records)
    share = 1 - half.records / last.records
    late_s = (last.cpu_s - half.cpu_s) / share if share else last.cpu_s - first.cpu_s
    return Flow(
        start_s=looks[begun + 1].at_s - looks[0].at_s,
        start_cpu_s=first.cpu_s,
        cpu_s=last.cpu_s - first.cpu_s,
        cpu_late_s=late_s,
        wall_s=last.at_s - first.at_s,
        memory_mb=memory_mb,
    )


def wait_quiet(pids: Sequence[int], *, share_max: float = 0.12, limit_s: float = 20.0) -> None:
    """Wait until the brokers have finished what the last copy left them to do, or until the time is over."""
    meters = [Meter(pid) for pid in pids]
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        before_s, at_s = sum(meter.cpu_s() for meter in meters), time.monotonic()
        time.sleep(1.0)
        if (sum(meter.cpu_s() for meter in meters) - before_s) / (time.monotonic() - at_s) < share_max:
            return
