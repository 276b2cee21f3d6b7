"""All mistakes of a file at once, each once, and nothing that only follows from another."""

from pathlib import Path

import pytest

from heliograph.config.problems import Problems
from heliograph.errors import ConfigError, ConfigErrors

PATH = Path("mm2.properties")


def test_errors_are_told_once_and_in_the_order_of_the_lines():
    problems = Problems()
    problems.raise_all(PATH)
    for line in (7, 10, 7, 2):
        problems.add(ConfigError(f"mm2.properties:{line} is wrong"))
    problems.add(ConfigErrors([ConfigError("mm2.properties lacks something")]))
    assert len(problems) == 4
    with pytest.raises(ConfigErrors) as raised:
        problems.raise_all(PATH, ["mm2.properties:3 is odd", "mm2.properties:7 is odd too"])
    assert str(raised.value).splitlines() == [
        "mm2.properties lacks something",
        "mm2.properties:2 is wrong",
        "mm2.properties:7 is wrong",
        "mm2.properties:10 is wrong",
    ]
    assert raised.value.notes == ("mm2.properties:3 is odd",)
    assert raised.value.exit_code == 2


def test_no_more_is_told_than_anybody_reads():
    problems = Problems()
    for line in range(1, 251):
        problems.add(ConfigError(f"mm2.properties:{line} is wrong"))
    with pytest.raises(ConfigErrors) as raised:
        problems.raise_all(PATH, (f"mm2.properties:{line} is odd" for line in range(300, 500)))
    *told, last = str(raised.value).splitlines()
    assert told == [f"mm2.properties:{line} is wrong" for line in range(1, 101)]
    assert last == "mm2.properties has 150 more mistakes"
    assert len(raised.value.notes) == 100


def test_one_error_is_raised_as_it_is():
    problems = Problems()
    assert problems.attempt(lambda: 5, None) == 5

    def fail():
        raise ConfigError("wrong")

    assert problems.attempt(fail, "otherwise") == "otherwise"
    with pytest.raises(ConfigError, match="wrong") as raised:
        problems.raise_all(PATH)
    assert not isinstance(raised.value, ConfigErrors)


# Mistakes that one might take for two, and the lines of the errors they make.
SINGLE = [
    ("A.bootstrap.servers=a:1,,b:2", [5]),
    ("A.bootstrap.servers=${NOT_SET}", [5]),
    ("A.security.protocol=SASL", [5]),
    ("A.security.protocol=SASL_SSL\nA.sasl.mechanism=AWS_MSK_IAM\nA.sasl.jaas.config=x.IAMLoginModule required;", [6]),
    ("A.security.protocol=SASL_SSL\nA.sasl.mechanism=GSSAPI", [6]),
    ("config.providers=v\nconfig.providers.v.class=com.acme.Vault\nA.client.id=${v:x:y}\nB.client.id=${v:x:z}", [6]),
    ("A->B.topics=([\nreplication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy", [5]),
    ("replication.policy.class=com.acme.Mine", [5]),
    ("replication.factor=many", [5]),
    ("A->C.enabled=true", [5]),
    ("clusters=A,,B", [5]),
    ("B->A.enabled=yes", [5]),
    ("B->A.enabled=yes\nB->A.topics=([", [5, 6]),
    ("A->B.offset.lag.max=-1\nA->B.replication.factor=0\nB.heartbeat.interval.ms=0", [5, 6, 7]),
    ("refresh.topics.interval.seconds=0\nrefresh.groups.interval.seconds=0", [5, 6]),
    ("topic.filter.class=com.acme.X\nA->B.transforms=mask", [5, 6]),
]


@pytest.mark.parametrize(("text", "lines"), SINGLE)
def test_nothing_is_told_that_only_follows_from_another_mistake(load_text, tmp_path, text, lines):
    with pytest.raises(ConfigError) as raised:
        load_text(text)
    told = str(raised.value).replace(f"{tmp_path}/mm2.properties:", "").splitlines()
    assert [line.partition(" ")[0] for line in told] == [str(line) for line in lines]


def test_both_flows_that_read_a_cluster_tell_of_its_mistakes_once(load_text):
    text = "clusters=A,B,C\nC.bootstrap.servers=c:3\nA->C.enabled=true\nA.security.protocol=SASL_SSL\n"
    with pytest.raises(ConfigError, match=r"sasl\.mechanism is missing") as raised:
        load_text(text)
    assert len(str(raised.value).splitlines()) == 1
