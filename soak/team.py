"""Two processes of Heliograph with the same file: one copies, the other stands by."""

import sys
import tempfile
import time
from pathlib import Path

import psutil

from heliograph.testbed.processes import GuardedProcess

START_S = 60.0
PAUSE_S = 0.05
SIGNS = {" copying": True, "standing by": False, "no longer ours": False}


class Member:
    """One process and its log."""

    def __init__(self, file: Path, log: Path) -> None:
        """Start it."""
        self.log_path = log
        self.ended_by_us = False
        self._output = log.open("ab")
        self._process = GuardedProcess(
            [str(Path(sys.executable).with_name("heliograph")), "run", str(file)], output=self._output
        )

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.exit_code is None

    @property
    def owns(self) -> bool:
        """Whether it copies, as its log says."""
        last = False
        for line in self.log_path.read_text(encoding="utf-8", errors="replace").splitlines():
            for sign, owns in SIGNS.items():
                if sign in line:
                    last = owns
        return self.running and last

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "(nothing)"

    @property
    def rss_bytes(self) -> int:
        """Its resident memory; 0 when it does not run."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss) if self.running else 0
        except psutil.NoSuchProcess:
            return 0

    def kill(self) -> None:
        """SIGKILL."""
        self.ended_by_us = True
        self._process.kill()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self.ended_by_us = True
        self._process.terminate()
        self._process.wait(START_S)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._process.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.thaw()

    def close(self) -> None:
        """End it at once."""
        self._process.close()
        self._output.close()


class Team:
    """Keeps two members running."""

    def __init__(self, file: Path, folder: Path | None = None) -> None:
        """Start both; logs are kept in ``folder``."""
        self.file = file
        self.folder = folder or Path(tempfile.mkdtemp(prefix="heliograph-soak-"))
        self.rss_bytes_max = 0
        self.fell: list[str] = []
        """Processes that ended by themselves, which none should."""
        self._started = 0
        self._members: list[Member] = []
        self.mend()

    def mend(self) -> None:
        """Start whoever is missing."""
        self.look()
        for member in [each for each in self._members if not each.running]:
            if not member.ended_by_us:
                self.fell.append(f"{member.log_path.name} ended by itself: {member.last_words}")
            member.close()
            self._members.remove(member)
        while len(self._members) < 2:
            self._started += 1
            self._members.append(Member(self.file, self.folder / f"process-{self._started}.log"))

    def look(self) -> None:
        """Note how much memory is used."""
        self.rss_bytes_max = max(self.rss_bytes_max, *(each.rss_bytes for each in self._members), 0)

    def owner(self) -> Member:
        """Return the one that copies; if none does for a minute, any."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            for member in self._members:
                if member.owns:
                    return member
            time.sleep(PAUSE_S)
        return self._members[0]

    def log_lines(self, *words: str) -> list[str]:
        """Return the lines of all logs that hold one of ``words``."""
        return [
            line
            for path in sorted(self.folder.glob("process-*.log"))
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
            if any(word in line for word in words)
        ]

    def close(self) -> None:
        """End both."""
        for member in self._members:
            member.close()
