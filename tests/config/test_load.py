r"""Whole files, as people have them: first our own, then those of the notes where they lie beside the checkout."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_jks import TRUST_JKS

from heliograph.config import load
from heliograph.config.model import Sasl, Secret
from heliograph.errors import ConfigError

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
ENVIRON = {"SOURCE_BROKERS": "one:9092,two:9092", "TARGET_BROKERS": "three:9093", "TARGET_KEY": "0AbC-_dEf="}
CLOUD = f"""clusters=source, target
source.bootstrap.servers=${{SOURCE_BROKERS}}
target.bootstrap.servers=${{TARGET_BROKERS}}
target.security.protocol=SASL_SSL
target.ssl.protocol=TLSv1.2
target.ssl.endpoint.identification.algorithm=https
target.sasl.mechanism=PLAIN
target.sasl.jaas.config={PLAIN} required username="token" password=${{TARGET_KEY}};
# the flows
source->target.enabled=true
source->target.topics=products
tasks.max=10"""
MACHINES = f"""
# Two clusters, as on two machines

clusters = far-away,at-home

  # addresses
far-away.bootstrap.servers = far.example:9093
far-away.ssl.enabled.protocols=TLSv1.2
far-away.ssl.protocol=TLS
far-away.security.protocol=SASL_SSL
far-away.sasl.mechanism=PLAIN
far-away.sasl.jaas.config={PLAIN}  required \\
  username="token" \\
  password="a secret";

