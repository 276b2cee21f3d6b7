"""A broker's disk that loses the newest records of a partition, as after a power cut or an election of a lagging replica."""

from pathlib import Path

from plain_client import LIMIT_S, admin, topics
from running_program import Running

from heliograph.testbed import KafkaCluster
from heliograph.testbed.servers import wait_for

FIRST_SEGMENT = "00000000000000000000.log"


def cut(log: Path, offset: int) -> None:
    """Cut a segment before the batch that holds ``offset``."""
    raw = log.read_bytes()
    at = 0
    while at + 61 <= len(raw):
        base = int.from_bytes(raw[at : at + 8], "big")
        last = base + int.from_bytes(raw[at + 23 : at + 27], "big")
        if last >= offset:
            break
        at += 12 + int.from_bytes(raw[at + 8 : at + 12], "big")
    with log.open("r+b") as file:
        file.truncate(at)


def lose_tail(kafka: KafkaCluster, topic: str, offset: int, partition: int = 0) -> None:
    """Kill the only broker, cut the partition before ``offset``, and start the broker again."""
    broker = kafka.brokers[0]
    broker.kill()
    cut(broker.data_path / f"{topic}-{partition}" / FIRST_SEGMENT, offset)
    broker.start()


def line_with(running: Running, text: str) -> str:
    """Wait for a line of the log that holds ``text``, and give it."""
    running.wait_for(text)
    return next(line for line in running.log.splitlines() if text in line)


def delete_topic(kafka: KafkaCluster, topic: str) -> None:
    client = admin(kafka)
    client.delete_topics([topic])[topic].result(LIMIT_S)


def wait_until_gone(kafka: KafkaCluster, topic: str, deadline: float) -> None:
    wait_for(lambda: topic not in topics(kafka), deadline, f"the end of {topic}")
