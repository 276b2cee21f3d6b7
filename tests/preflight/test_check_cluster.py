"""A cluster is tried at each address of the file, and then at each broker that it names."""

import asyncio

from fake_cluster import FakeCluster
from heliograph.config.model import ClusterConfig
from heliograph.preflight.check_cluster import reach
from heliograph.preflight.finding import Level

DEAD = ("127.0.0.1", 1)


class Boasting(FakeCluster):
    """Names a broker that nobody can reach."""

    def _metadata(self, body, version):
        values = super()._metadata(body, version)
        host, port = DEAD
        values["brokers"].append({"node_id": 7, "host": host, "port": port, "rack": None})
        return values


def reached(*addresses):
    """Return what is found, with whether there is a cluster to go on with."""

    async def main():
        answer = await reach(ClusterConfig("one", addresses, request_timeout_ms=5_000))
        if answer.cluster is not None:
            await answer.cluster.close()
        return answer.findings, answer.cluster is not None

    return asyncio.run(main())


def test_a_cluster_that_answers_is_told_with_its_release_and_size():
    with FakeCluster("one") as fake:
        found, there = reached(("127.0.0.1", fake.port))
    assert there
    assert [(each.level, each.about) for each in found] == [(Level.OK, "one")] * 2
    assert found[0].text == "1 of 1 bootstrap server answered (PLAINTEXT)"
    assert found[1].text.startswith("Kafka ")
    assert found[1].text.endswith(", cluster id fake-one, 1 broker")


def test_a_server_that_does_not_answer_is_a_warning_while_another_does():
    with FakeCluster("one") as fake:
        found, there = reached(DEAD, ("127.0.0.1", fake.port))
    assert there
    assert [each.level for each in found] == [Level.WARNING, Level.OK, Level.OK]
    assert "127.0.0.1:1" in found[0].text
    assert found[1].text == "1 of 2 bootstrap servers answered (PLAINTEXT)"


def test_without_any_answer_each_address_is_an_error():
    found, there = reached(DEAD, ("127.0.0.1", 2))
    assert not there
    assert [each.level for each in found] == [Level.ERROR] * 2
    assert ["127.0.0.1:1" in found[0].text, "127.0.0.1:2" in found[1].text] == [True, True]


def test_a_broker_that_the_cluster_names_and_that_cannot_be_reached_is_an_error():
    with Boasting("one") as fake:
        found, there = reached(("127.0.0.1", fake.port))
    assert there
    *_, last = found
    assert last.level is Level.ERROR
    assert last.text.startswith("The cluster names broker 7, which cannot be used: ")
    assert last.remedy.endswith("brokers are named by advertised.listeners")
    assert found[1].text.endswith("2 brokers")
