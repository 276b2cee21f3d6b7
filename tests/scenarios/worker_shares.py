"""What the workers of one flow have of it, as their logs say."""

import re
import time

SHARED_S = 30.0
"""Longest wait for a share; how long it really takes, benchmarks/workers.py measures."""


def partitions_of(process) -> int:
    """Return how many partitions a worker copies, as its log says last."""
    found = re.findall(
        r" (?:running  topics=\d+|share of the partitions ) partitions=(\d+)|standing by: other workers", process.log
    )
    return int(found[-1] or 0) if found else -1


def wait_for_shares(shares: dict, limit_s: float = SHARED_S) -> None:
    """Wait until each process copies as many partitions as it should."""
    deadline = time.monotonic() + limit_s
    while any(partitions_of(process) != count for process, count in shares.items()):
        seen = [partitions_of(process) for process in shares]
        assert time.monotonic() < deadline, f"{seen}\n" + "\n\n".join(process.log for process in shares)
        time.sleep(0.05)


def wait_for_counts(processes: list, counts: list[int], limit_s: float = 30.0) -> None:
    """Wait until the processes copy as many partitions as ``counts`` says, whichever has which."""
    deadline = time.monotonic() + limit_s
    while sorted(map(partitions_of, processes)) != counts:
        assert time.monotonic() < deadline, "\n\n".join(process.log for process in processes)
        time.sleep(0.05)


def assert_unharmed(*processes) -> None:
    for process in processes:
        assert "the exact place is not known" not in process.log
        assert "somebody else" not in process.log
        assert "ERROR" not in process.log
        assert "Traceback" not in process.log
