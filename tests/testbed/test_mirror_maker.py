import pytest

from heliograph.errors import HeliographError
from heliograph.testbed import KafkaCluster, MirrorMaker


def properties(source: KafkaCluster, target: KafkaCluster, topic: str) -> str:
    copies = ("", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.")
    storage = ("offset", "status", "config")
    return "\n".join(
        [
            "clusters = crashed, two",
            f"crashed.bootstrap.servers = {source.bootstrap()}",
            f"two.bootstrap.servers = {target.bootstrap()}",
            "crashed->two.enabled = true",
            f"crashed->two.topics = {topic}",
            *(f"{name}replication.factor = 1" for name in copies),
            *(f"{name}.storage.replication.factor = 1" for name in storage),
        ]
    )


@pytest.mark.brokers
def test_copies_records_and_goes_on_after_a_crash(
    source_kafka: KafkaCluster,
    target_kafka: KafkaCluster,
    unique: str,
    client,
) -> None:
    source, target = source_kafka.librdkafka_config(), target_kafka.librdkafka_config()
    client.create_topic(source, unique)
    client.send(source, unique, [b"one"])
    with MirrorMaker(properties(source_kafka, target_kafka, unique), clusters=["two"]) as maker:
        assert maker.log_path.exists()
        assert client.receive(target, f"crashed.{unique}", 1) == [b"one"]
        pid = maker.pid
        maker.kill()
        assert not maker.running
        client.send(source, unique, [b"two"])
        maker.start()
        assert maker.pid != pid
        # It stores its position once a minute, so what it copied before the crash comes again.
        assert client.receive(target, f"crashed.{unique}", 3) == [b"one", b"one", b"two"]
    assert not maker.running


def test_versions_without_it_are_refused() -> None:
    with pytest.raises(HeliographError, match="has no MirrorMaker 2"):
        MirrorMaker("", version="2.3.1")


def test_what_is_not_started_has_no_process() -> None:
    with pytest.raises(HeliographError, match="not started"):
        _ = MirrorMaker("").pid
