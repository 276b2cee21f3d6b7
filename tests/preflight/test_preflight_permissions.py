"""Topics are described by name, with what the client may do with them."""

from asking import ask
from fake_cluster import FakeCluster
from heliograph.preflight.permissions import describe
from heliograph.wire import errors as codes
from heliograph.wire.operations import NOT_TOLD, Operation, missing


def test_a_topic_tells_what_is_allowed_and_one_that_is_not_there_its_code():
    with FakeCluster("lab") as fake:
        fake.create("orders")
        fake.create("old")
        fake.operations["orders"] = 1 << Operation.READ
        found = ask(fake, lambda cluster: describe(cluster, ["orders", "old", "missing"]))
    assert list(found) == ["orders", "old", "missing"]
    assert missing(found["orders"].topic_authorized_operations, [Operation.READ, Operation.WRITE]) == (Operation.WRITE,)
    assert found["old"].topic_authorized_operations == NOT_TOLD
    assert int(found["missing"].error_code) == codes.UNKNOWN_TOPIC_OR_PARTITION


def test_nothing_is_asked_about_no_topic():
    with FakeCluster("lab") as fake:

        async def question(cluster):
            fake.forget_requests()
            return await describe(cluster, [])

        assert ask(fake, question) == {}
        assert fake.asked == []
