"""What would come of creating and growing topics, without doing it."""

from kio.schema.errors import ErrorCode

from asking import ask
from fake_cluster import FakeCluster, Fault
from fault_injection import with_code
from heliograph.cluster.admin import NewTopic
from heliograph.cluster.refused_configs import RefusedConfig
from heliograph.errors import BrokerError, NotAuthorized
from heliograph.preflight import rehearsal
from heliograph.wire import errors as codes


class Picky(FakeCluster):
    """Takes no topic with small segments."""

    def _create_topics(self, body, version):
        values = super()._create_topics(body, version)
        for asked, row in zip(body.topics, values["topics"], strict=True):
            if any(each.name == "segment.bytes" for each in asked.configs):
                row["error_code"] = ErrorCode.invalid_config
                row["error_message"] = "Invalid value 100 for configuration segment.bytes"
        return values


def test_what_is_refused_is_left_out_and_nothing_is_created():
    wanted = [NewTopic("small", 1, 1, {"segment.bytes": "100", "retention.ms": "5"}), NewTopic("plain", 1, 1, {})]
    with Picky("lab") as fake:
        sifted = ask(fake, lambda cluster: rehearsal.create(cluster, wanted))
        assert fake.topics == {}
        assert fake.asked.count("create_topics") == 2, "once with all, once without what is refused"
    assert sifted.errors == {"small": None, "plain": None}
    ((topic, name, value),) = [(each.topic, each.name, each.value) for each in sifted.refused]
    assert (topic, name, value) == ("small", "segment.bytes", "100")


def test_why_a_topic_could_not_be_created():
    with FakeCluster("lab") as fake:
        fake.create("there")
        sifted = ask(fake, lambda cluster: rehearsal.create(cluster, [NewTopic("there", 1, 1, {})]))
    error = sifted.errors["there"]
    assert isinstance(error, BrokerError)
    assert error.code == codes.TOPIC_ALREADY_EXISTS


def test_growing_is_only_tried():
    with FakeCluster("lab") as fake:
        fake.create("small")
        assert ask(fake, lambda cluster: rehearsal.grow(cluster, {"small": 3})) == {}
        assert len(fake.topics["small"].logs) == 1
        place = ("results", 0, "error_code")
        fake.always["create_partitions"] = Fault(0, with_code(place, ErrorCode.topic_authorization_failed))
        refused = ask(fake, lambda cluster: rehearsal.grow(cluster, {"small": 3}))
        assert isinstance(refused["small"], NotAuthorized)
        assert refused["small"].right == "Alter"
        fake.forget_requests()
        assert ask(fake, lambda cluster: rehearsal.grow(cluster, {})) == {}
        assert "create_partitions" not in fake.asked


def test_a_refused_config_of_a_topic_that_exists_is_named_and_nothing_is_changed():
    reason = "Invalid value 100000 for configuration segment.bytes: Value must be at least 1048576"
    refusals = [ErrorCode.invalid_config]

    def refuse_once(answer):
        if refusals:
            answer["responses"][0].update(error_code=refusals.pop(), error_message=reason)
        return answer

    with FakeCluster("lab") as fake:
        fake.create("orders", retention_ms="1")
        fake.always["incremental_alter_configs"] = Fault(0, refuse_once)
        wanted = {"orders": {"retention.ms": "2", "segment.bytes": "100000"}}
        sifted = ask(fake, lambda cluster: rehearsal.configure(cluster, wanted, {"orders": {"retention.ms": "1"}}))
        assert fake.topics["orders"].configs == {"retention.ms": "1"}
        assert fake.asked.count("incremental_alter_configs") == 2
    assert sifted.errors == {"orders": None}
    assert sifted.refused == (RefusedConfig("orders", "segment.bytes", "100000", f"{reason} (INVALID_CONFIG)"),)
