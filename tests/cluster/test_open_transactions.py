"""Open transactions: who holds a partition up, as far as the brokers tell."""

from datetime import UTC, datetime

from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.open_transactions import OpenTransaction, first_open
from heliograph.errors import NotAuthorized

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)
PLACES = [("orders", 0), ("orders", 1)]


def holding() -> FakeCluster:
    fake = FakeCluster("lab")
    fake.create("orders", 2)
    fake.transactions["orders", 0] = (7, 12, "billing", BEGAN)
    return fake


def test_the_transaction_is_named_and_a_partition_without_one_is_left_out():
    with holding() as fake:
        found = ask(fake, lambda cluster: first_open(cluster, PLACES))
    assert found == {("orders", 0): OpenTransaction(7, 12, "billing", int(BEGAN.timestamp() * 1000))}


def test_without_its_name_it_is_told_all_the_same():
    with holding() as fake:
        fake.always["describe_transactions"] = fake.always["list_transactions"] = Fault(0)
        found = ask(fake, lambda cluster: first_open(cluster, PLACES))
    assert found == {("orders", 0): OpenTransaction(7, 12)}


def test_a_missing_permission_is_the_partitions_own_error():
    with holding() as fake:
        place = ("topics", 0, "partitions", 0, "error_code")
        fake.always["describe_producers"] = Fault(0, with_code(place, ErrorCode.topic_authorization_failed))
        found = ask(fake, lambda cluster: first_open(cluster, PLACES))
    assert isinstance(found["orders", 0], NotAuthorized)
