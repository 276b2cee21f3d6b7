import os
from pathlib import Path

import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.class_archives import archive_path, list_classes, make_archive, use_archive
from heliograph.testbed.java import Java, find_java
from heliograph.testbed.processes import run_to_end
from heliograph.testbed.servers import JavaProgram

TOOL = "org.apache.kafka.tools.TopicCommand"
LIMIT_S = 120


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HELIOGRAPH_CACHE", str(tmp_path / "cache"))


def test_an_archive_belongs_to_one_runtime_and_one_list_of_jars(tmp_path) -> None:
    jars = [tmp_path / "a.jar", tmp_path / "b.jar"]
    for jar in jars:
        jar.write_bytes(b"jar")
    java = tmp_path / "java"
    java.write_bytes(b"java")
    first = archive_path(Java(java, 17), jars)
    assert archive_path(Java(java, 17), jars) == first
    assert archive_path(Java(java, 25), jars) != first
    assert archive_path(Java(java, 17), jars[::-1]) != first
    os.utime(jars[0], (1, 1))
    assert archive_path(Java(java, 17), jars) != first


def test_a_program_without_an_archive_is_told_of_none(tmp_path) -> None:
    assert use_archive(find_java(), []) == []
    assert use_archive(Java(Path("/no/java"), 17), [tmp_path / "no.jar"]) == []


@pytest.mark.brokers  # for it fetches Kafka's jars
def test_classes_come_from_an_archive_once_it_was_made(kafka_jars, tmp_path) -> None:
    java = find_java()
    program = JavaProgram(java, tuple(kafka_jars))
    listed = run_to_end(program.command(TOOL, "--help", jvm_options=list_classes(tmp_path)), timeout_s=LIMIT_S)
    make_archive(java, kafka_jars, tmp_path)
    assert archive_path(java, kafka_jars).exists()
    loaded = tmp_path / "loaded"
    tell = [f"-Xlog:class+load:file={loaded}", "-Xshare:on"]  # with "on", a JVM that cannot use the archive fails
    again = run_to_end(program.command(TOOL, "--help", jvm_options=tell), timeout_s=LIMIT_S)
    assert (again.exit_code, again.stdout, again.stderr) == (listed.exit_code, listed.stdout, listed.stderr)
    assert f"{TOOL} source: shared objects file" in loaded.read_text()
    assert not [path for path in archive_path(java, kafka_jars).parent.iterdir() if path.is_dir()]


def test_what_cannot_be_made_leaves_nothing(tmp_path) -> None:
    broken = Java(tmp_path / "java", 17)
    broken.executable.write_text("#!/bin/sh\necho no room >&2; exit 1\n")
    broken.executable.chmod(0o700)
    with pytest.raises(HeliographError, match="No archive of classes could be made: no room"):
        make_archive(broken, [], tmp_path)
    assert list(archive_path(broken, []).parent.iterdir()) == []
