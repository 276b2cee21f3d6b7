"""Several workers of one flow: they share its partitions, and take over from one that ends, however it ends."""

import os
import time

import pytest
from arrivals import Arrivals
from plain_client import create_topic, simple_rows, wait_for_rows, write
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, partitions_of, wait_for_counts, wait_for_shares

from heliograph.testbed import KafkaCluster
from heliograph.testbed.proxy import HEALTHY, Faults

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
SESSION_S = 10.0
"""Kafka Connect's ``session.timeout.ms`` unless it is said otherwise."""
SOON_S = 6.0
"""Far less than a session: who hands over in order is not waited for. How long it really takes, benchmarks/workers.py
measures."""
RATES = {"slow": 20, "fast": 6000}
ONCE = {"target.exactly.once.source.support": "enabled"}


ALL = [
    (how, who, rate, mode)
    for how in ("stop", "kill")
    for who in ("leader", "other")
    for rate in ("slow", "fast")
    for mode in ("plain", "transactions")
]
SOME = [
    ("stop", "leader", "fast", "plain"),
    ("stop", "other", "slow", "transactions"),
    ("kill", "leader", "fast", "transactions"),
    ("kill", "other", "slow", "plain"),
]
"""Each value of each kind, once with each way to end; all with HELIOGRAPH_WORKERS_ALL=1."""


@pytest.mark.parametrize(("how", "who", "rate", "mode"), ALL if os.environ.get("HELIOGRAPH_WORKERS_ALL") else SOME)
def test_one_of_two_ends(source_kafka, target_kafka, heliograph, one_way, unique, how, who, rate, mode):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "pair", unique, ONCE if mode == "transactions" else {})
    copy = f"pair.{unique}"
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=RATES[rate]) as load:
        first = heliograph(properties)
        wait_for_shares({first: 6}, 30)
        second = heliograph(properties)
        wait_for_shares({first: 3, second: 3})
        ending, staying = (first, second) if who == "leader" else (second, first)
        with Arrivals(target_kafka, copy, PARTITIONS) as arrivals:
            time.sleep(2)
            begun = time.monotonic()
            if how == "kill":
                ending.kill()
            else:
                assert ending.stop() == 0
            wait_for_shares({staying: 6}, 2 * SESSION_S)
            time.sleep(1.5)
            assert arrivals.silence_s(begun) < (1.5 * SESSION_S if how == "kill" else SOON_S)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, copy, total, staying)
    assert staying.stop() == 0
    assert_unharmed(first, second)


def test_a_third_worker_takes_its_share_and_the_others_never_pause(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "third", unique)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=4000) as load:
        workers = [heliograph(properties) for _ in range(2)]
        wait_for_shares(dict.fromkeys(workers, 3), 30)
        with Arrivals(target_kafka, f"third.{unique}", PARTITIONS) as arrivals:
            time.sleep(1)
            begun = time.monotonic()
            workers.append(heliograph(properties))
            wait_for_shares(dict.fromkeys(workers, 2))
            time.sleep(1)
            assert arrivals.silence_s(begun) < SOON_S
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"third.{unique}", total, workers[0])
    assert_unharmed(*workers)


def test_a_frozen_worker_does_no_harm_when_it_wakes_up(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "numb", unique)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=2000) as load:
        first, second = heliograph(properties), heliograph(properties)
        wait_for_shares({first: 3, second: 3}, 30)
        first.freeze()
        wait_for_shares({second: 6}, 2 * SESSION_S)
        load.wait_for(2000)
        first.thaw()
        wait_for_shares({first: 3, second: 3}, 20)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"numb.{unique}", total, second)
    assert_unharmed(first, second)


