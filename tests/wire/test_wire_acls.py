"""ACLs in words, as Kafka's own tool lists them, and numbers of later versions kept as they are."""

from heliograph.wire.acls import Acl, Operation, PatternType, Permission, ResourceType


def test_a_rule_in_words():
    rule = Acl(
        ResourceType.TOPIC, "orders", PatternType.PREFIXED, "User:a", "*", Operation.DESCRIBE_CONFIGS, Permission.ALLOW
    )
    assert str(rule) == "TOPIC PREFIXED orders: User:a from *: ALLOW DESCRIBE_CONFIGS"


def test_numbers_that_this_version_does_not_know():
    assert str(Acl(99, "x", 98, "User:a", "*", 97, 96)) == "99 98 x: User:a from *: 96 97"
