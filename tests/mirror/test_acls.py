"""Each row: a right on the source, and what becomes of it on the target in either mode."""

import pytest

from heliograph.config.model import Policy
from heliograph.mirror.acls import AclMode, AclPlan, AclRules, LeftOut
from heliograph.mirror.checkpoints import GroupChoice
from heliograph.mirror.naming import Naming
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.selection import Selection
from heliograph.wire.acls import Acl, Operation, PatternType, Permission, ResourceType

TOPICS = ("orders", "orders-eu", "stock")
L, P = PatternType.LITERAL, PatternType.PREFIXED
T, G = ResourceType.TOPIC, ResourceType.GROUP


def rules(mode, policy=Policy.DEFAULT):
    naming = Naming("A", "B", policy, ".", ".")
    selection = Selection(naming, Patterns((".*",)), Patterns(("secret.*",)), replicate_heartbeats=True)
    return AclRules(selection, GroupChoice(Patterns((".*",)), Patterns(("__.*",))), mode)


def acl(kind, name, pattern=L, operation=Operation.READ, permission=Permission.ALLOW, principal="User:alice"):
    return Acl(kind, name, pattern, principal, "*", operation, permission)


ROWS = [
    (acl(T, "orders"), acl(T, "A.orders"), acl(T, "A.orders")),
    (acl(T, "orders", operation=Operation.ALL), acl(T, "A.orders"), acl(T, "A.orders")),
    (acl(T, "orders", operation=Operation.WRITE), LeftOut.WRITE, LeftOut.WRITE),
    (
        acl(T, "orders", operation=Operation.WRITE, permission=Permission.DENY),
        acl(T, "A.orders", operation=Operation.WRITE, permission=Permission.DENY),
        acl(T, "A.orders", operation=Operation.WRITE, permission=Permission.DENY),
    ),
    (
        acl(T, "orders", operation=Operation.ALL, permission=Permission.DENY),
        acl(T, "A.orders", operation=Operation.ALL, permission=Permission.DENY),
        acl(T, "A.orders", operation=Operation.ALL, permission=Permission.DENY),
    ),
    (acl(T, "secret1"), LeftOut.NOT_COPIED, LeftOut.NOT_COPIED),
    (acl(T, "B.orders"), LeftOut.NOT_COPIED, LeftOut.NOT_COPIED),
    (acl(T, "*"), acl(T, "A.*"), acl(T, "A.", P)),
    (acl(T, "ord", P), LeftOut.PREFIXED, acl(T, "A.ord", P)),
    (acl(T, "ord", P, Operation.ALL), LeftOut.PREFIXED, acl(T, "A.ord", P)),
    (acl(T, "ord", P, Operation.WRITE), LeftOut.PREFIXED, LeftOut.WRITE),
    (acl(T, "nothing", P), LeftOut.PREFIXED, LeftOut.NOT_COPIED),
    (acl(T, "orders", 77), LeftOut.PREFIXED, LeftOut.PREFIXED),
    (acl(G, "billing"), LeftOut.GROUP, acl(G, "billing")),
    (acl(G, "billing", operation=Operation.ALL), LeftOut.GROUP, acl(G, "billing")),
    (acl(G, "__mine"), LeftOut.GROUP, LeftOut.NOT_COPIED),
    (acl(G, "bill", P, Operation.DESCRIBE), LeftOut.GROUP, acl(G, "bill", P, Operation.DESCRIBE)),
    (acl(G, "*"), LeftOut.GROUP, acl(G, "*")),
    (acl(G, "x", 77), LeftOut.GROUP, LeftOut.PREFIXED),
    (acl(ResourceType.CLUSTER, "kafka-cluster"), LeftOut.OTHER, LeftOut.OTHER),
    (acl(ResourceType.TRANSACTIONAL_ID, "x"), LeftOut.OTHER, LeftOut.OTHER),
    (acl(99, "x"), LeftOut.OTHER, LeftOut.OTHER),
]


@pytest.mark.parametrize(("source", "mm2", "every"), ROWS, ids=[str(row[0]) for row in ROWS])
def test_what_becomes_of_a_right(source, mm2, every):
    for mode, expected in ((AclMode.MM2, mm2), (AclMode.ALL, every)):
        found = rules(mode).plan([source], [], TOPICS)
        if isinstance(expected, LeftOut):
            assert found == AclPlan((), {expected: 1})
        else:
            assert found == AclPlan((expected,), {})


def test_with_the_identity_policy_names_stay():
    wanted = [acl(T, "orders"), acl(T, "*"), acl(T, "ord", P)]
    assert rules(AclMode.MM2, Policy.IDENTITY).plan(wanted, [], TOPICS).create == (acl(T, "*"), acl(T, "orders"))
    assert set(rules(AclMode.ALL, Policy.IDENTITY).plan(wanted, [], TOPICS).create) == set(wanted)


def test_what_is_there_is_not_made_again_and_nothing_is_deleted():
    source = [acl(T, "orders"), acl(T, "orders", operation=Operation.ALL), acl(T, "stock")]
    target = [acl(T, "A.orders"), acl(T, "A.gone"), acl(T, "other", principal="User:bob")]
    assert rules(AclMode.MM2).plan(source, target, TOPICS) == AclPlan((acl(T, "A.stock"),), {})
