import json
import zipfile
from pathlib import Path

import pytest

from heliograph.testbed import artifacts
from heliograph.testbed.releases import KafkaVersion

VERSION = KafkaVersion(4, 3, 1)


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A cache folder, some jars, and a resolver that would be noticed."""
    monkeypatch.setenv("HELIOGRAPH_CACHE", str(tmp_path / "cache"))
    made = [tmp_path / "a.jar", tmp_path / "b.jar"]
    for jar in made:
        jar.write_bytes(b"jar")
    return made


def record() -> Path:
    return artifacts.cache_folder() / "kafka-4.3.1.json"


def test_what_was_fetched_once_is_not_asked_for_again(jars: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(title: str, _coordinates: object) -> list[Path]:
        fetched.append(title)
        return jars

    monkeypatch.setattr(artifacts, "_fetch", fetch)
    assert artifacts.class_path(VERSION) == jars
    assert artifacts.class_path(VERSION) == jars
    assert fetched == ["Apache Kafka 4.3.1"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda jars: jars[0].unlink(),
        lambda jars: jars[1].write_bytes(b"cut sho"),
        lambda _: record().write_text("{"),
        lambda _: record().write_text("[]"),
        lambda _: record().write_text(json.dumps({"format": 0, "coordinates": [], "jars": []})),
    ],
)
def test_a_stale_note_is_not_believed(jars: list[Path], monkeypatch: pytest.MonkeyPatch, spoil) -> None:
    monkeypatch.setattr(artifacts, "_fetch", lambda *_: jars)
    artifacts.class_path(VERSION)
    spoil(jars)
    assert artifacts._read(record(), VERSION.coordinates) is None


def test_the_cache_folder_follows_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HELIOGRAPH_CACHE", raising=False)
    monkeypatch.setattr(artifacts.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert artifacts.cache_folder() == tmp_path / "heliograph"


def test_a_jar_that_a_killed_process_left_is_fetched_again(tmp_path: Path) -> None:
    class Artifact:
        cached_path = tmp_path / "d.jar"

        def resolve(self) -> Path:
            if not self.cached_path.exists():
                with zipfile.ZipFile(self.cached_path, "w") as jar:
                    jar.writestr("a", b"whole")
            return self.cached_path

    Artifact.cached_path.write_bytes(b"PK\x03\x04 half")
    assert zipfile.is_zipfile(artifacts._fetch_jar(Artifact()))


def test_a_jar_that_was_cut_short_is_removed(tmp_path: Path) -> None:
    class Broken:
        cached_path = tmp_path / "c.jar"

        def resolve(self) -> Path:
            self.cached_path.write_bytes(b"half")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        artifacts._fetch_jar(Broken())
    assert not Broken.cached_path.exists()