def test_a_worker_that_is_cut_off_from_the_source_leaves_its_partitions_to_others(
    target_kafka, heliograph, one_way, unique
):
    """Both reach the target; each has a listener of the source of its own, and the network breaks before one of them."""
    listener = "SASL_PLAINTEXT"
    with KafkaCluster(listeners=("PLAINTEXT", listener), users={"mirror": "secret"}, proxied=True) as source:
        create_topic(source, unique, PARTITIONS)
        access = {f"apart.{key}": value for key, value in source.client_properties(listener, "mirror").items()}
        with Load(source, unique, partitions=PARTITIONS, rate_s=1000) as load:
            near = heliograph(one_way(source, target_kafka, "apart", unique))
            far = heliograph(one_way(source.bootstrap(listener), target_kafka, "apart", unique, access))
            wait_for_shares({near: 3, far: 3})
            source.brokers[0].proxy(listener).faults = Faults(cut=True)
            wait_for_shares({near: 6, far: 0})
            load.wait_for(1000)
            source.brokers[0].proxy(listener).faults = HEALTHY
            wait_for_shares({near: 3, far: 3})
            total = load.finish()
            assert_equal(source, target_kafka, unique, f"apart.{unique}", total, near)
        assert_unharmed(near, far)


def test_no_more_workers_copy_than_tasks_max_allows(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    properties = one_way(source_kafka, target_kafka, "capped", unique, {"tasks.max": 2})
    workers = [heliograph(properties) for _ in range(3)]
    wait_for_counts(workers, [0, 3, 3])
    idle = next(each for each in workers if partitions_of(each) == 0)
    idle.wait_for("standing by: other workers copy all partitions")
    next(each for each in workers if each is not idle).kill()
    wait_for_shares({idle: 3}, 2 * SESSION_S)
    write(source_kafka, unique, simple_rows(60, partitions=PARTITIONS))
    wait_for_rows(target_kafka, f"capped.{unique}", 60)


def test_a_new_topic_is_shared_without_a_pause(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, f"{unique}-a", 4)
    properties = one_way(source_kafka, target_kafka, "newer2", f"{unique}-.*")
    with Load(source_kafka, f"{unique}-a", partitions=4, rate_s=1000) as load:
        first, second = heliograph(properties), heliograph(properties)
        wait_for_shares({first: 2, second: 2}, 30)
        with Arrivals(target_kafka, f"newer2.{unique}-a", 4) as arrivals:
            begun = time.monotonic()
            create_topic(source_kafka, f"{unique}-b", 4)
            wait_for_shares({first: 4, second: 4})
            assert arrivals.silence_s(begun) < SOON_S
        write(source_kafka, f"{unique}-b", simple_rows(40, partitions=4))
        wait_for_rows(target_kafka, f"newer2.{unique}-b", 40)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, f"{unique}-a", f"newer2.{unique}-a", total, first)
    assert_unharmed(first, second)


def test_three_are_restarted_one_by_one_with_another_file(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, f"{unique}-a", PARTITIONS)
    create_topic(source_kafka, f"{unique}-b", 3)
    before = one_way(source_kafka, target_kafka, "rolled", f"{unique}-a")
    after = one_way(source_kafka, target_kafka, "rolled", f"{unique}-.*")
    write(source_kafka, f"{unique}-b", simple_rows(30, partitions=3))
    with Load(source_kafka, f"{unique}-a", partitions=PARTITIONS, rate_s=3000) as load:
        workers = [heliograph(before) for _ in range(3)]
        wait_for_counts(workers, [2, 2, 2])
        with Arrivals(target_kafka, f"rolled.{unique}-a", PARTITIONS) as arrivals:
            load.wait_for(3000)
            begun = time.monotonic()
            ended = []
            for number in range(3):
                assert workers[number].stop() == 0
                ended.append(workers[number])
                workers[number] = heliograph(after)
                load.wait_for(9000)
            wait_for_counts(workers, [3, 3, 3])
            assert arrivals.silence_s(begun) < SOON_S
        wait_for_rows(target_kafka, f"rolled.{unique}-b", 30)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, f"{unique}-a", f"rolled.{unique}-a", total, workers[0])
    assert_unharmed(*workers, *ended)
    assert "the other workers have another configuration" in ended[2].log + workers[0].log
