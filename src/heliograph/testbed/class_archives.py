"""Archives of loaded classes, which halve the time that a Java server takes to start.

A JVM that starts Kafka parses and verifies some 5,000 classes. Class data sharing (JEP 310, JEP 350) lets it map them
from a file instead. That file holds only for one runtime and one list of jars, so its name is made from both; it lies
in the cache folder and is made once, from the names of classes that a rehearsal loaded (``warming.py``). Where there
is none, a program starts all the same, only slower.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import cache_folder
from heliograph.testbed.java import Java
from heliograph.testbed.processes import run_to_end

LISTED = ".classes"
"""Ends the names of the files to which a rehearsal writes its classes."""

DUMP_LIMIT_S = 300.0
"""The longest that making an archive may take; it takes some five seconds."""


def archive_path(java: Java, jars: Sequence[Path]) -> Path:
    """Return where the archive of these jars under this runtime lies, or would lie."""
    runtime = java.executable.resolve()
    parts = [f"{runtime} {java.major} {runtime.stat().st_size} {runtime.stat().st_mtime_ns}"]
    parts += [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    return cache_folder() / "classes" / f"{hashlib.sha256(os.linesep.join(parts).encode()).hexdigest()[:20]}.jsa"


def use_archive(java: Java, jars: Sequence[Path]) -> list[str]:
    """Return the options that let a JVM use the archive; none where there is none."""
    with contextlib.suppress(FileNotFoundError):
        path = archive_path(java, jars)
        if path.exists():
            # A JVM that cannot use the archive goes on without it, and need not say so.
            return [f"-XX:SharedArchiveFile={path}", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"]
    return []


def list_classes(folder: Path) -> list[str]:
    """Return the options that let a JVM write the classes which it loads to a file of its own in ``folder``."""
    return [f"-XX:DumpLoadedClassList={folder}/%p{LISTED}"]


def make_archive(java: Java, jars: Sequence[Path], folder: Path) -> None:
    """Make the archive from the lists in ``folder``, whole or not at all. Raises HeliographError."""
    path = archive_path(java, jars)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{path.stem}.", dir=path.parent))
    try:
        lines = {line for listed in folder.glob(f"*{LISTED}") for line in listed.read_text().splitlines()}
        (part / "all").write_text("\n".join(sorted(line for line in lines if not line.startswith("#"))))
        options = ["-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={part / 'all'}"]
        command = [*options, f"-XX:SharedArchiveFile={part / 'made.jsa'}", "-cp", ":".join(map(str, jars))]
        outcome = run_to_end([str(java.executable), *command], timeout_s=DUMP_LIMIT_S)
        if outcome.exit_code:
            raise HeliographError(
                f"No archive of classes could be made: {(outcome.stderr + outcome.stdout).strip()[-500:]}",
                remedy="Look for room on the disk; without an archive, servers start all the same",
            )
        (part / "made.jsa").replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
