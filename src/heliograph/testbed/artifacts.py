"""Jars, Apache Kafka's above all, fetched once and then found without asking anybody.

``jgo`` resolves Maven coordinates in pure Python and keeps what it fetches in the user's Maven repository, where
other programs find it too. Which jars make up a version is written to a small file in the cache folder; from then on
no resolver runs and no network is needed.

The cache folder is ``$HELIOGRAPH_CACHE``, or else ``heliograph`` in the place that the system keeps for caches.
"""

import contextlib
import itertools
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from heliograph.errors import HeliographError
from heliograph.testbed.releases import OTHER_BACK_ENDS, KafkaVersion

FORMAT = 2
"""Counts up when the file in the cache changes its meaning."""

DOWNLOADS_AT_ONCE = 8
"""Jars fetched in parallel."""

STALE_MARK = ".part"
"""Ends the name of a file that is still being written."""


def cache_folder() -> Path:
    """Where the testbed keeps what it does not want to find out twice."""
    if chosen := os.environ.get("HELIOGRAPH_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "heliograph"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heliograph"


def class_path(version: KafkaVersion) -> list[Path]:
    """Return the jars of one Kafka version, fetched on first use. Raises HeliographError when they cannot be had."""
    return jars(f"kafka-{version}", f"Apache Kafka {version}", version.coordinates)


def jars(name: str, title: str, coordinates: Sequence[str]) -> list[Path]:
    """Return the jars of some Maven coordinates with all that they need, fetched on first use.

    ``name`` is that of the note in the cache, ``title`` what a person calls them. Raises HeliographError when they
    cannot be had.
    """
    record = cache_folder() / f"{name}.json"
    known = _read(record, coordinates)
    if known is None:
        known = _fetch(title, coordinates)
        _write(record, coordinates, known)
    return known


def _read(record: Path, coordinates: Sequence[str]) -> list[Path] | None:
    """Return the jars noted in the cache, or None when the note is missing, of another kind, or a jar has gone."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(record.read_text())
        if note["format"] == FORMAT and note["coordinates"] == list(coordinates):
            jars = [(Path(jar["path"]), jar["bytes"]) for jar in note["jars"]]
            if all(path.stat().st_size == size_bytes for path, size_bytes in jars):
                return [path for path, _ in jars]
    return None


def _write(record: Path, coordinates: Sequence[str], jars: Iterable[Path]) -> None:
    """Note the jars in the cache, so that a reader sees the whole note or none."""
    note = {
        "format": FORMAT,
        "coordinates": list(coordinates),
        "jars": [{"path": str(jar), "bytes": jar.stat().st_size} for jar in jars],
    }
    record.parent.mkdir(parents=True, exist_ok=True)
    part = record.with_name(f"{record.name}.{os.getpid()}{STALE_MARK}")
    part.write_text(json.dumps(note, indent=1))
    part.replace(record)


def _fetch(title: str, coordinates: Sequence[str]) -> list[Path]:
    """Resolve the coordinates and fetch what is missing, with a progress bar on a terminal."""
    try:
        import jgo  # noqa: PLC0415 - belongs to the extra "testbed"
    except ImportError:
        raise HeliographError(
            "Running Kafka on this machine needs the package jgo",
            remedy='Install the extra with "pip install heliograph[testbed]"',
        ) from None
    try:
        with _progress(f"Fetching {title}") as advance, _one_fetch_at_a_time():
            artifacts = jgo.resolve("+".join(coordinates))
            return _fetch_jars([each for each in artifacts if not each.filename.startswith(OTHER_BACK_ENDS)], advance)
    except (OSError, RuntimeError, ValueError) as error:
        raise HeliographError(
            f"The jars of {title} cannot be fetched: {error}",
            remedy="Check that this version exists and that Maven Central, or your mirror of it, can be reached",
        ) from error


@contextlib.contextmanager
def _one_fetch_at_a_time() -> Iterator[None]:
    """Keep two processes from writing the same jars at once; the lock ends with the process that holds it."""
    import fcntl  # noqa: PLC0415 - the testbed runs where process groups and locks are those of POSIX

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_jars(artifacts: list[Any], advance: Callable[[int, int], None]) -> list[Path]:
    """Fetch the jars in parallel and return their paths in the order of ``artifacts``."""
    places: dict[int, Path] = {}
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        waiting = {pool.submit(_fetch_jar, artifact): index for index, artifact in enumerate(artifacts)}
        done = itertools.count(1)
        try:
            for future in as_completed(waiting):
                places[waiting[future]] = future.result()
                advance(next(done), len(artifacts))
        finally:
            pool.shutdown(cancel_futures=True)
    return [places[index] for index in range(len(artifacts))]


def _fetch_jar(artifact: Any) -> Path:
    """Fetch one jar; one that was cut short is removed, for the resolver would take it for whole."""
    known = Path(artifact.cached_path)
    if known.exists() and not zipfile.is_zipfile(known):
        # A fetch that was killed left it; the end of a jar, which is a zip file, tells.
        known.unlink()
    was_there = known.exists()
    try:
        return Path(artifact.resolve())
    except BaseException:
        if not was_there:
            known.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how many of how many jars are there; shows a bar only on a terminal."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
