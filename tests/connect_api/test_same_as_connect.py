"""Kafka Connect and Heliograph answer the same to the whole list of requests, but for the table of differences."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from differences import DIFFERENCES
from plain_client import create_topic
from playing import Answer, Player, comparable, play_all
from requests_table import EMPTY, LIFE, LOGGERS, PLUGINS, WRONG_BODIES

from heliograph.testbed import ConnectWorker, KafkaCluster
from heliograph.testbed.connect_worker import worker_properties
from heliograph.testbed.ports import Ports

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(600)]

STEPS = {"connectors": (*EMPTY, *WRONG_BODIES, *LIFE), "plug-ins and loggers": (*PLUGINS, *LOGGERS)}
TOPIC = "orders"
PARTITIONS = 4
RECORDS = 400
WORKER = "offset.flush.interval.ms=1000"
UNORDERED = ("tasks", "offsets", "topics")
"""Lists that Connect makes of sets."""

Aspects = dict[str, tuple[Any, Any]]
"""What differs in two answers: theirs and ours."""


@pytest.fixture
def clusters() -> Iterator[tuple[KafkaCluster, KafkaCluster]]:
    """Two clusters, with records and a group on the first."""
    with KafkaCluster() as source, KafkaCluster() as target:
        create_topic(source, TOPIC, PARTITIONS)
        producer = Producer({"bootstrap.servers": source.bootstrap()})
        for number in range(RECORDS):
            producer.produce(TOPIC, str(number), partition=number % PARTITIONS)
        producer.flush()
        consumer = Consumer({"bootstrap.servers": source.bootstrap(), "group.id": "shop"})
        consumer.commit(offsets=[TopicPartition(TOPIC, 0, 1)], asynchronous=False)
        consumer.close()
        yield source, target


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_answers_are_the_same(clusters, heliograph, steps):
    source, target = clusters
    words = {"source": source.bootstrap(), "target": target.bootstrap(), "topic": TOPIC}
    with ConnectWorker(target.bootstrap(), "theirs", more=WORKER) as worker:
        theirs = play_all(Player(worker.port, words), steps)
    with Ports() as ports:
        port = ports.take()
        running = heliograph(worker_properties(target.bootstrap(), "ours", f"http://127.0.0.1:{port}", WORKER))
        running.wait_for("connectors are stored")
        ours = play_all(Player(port, words), steps)
        assert running.stop() == 0
    found = {what: differing(theirs[what], ours[what], words) for what in theirs}
    told = {(step, aspect) for each in DIFFERENCES for step in each.steps for aspect in each.aspects if step in theirs}
    unknown = {
        (step, aspect): pair
        for step, aspects in found.items()
        for aspect, pair in aspects.items()
        if (step, aspect) not in told
    }
    assert unknown == {}, "make these equal, or give them a row in differences.py with the reason"
    there = {(step, aspect) for step, aspects in found.items() for aspect in aspects}
    assert told - there == set(), "these do not differ any more: take them out of differences.py"


def differing(theirs: Answer, ours: Answer, words: Mapping[str, str]) -> Aspects:
    """Return what differs: status, headers, the words of an error, or the body."""
    theirs, ours = _normal(theirs, words), _normal(ours, words)
    pairs = {"status": (theirs.status, ours.status), **_bodies(theirs, ours)}
    for name in {*theirs.headers, *ours.headers}:
        pairs[name] = theirs.headers.get(name), ours.headers.get(name)
    return {aspect: pair for aspect, pair in pairs.items() if pair[0] != pair[1]}


def _bodies(theirs: Answer, ours: Answer) -> Aspects:
    errors = [each for each in (theirs, ours) if isinstance(each.body, dict) and "error_code" in each.body]
    for each in errors:
        assert each.body["error_code"] == each.status, each
    if len(errors) == 2:
        return {"message": (theirs.body["message"], ours.body["message"])}
    return {"body": (theirs.body, ours.body)}


def _normal(answer: Answer, words: Mapping[str, str]) -> Answer:
    """Return an answer without what has no order, or must differ."""
    headers = {name: comparable(value, words) for name, value in answer.headers.items()}
    body = _ordered(comparable(answer.body, words))
    if "allow" in headers:
        headers["allow"] = ",".join(sorted(headers["allow"].split(",")))
        body = ", ".join(sorted(body.split(", "))) if isinstance(body, str) else body
    return Answer(answer.status, headers, body)


def _ordered(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            return {name: _ordered(each, name) for name, each in value.items()}
        case list():
            found = [_ordered(each) for each in value]
            loose = key in UNORDERED or all(isinstance(each, str) for each in value)
            return sorted(found, key=json.dumps) if loose else found
        case _:
            return value
