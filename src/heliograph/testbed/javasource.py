"""Small Java programs of our own, compiled and run against the jars of one version of Kafka.

Some of Kafka is a library and has no command-line tool, such as MirrorMaker 2's ``RemoteClusterUtils``. A Java runtime
without a compiler must do, so the compiler comes as a jar as well: Eclipse's (ECJ), which needs nothing but a runtime.
What was compiled is kept in the cache folder under a name made from all that went into it.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import cache_folder, class_path, jars
from heliograph.testbed.java import OLDEST_JAVA, find_java
from heliograph.testbed.processes import Completed, run_to_end
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import SMALL_JVM, JavaProgram

COMPILER_VERSION = "3.41.0"
"""Runs on Java 17 and newer."""

COMPILER = f"org.eclipse.jdt:ecj:{COMPILER_VERSION}"
"""Its Maven coordinates."""

COMPILER_CLASS = "org.eclipse.jdt.internal.compiler.batch.Main"
"""What ``java -jar ecj.jar`` runs."""

COMPILE_LIMIT_S = 120.0
"""The longest that a compilation may take; it takes two seconds."""

QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
"""The program's own output matters, not the clients' log."""


def compiled(source: Path, version: KafkaVersion) -> JavaProgram:
    """Return the program in the file ``source``, compiled against the jars of ``version``.

    Its main class has the file's name and no package. Raises HeliographError when it does not compile.
    """
    path = tuple(class_path(version))
    java = find_java()
    recipe = hashlib.sha256(source.read_bytes() + f"{COMPILER} {version} {OLDEST_JAVA}".encode())
    folder = cache_folder() / "java" / f"{source.stem}-{recipe.hexdigest()[:20]}"
    if not folder.is_dir():
        _compile(source, JavaProgram(java, tuple(jars(f"ecj-{COMPILER_VERSION}", "ECJ", [COMPILER]))), path, folder)
    return JavaProgram(java, path, (*SMALL_JVM, *QUIET), (folder,))


def _compile(source: Path, compiler: JavaProgram, path: Sequence[Path], folder: Path) -> None:
    """Fill ``folder`` with classes, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        options = ["-source", str(OLDEST_JAVA), "-target", str(OLDEST_JAVA), "-nowarn", "-cp", _joined(path)]
        outcome = run_to_end(
            compiler.command(COMPILER_CLASS, *options, "-d", str(part), str(source)), timeout_s=COMPILE_LIMIT_S
        )
        if outcome.exit_code:
            raise HeliographError(
                f"{source.name} does not compile: {(outcome.stderr + outcome.stdout).strip()[-2000:]}",
                remedy="Mend the program, or choose another version of Kafka",
            )
        if not folder.is_dir():
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _joined(path: Sequence[Path]) -> str:
    return os.pathsep.join(map(str, path))


def run_java(
    source: Path, version: str, *arguments: str, text: str | None = None, limit_s: float = COMPILE_LIMIT_S
) -> Completed:
    """Compile ``source`` if need be and run it to its end, with ``text`` on its standard input.

    The exit code is for the caller to judge. Raises HeliographError when it does not compile, and TimeoutError.
    """
    program = compiled(source, KafkaVersion.parse(version))
    return run_to_end(program.command(source.stem, *arguments), text=text, timeout_s=limit_s)
