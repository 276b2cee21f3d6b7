"""A transaction ends by a HeliographError or in good order, whatever one of its requests is answered."""

import asyncio
from dataclasses import replace

import pytest

from fake_cluster import FakeCluster
from fault_injection import faults_of
from heliograph.cluster import cluster as clusters
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.transactions import TransactionalProducer
from heliograph.config.model import ClusterConfig
from heliograph.errors import HeliographError

ROWS = {0: [(b"key", b"value")], 1: [(b"key", b"value")]}
CONFIG = ClusterConfig("two", (), retry_backoff_ms=1, retry_backoff_max_ms=2, reconnect_backoff_ms=1)


async def one_transaction(cluster: Cluster) -> int:
    """Take the id, write to two partitions, commit, and take a new epoch; returns the producer id."""
    producer = TransactionalProducer(cluster, "positions")
    await producer.initialise()
    refused = await producer.add([("positions", 0), ("positions", 1)])
    for code in refused.values():
        clusters.raise_for(code, "add a partition")
    await producer.append("positions", ROWS, 1_700_000_000_000)
    await producer.end(commit=True)
    await producer.renew()
    return producer.producer_id


@pytest.fixture
def in_short(monkeypatch):
    """Fail after a moment instead of a minute."""
    monkeypatch.setattr(clusters, "ATTEMPTS_S", 0.02)
    monkeypatch.setattr("heliograph.cluster.transactions.BUSY_S", 0.02)


@pytest.mark.timeout(120)
def test_no_answer_ends_a_transaction_otherwise_than_by_an_error(in_short):
    async def main() -> dict[str, str]:
        wrong: dict[str, str] = {}
        with FakeCluster("two") as fake:
            fake.create("positions", 2)
            cluster = Cluster(replace(CONFIG, bootstrap=(("127.0.0.1", fake.port),)))
            await cluster.start()
            fake.forget_requests()
            await one_transaction(cluster)
            asked = list(zip(fake.asked, fake.answers, strict=True))
            assert {"init_producer_id", "add_partitions_to_txn", "produce", "end_txn"} <= set(fake.asked)
            for number, (api, values) in enumerate(asked):
                for turn, (name, fault) in enumerate(faults_of(number, values)):
                    for persistent in (False, True) if (turn + number) % 5 == 0 else (False,):
                        where = f"request {number}, {api}, {name}{', always' if persistent else ''}"
                        fake.forget_requests()
                        fake.faults[number] = fault
                        if persistent:
                            fake.always[api] = fault
                        try:
                            async with asyncio.timeout(20):
                                await one_transaction(cluster)
                        except HeliographError:
                            pass
                        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported by its name
                            wrong[where] = repr(error)
                fake.forget_requests()
                assert await one_transaction(cluster) > 0, f"after request {number}, {api}"
            await cluster.close()
        return wrong

    wrong = asyncio.run(main())
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in list(wrong.items())[:40])
