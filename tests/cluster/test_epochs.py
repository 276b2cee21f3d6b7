"""Where epochs end: each partition has its own answer, and whoever may not ask goes without."""

from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.epochs import EpochEnd, Read, epoch_ends
from heliograph.errors import BrokerError

CODE = ("topics", 0, "partitions", 0, "error_code")


def ends(fake, partitions=(0,)):
    fake.create("orders", 2)
    fake.write("orders", [b"value"] * 3)
    wanted = {("orders", partition): Read(0, 0) for partition in partitions}
    return ask(fake, lambda cluster: epoch_ends(cluster, wanted))


def test_the_leader_tells_where_an_epoch_ends():
    with FakeCluster("lab") as fake:
        assert ends(fake, (0, 1)) == {("orders", 0): EpochEnd(0, 3), ("orders", 1): EpochEnd(0, 0)}


def test_without_the_permission_nothing_is_known_and_nothing_wrong():
    with FakeCluster("lab") as fake:
        fake.always["offset_for_leader_epoch"] = Fault(0, with_code(CODE, ErrorCode.topic_authorization_failed))
        assert ends(fake) == {("orders", 0): EpochEnd(-1, -1)}


def test_another_code_is_the_error_of_its_partition_alone():
    with FakeCluster("lab") as fake:
        fake.always["offset_for_leader_epoch"] = Fault(0, with_code(CODE, ErrorCode.fenced_leader_epoch))
        found = ends(fake, (0, 1))
    assert isinstance(found["orders", 0], BrokerError)
    assert found["orders", 1] == EpochEnd(0, 0)
