"""What is wrong with the file is said in one line, before anything is connected."""

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """clusters = a, b
a.bootstrap.servers = 127.0.0.1:1
b.bootstrap.servers = 127.0.0.1:1
a->b.enabled = true
"""
SECRET = "s3cr3t-pass"

BAD = {
    "no flow": (GOOD.replace("a->b.enabled = true", ""), "enabled"),
    "unknown alias": (GOOD + "a->c.enabled = true\n", "c"),
    "no clusters": (GOOD.replace("clusters = a, b", ""), "clusters"),
    "no bootstrap servers": (GOOD.replace("b.bootstrap.servers = 127.0.0.1:1", ""), "bootstrap.servers"),
    "a port that is none": (
        GOOD.replace("b.bootstrap.servers = 127.0.0.1:1", "b.bootstrap.servers = h:port"),
        "h:port",
    ),
    "a pattern that is none": (GOOD + "a->b.topics = ([\n", "topics"),
    "a number that is none": (GOOD + "replication.factor = many\n", "replication.factor"),
    "an unknown protocol": (GOOD + "a.security.protocol = SSH\n", "security.protocol"),
    "a mechanism that is not there": (
        GOOD
        + "a.security.protocol = SASL_PLAINTEXT\na.sasl.mechanism = GSSAPI\n"
        + f'a.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="{SECRET}";\n',
        "GSSAPI",
    ),
    "a trust store that is not there": (
        GOOD
        + f"a.security.protocol = SSL\na.ssl.truststore.location = /nowhere.p12\na.ssl.truststore.password = {SECRET}\n",
        "/nowhere.p12",
    ),
    "a JAAS line that is broken": (
        GOOD
        + "a.security.protocol = SASL_PLAINTEXT\na.sasl.mechanism = PLAIN\n"
        + f'a.sasl.jaas.config = PlainLoginModule username="u" password="{SECRET}"\n',
        "sasl.jaas.config",
    ),
}


def refused(path, words=""):
    """Run it on a file; it must end at once, with one line and exit code 2."""
    program = str(Path(sys.executable).with_name("heliograph"))
    done = subprocess.run([program, "run", str(path)], check=False, capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if line.startswith("heliograph: ")]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert words in lines[0], done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(("properties", "words"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_work(tmp_path, properties, words):
    path = tmp_path / "mm2.properties"
    path.write_text(properties)
    refused(path, words)


MISTAKES = """clusters = a, b
a.bootstrap.servers = 127.0.0.1
a->b.enabled = true
a->c.enabled = true
a->b.topics = ([
replication.factor = many
a.security.protocol = SASL_SSL
a.ssl.truststore.location = /nowhere.p12
replication.policy.class = com.acme.OwnPolicy
b.client.id = ${NOT_SET}
a->b.topcis.exclude = x
heliograph.http.listener = http://127.0.0.1:9400
"""


@pytest.mark.parametrize("command", ["run", "check"])
def test_all_mistakes_of_a_file_are_told_at_once(tmp_path, command):
    path = tmp_path / "mm2.properties"
    path.write_text(MISTAKES)
    program = str(Path(sys.executable).with_name("heliograph"))
    done = subprocess.run([program, command, str(path)], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line.removeprefix("heliograph: ").replace(str(path), "FILE") for line in done.stderr.splitlines()]
    assert [line.partition(" ")[0] for line in lines] == [
        "note:",
        "b.bootstrap.servers",
        *(f"FILE:{line}" for line in (2, 4, 5, 6, 7, 8, 9, 10, 12)),
    ]
    assert "a->b.topics.exclude was probably meant" in lines[0]


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path / "missing.properties", "missing.properties")


def test_a_folder(tmp_path):
    refused(tmp_path, tmp_path.name)


@pytest.mark.parametrize("content", [b"clusters = a\\u00zz\n", b"\xff\xfe\x00c\x00l", b"\x00\x01\x02", b""])
def test_bytes_that_are_no_properties(tmp_path, content):
    path = tmp_path / "raw.properties"
    path.write_bytes(content)
    refused(path)