at-home.bootstrap.servers = home.example:443
at-home.security.protocol=SSL
at-home.ssl.truststore.location = STORE
at-home.ssl.truststore.password = changeit
far-away->at-home.tasks.max = 3
far-away->at-home.group.id=mirrormaker2-cluster
far-away->at-home.enabled = true
far-away->at-home.topics = .*
replication.factor=3
checkpoints.topic.replication.factor=3
heartbeats.topic.replication.factor=3
offset-syncs.topic.replication.factor=3
offset.storage.replication.factor=3
status.storage.replication.factor=3
config.storage.replication.factor=3
# replication.policy.separator = _
sync.topic.acls.enabled = false
"""
ONE_WAY = """clusters=cloud, target
cloud.bootstrap.servers=cloud.example:9093
target.bootstrap.servers=k1:9092,k2:9093,k3:9094
cloud.security.protocol=SASL_SSL
cloud.sasl.mechanism=SCRAM-SHA-512
cloud.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=u password=p;
target.ssl.endpoint.identification.algorithm=
sync.topic.acls.enabled=false
replication.factor=1
internal.topic.replication.factor=1
cloud.offset.storage.topic=cluster-offsets
cloud.configs.storage.topic=cluster-configs
cloud.status.storage.topic=cluster-status
cloud->target.enabled=true
cloud->target.topics=products
"""
INPUTS = Path(__file__).parents[3] / "shared" / "inputs"


def test_a_file_filled_from_the_environment_runs_as_it_stands(load_text):
    config = load_text(CLOUD, base="", environ=ENVIRON)
    (flow,) = config.flows
    assert config.warnings == ()
    assert flow.topics == ("products",)
    assert flow.source.bootstrap == (("one", 9092), ("two", 9092))
    assert flow.source.protocol == "PLAINTEXT"
    assert flow.target.sasl == Sasl("PLAIN", "token", Secret("0AbC-_dEf="))
    assert (flow.target.tls.maximum_version, flow.target.tls.verify_host_name) == ("TLSv1.2", True)
    assert list(config.clusters) == ["source", "target"]


@pytest.mark.parametrize("name", ENVIRON)
def test_a_variable_that_is_not_set_is_named(load_text, name):
    environ = {key: value for key, value in ENVIRON.items() if key != name}
    with pytest.raises(ConfigError, match=rf"mm2\.properties:\d .* environment variable {name}, which is not set"):
        load_text(CLOUD, base="", environ=environ)


def test_a_file_with_blanks_continuations_and_hyphens(load_text, tmp_path):
    (tmp_path / "trust.p12").write_bytes(TRUST_JKS)
    config = load_text(MACHINES.replace("STORE", f"{tmp_path}/trust.p12"), base="")
    (flow,) = config.flows
    assert (flow.name, flow.group_id, flow.topics) == ("far-away->at-home", "mirrormaker2-cluster", (".*",))
    assert flow.source.sasl.password.reveal() == "a secret"
    assert flow.target.tls.trust_pem.count("BEGIN") == 1
    assert (flow.replication_factor, flow.offsets_topic.replication_factor) == (3, 3)
    assert [warning.key for warning in config.warnings] == ["far-away->at-home.group.id"]


def test_keys_without_effect_get_one_warning_each(load_text):
    config = load_text(ONE_WAY, base="")
    assert {warning.line: warning.key for warning in config.warnings} == {
        7: "target.ssl.endpoint.identification.algorithm",
        10: "internal.topic.replication.factor",
        11: "cloud.offset.storage.topic",
        12: "cloud.configs.storage.topic",
        13: "cloud.status.storage.topic",
    }
    assert "target.config.storage.topic was probably meant" in config.warnings[3].message
    assert config.flows[0].offsets_topic.name == "mm2-offsets.cloud.internal"


def test_the_effective_configuration_hides_secrets(load_text, tmp_path):
    (tmp_path / "trust.jks").write_bytes(TRUST_JKS)
    (tmp_path / "s.properties").write_text("who=somebody")
    text = CLOUD + (
        f"\ntarget.ssl.truststore.location={tmp_path}/trust.jks\ntarget.ssl.truststore.password=changeit\n"
        "target.sasl.oauthbearer.client.credentials.client.secret=hush\n"
        "config.providers=f\nconfig.providers.f.class=FileConfigProvider\n"
        f"target.producer.client.id=${{f:{tmp_path}/s.properties:who}}\n"
    )
    config = load_text(text, base="", environ=ENVIRON)
    shown = {key: value for key, value, _ in config.effective}
    assert shown["source.bootstrap.servers"] == "one:9092,two:9092"
    assert shown["target.sasl.jaas.config"] == shown["target.ssl.truststore.password"] == "****"
    assert shown["target.sasl.oauthbearer.client.credentials.client.secret"] == "****"
    assert shown["target.producer.client.id"] == f"${{f:{tmp_path}/s.properties:who}}"
    assert config.flows[0].target.client_id == "somebody"
    everything = repr(config)
    for secret in ("0AbC-_dEf=", "changeit", "hush"):
        assert secret not in everything
    assert list(config.effective) == sorted(config.effective)


def test_defaults_are_shown_as_such(load_text):
    origins = {key: (value, origin) for key, value, origin in load_text("topics=a").effective}
    assert origins["A->B.refresh.topics.interval.seconds"] == ("10", "default")
    assert origins["A->B.group.id"] == ("A-mm2", "derived")
    assert origins["A->B.topics"][1].endswith("mm2.properties:5")


def test_a_broken_login_names_its_line(load_text):
    broken = CLOUD.replace("required username", "required \nusername")
    with pytest.raises(ConfigError, match=r":8 target\.sasl\.jaas\.config does not end in a semicolon") as refusal:
        load_text(broken, base="", environ=ENVIRON)
    assert ENVIRON["TARGET_KEY"] not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A->B.topics=kp-*", "kp-.* was probably meant"),
        ("topics.exclude=tmp*", "tmp.* was probably meant"),
        ("A->B.topics=orders # all of them", "a comment must have a line of its own"),
        ("topics=a\ntopics=b", "topics stands twice; line 6 counts"),
        ("A->B.client.rack=\xc3\xa9", None),
        (
            "replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy\nreplication.policy.separator=",
            "internal topics have names such as mm2-offset-syncsBinternal",
        ),
        ("topics.blacklist=x", "removed in Kafka 4.0; it is read as topics.exclude"),
    ],
)
def test_what_is_probably_a_mistake_is_warned_of(load_text, text, message):
    warnings = load_text(text).warnings
    if message is None:
        assert any("Java reads Latin-1" in warning.message for warning in warnings)
    else:
        (warning,) = warnings
        assert message in warning.message


def test_an_alias_that_holds_the_separator_is_warned_of(load_text):
    base = "clusters=us.west,B\nus.west.bootstrap.servers=a:1\nB.bootstrap.servers=b:2\nus.west->B.enabled=true\n"
    config = load_text(base=base)
    assert [warning.line for warning in config.warnings] == [1]
    assert "holds the separator '.'" in config.warnings[0].message
    assert load_text("us.west->B.replication.policy.separator=_", base=base).warnings == ()


def test_flows_that_share_a_group_or_positions_are_warned_of(load_text):
    text = "clusters=A,B,C\nC.bootstrap.servers=c:3\nC->B.enabled=true\nB.group.id=g\noffset.storage.topic=o"
    messages = [warning.message for warning in load_text(text).warnings]
    assert messages == [
        "group.id=g is shared by A->B and C->B; give each its own",
        "offset.storage.topic=o is shared by A->B and C->B; give each its own",
        "clusters stands twice; line 5 counts",
    ]


def test_yaml_is_not_read_yet(tmp_path):
    with pytest.raises(ConfigError, match="is YAML, which this version does not read"):
        load(tmp_path / "mm2.yaml", environ={})


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.properties does not exist\. Check the path") as refusal:
        load(tmp_path / "none.properties", environ={})
    assert refusal.value.exit_code == 2


def _filled(content, store):
    """Fill in what the author of a file left to a script, or cut out."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule"
    for pattern, text in (
        (r"[A-Z_]*LOGIN_MODULE", login),
        (r"(?<==)[A-Z_]*SASL_MECHANISM", "SCRAM-SHA-512"),
        (r"(?<==)(KAFKA_\w+_BROKERS|<REPLACE-WITH-ES-BROKERSLIST>)", "host:9092"),
        (r"(?<= )[\w-]+ \.\.\. \S*:9093|[\w.-]+ \.\.\. :443", "host:9093"),
        (r"(truststore.location ?= ?)\S+", rf"\g<1>{store}"),
        (r"(truststore.password ?= ?).+", r"\g<1>changeit"),
    ):
        content = re.sub(pattern, text, content)
    return content


def _inputs():
    return sorted(INPUTS.rglob("*.properties")) if INPUTS.is_dir() else []


@pytest.mark.parametrize("path", _inputs(), ids=lambda path: path.name)
def test_files_of_the_notes_load_or_say_why_not(path, tmp_path):
    (tmp_path / "trust").write_bytes(TRUST_JKS)
    content = _filled(path.read_text("latin-1"), tmp_path / "trust")
    filled = tmp_path / path.name
    filled.write_text(content, "latin-1")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", content), "host:9092")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    if re.search(r"(?m)^clusters", content) is None:
        problem = "clusters is missing"
    elif re.search(r"(?m)^\S+->\S+enabled", content) is None:
        problem = "enables no flow"
    elif re.search(r"(?m)required *$\nusername", content):
        problem = "does not end in a semicolon"
    else:
        config = load(filled, environ=environ, now=now)
        assert len(config.flows) == 1
        return
    with pytest.raises(ConfigError, match=problem):
        load(filled, environ=environ, now=now)
