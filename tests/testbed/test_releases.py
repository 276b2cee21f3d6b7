import pytest

from heliograph.errors import HeliographError
from heliograph.testbed.releases import KafkaVersion


@pytest.mark.parametrize("text", ["", "4", "4.3", "4.3.1.1", "v4.3.1", "4.3.x", "4.3.1\n", "-1.0.0", "99999.1.1"])
def test_only_three_numbers_are_a_version(text: str) -> None:
    with pytest.raises(HeliographError, match="is not a version"):
        KafkaVersion.parse(text)


def test_versions_compare_by_number() -> None:
    assert KafkaVersion.parse("3.10.0") > KafkaVersion.parse("3.9.1")
    assert KafkaVersion.parse("3.10.0").at_least(3, 9)
    assert not KafkaVersion.parse("2.8.2").at_least(3, 0)
    assert str(KafkaVersion.parse("2.8.2")) == "2.8.2"


@pytest.mark.parametrize(
    ("text", "kraft", "scala", "mirror"),
    [
        ("4.3.1", True, "kafka_2.13", True),
        ("2.8.2", False, "kafka_2.13", True),
        ("2.3.1", False, "kafka_2.12", False),
        ("1.1.1", False, "kafka_2.11", False),
    ],
)
def test_what_a_version_is_made_of(text: str, kraft: bool, scala: str, mirror: bool) -> None:
    version = KafkaVersion.parse(text)
    assert version.uses_kraft == kraft
    assert f"org.apache.kafka:{scala}:{text}" in version.coordinates
    assert (f"org.apache.kafka:connect-mirror:{text}" in version.coordinates) == mirror


def test_the_authorizer_moves_twice() -> None:
    names = [KafkaVersion.parse(text).authorizer.rsplit(".", 1)[1] for text in ("1.1.1", "2.8.2", "4.3.1")]
    assert names == ["SimpleAclAuthorizer", "AclAuthorizer", "StandardAuthorizer"]
