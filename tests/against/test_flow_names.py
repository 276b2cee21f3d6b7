"""A file gives the names that MirrorMaker 2's own configuration classes make of it."""

from pathlib import Path

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.mirror.naming import Location, naming_of
from heliograph.testbed import DEFAULT_VERSION
from heliograph.testbed.javasource import run_java

PROGRAM = Path(__file__).with_name("FlowNames.java")
BASE = "clusters=A,B;A.bootstrap.servers=a:1;B.bootstrap.servers=b:1;A->B.enabled=true;plugin.discovery=service_load"
IDENTITY = "replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
FILES = (
    "topics=.*",
    "replication.policy.separator=_",
    "replication.policy.separator=_;replication.policy.internal.topic.separator.enabled=false",
    "replication.policy.separator=",
    "replication.policy.separator=;source.cluster.alias=;target.cluster.alias=",
    "replication.policy.separator=;source.cluster.alias=",
    "source.cluster.alias=usdf;target.cluster.alias=ukdf",
    "A->B.source.cluster.alias=x;source.cluster.alias=y",
    IDENTITY,
    f"{IDENTITY};source.cluster.alias=usdf",
    f"{IDENTITY};replication.policy.separator=",
    f"{IDENTITY};replication.policy.separator=;source.cluster.alias=;target.cluster.alias=",
)


def names(text):
    (flow,) = make_config(parse_properties(text.replace(";", "\n").encode(), Path("mm2.properties")), environ={}).flows
    naming = naming_of(flow)
    syncs = naming.offset_syncs_topic(Location.SOURCE)
    return "|".join((flow.source_name, naming.remote_topic("orders"), syncs, naming.checkpoints_topic))


def test_names_are_those_of_mirror_maker():
    files = [f"{BASE};{more};offset-syncs.topic.location=source" for more in FILES]
    outcome = run_java(PROGRAM, DEFAULT_VERSION, text="".join(f"{file}\n" for file in files))
    assert outcome.exit_code == 0, outcome.stderr
    assert [names(file) for file in files] == outcome.stdout.splitlines()
