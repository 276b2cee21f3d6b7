"""ACLs follow once, what keeps them from following is told once, and neither ends the job."""

import pytest
from kio.schema.errors import ErrorCode

from between import between
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.errors import BrokerError
from heliograph.upkeep.acls import Acls
from heliograph.wire.acls import Operation, PatternType, Permission, ResourceType


def acl(who, what, topic="orders"):
    return (ResourceType.TOPIC, topic, PatternType.LITERAL, f"User:{who}", "*", what, Permission.ALLOW)


@pytest.fixture
def sync():
    """Synchronise twice with the ACLs of a source and a fault at one request of one side; return ACLs and lines."""

    def run(theirs, *, source_fault=None, target_fault=None):
        with FakeCluster("one") as source, FakeCluster("two") as target:
            source.acls[:] = theirs
            source.always.update(source_fault or {})
            target.always.update(target_fault or {})

            async def work(flow):
                job = Acls(flow.config, flow.source, flow.target, lambda: ["orders"], flow.log)
                assert [each.name for each in job.jobs()] == ["sync ACLs"]
                await job.sync()
                await job.sync()
                return flow.log

            log = between(source, target, work, topics=("orders",))
            return target.acls, log

    return run


def test_readers_follow_and_writers_do_not(sync):
    theirs = [acl("ann", Operation.READ), acl("bob", Operation.ALL), acl("cid", Operation.WRITE)]
    made, log = sync([*theirs, acl("dan", Operation.READ, "not-copied")])
    assert sorted(made) == [acl("ann", Operation.READ, "one.orders"), acl("bob", Operation.READ, "one.orders")]
    assert log.messages.count("ACL created on the target") == 2
    assert [(fields["count"], str(fields["reason"])) for fields in log.fields("ACLs are left out")] == [
        (1, "its topic or group is not copied"),
        (1, "permission to write: nobody but this flow may write to a copy"),
    ]


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_cluster_without_an_authorizer_is_told_of_once(sync, side):
    fault = {"describe_acls": Fault(0, with_code(("error_code",), ErrorCode.security_disabled))}
    made, log = sync([acl("ann", Operation.READ)], **{f"{side}_fault": fault})
    assert made == []
    told = {"cluster": {"source": "one", "target": "two"}[side]}
    assert log.lines == [("info", "ACLs are not copied: the cluster has no authorizer", told)]


def test_without_the_permission_to_read_them_it_is_said_once(sync):
    fault = {"describe_acls": Fault(0, with_code(("error_code",), ErrorCode.cluster_authorization_failed))}
    made, log = sync([acl("ann", Operation.READ)], source_fault=fault)
    assert made == []
    ((level, message, fields),) = log.lines
    assert (level, message) == ("info", "ACLs are not copied")
    assert fields["cause"].right == "Describe"


def test_an_acl_that_is_refused_keeps_no_other_from_being_created(sync):
    fault = {"create_acls": Fault(0, with_code(("results", 0, "error_code"), ErrorCode.policy_violation))}
    _, log = sync([acl("ann", Operation.READ), acl("bob", Operation.READ)], target_fault=fault)
    (refused,) = log.fields("an ACL cannot be created on the target")
    assert refused["acl"].principal == "User:ann"
    assert isinstance(refused["cause"], BrokerError)
    assert [fields["acl"].principal for fields in log.fields("ACL created on the target")] == ["User:bob"]
