"""The file is changed while the program runs: what it changes begins or ends, and nothing else pauses."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from arrivals import Arrivals
from plain_client import create_topic, read, simple_rows, wait_for_rows, write
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, wait_for_counts

from heliograph.testbed import KafkaCluster

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(180)]

PARTITIONS = 3
SOON_S = 5.0
"""Longest that a partition may be silent that no change concerns; far below what a new start takes on a busy machine."""
REFUSED = "the new configuration is refused; the one before stays in force"


def change(running, text: str) -> None:
    """Write the file as a careful editor does: another one that takes its place."""
    other = running.file.with_suffix(".new")
    other.write_text(text)
    other.replace(running.file)


def started(running, topic: str) -> int:
    """Return how often partitions of a topic have begun."""
    return len(re.findall(rf"lane started .*topic={re.escape(topic)} ", running.log))


@pytest.mark.parametrize("mode", ["plain", "transactions"])
def test_topics_begin_and_end_and_the_others_never_pause(source_kafka, target_kafka, heliograph, one_way, unique, mode):
    once = {"target.exactly.once.source.support": "enabled"} if mode == "transactions" else {}
    steady, late = f"{unique}-steady", f"{unique}-late"
    create_topic(source_kafka, steady, PARTITIONS)
    create_topic(source_kafka, late, 1)
    write(source_kafka, late, simple_rows(10))

    def file(chosen: str, more: dict[str, object] | None = None) -> str:
        return one_way(source_kafka, target_kafka, "lively", chosen, {**once, **(more or {})})

    with Load(source_kafka, steady, partitions=PARTITIONS, rate_s=500) as load:
        running = heliograph(file(steady), "--log-level", "debug")
        running.wait_for("running  topics=1")
        load.wait_for(500)
        with Arrivals(target_kafka, f"lively.{steady}", PARTITIONS) as arrivals:
            time.sleep(1)
            begun = time.monotonic()
            change(running, file(f"{steady}, {late}"))
            wait_for_rows(target_kafka, f"lively.{late}", 10)
            assert "the configuration has changed  options=topics" in running.log
            change(running, file(f"{steady}, {late}", {"topics.exclude": late}))
            running.wait_for("partitions are no longer copied  partitions=1")
            write(source_kafka, late, simple_rows(5, first=10))
            more = {"target.offset.flush.interval.ms": 1_000, "tasks.max": 3, "sync.topic.configs.enabled": "false"}
            change(running, file(f"{steady}, {late}", more))
            wait_for_rows(target_kafka, f"lively.{late}", 15)  # where it had ended
            assert arrivals.silence_s(begun) < SOON_S
        total = load.finish()
        assert_equal(source_kafka, target_kafka, steady, f"lively.{steady}", total, running)
    assert read(target_kafka, f"lively.{late}") == read(source_kafka, late)
    assert (started(running, steady), started(running, late)) == (PARTITIONS, 2)
    options = "topics.exclude, sync.topic.configs.interval.seconds, tasks.max, offset.flush.interval.ms"
    assert set(options.split(", ")) == set(re.findall(r"options=\"(.*)\"", running.log)[-1].split(", "))
    assert running.stop() == 0
    assert_unharmed(running)


def test_what_starts_a_flow_again_is_said_by_name_and_loses_nothing(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique, PARTITIONS)
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=500) as load:
        running = heliograph(one_way(source_kafka, target_kafka, "again", unique))
        running.wait_for("running  topics=1")
        load.wait_for(500)
        more = {
            "again.consumer.isolation.level": "read_uncommitted",
            "target.session.timeout.ms": 12_000,
            "heliograph.http.listener": "127.0.0.1:9400",
        }
        change(running, one_way(source_kafka, target_kafka, "again", unique, more))
        running.wait_for("running  topics=1", times=2)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"again.{unique}", total, running)
    assert 'these options start the flow again  options="isolation.level, session.timeout.ms"' in running.log
    told = "these options take effect when the process is started again  options=heliograph.http.listener"
    assert told in running.log
    assert running.stop() == 0
    assert_unharmed(running)


def test_a_wrong_file_is_refused_and_the_one_before_stays_in_force(
    source_kafka, target_kafka, heliograph, one_way, unique
):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(5))
    good = one_way(source_kafka, target_kafka, "wrong", unique)
    running = heliograph(good)
    wait_for_rows(target_kafka, f"wrong.{unique}", 5)
    change(running, good.replace(unique, f"{unique}, (["))
    running.wait_for(REFUSED)
    running.file.unlink()
    running.wait_for("does not exist")
    change(running, "clusters = \n")
    running.wait_for(REFUSED, times=3)
    write(source_kafka, unique, simple_rows(5, first=5))
    wait_for_rows(target_kafka, f"wrong.{unique}", 10)
    change(running, good)
    running.wait_for("the configuration was read again; nothing has changed")
    assert "Traceback" not in running.log
    assert running.stop() == 0


def test_flows_begin_and_end(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique)
    write(source_kafka, unique, simple_rows(5))
    first = one_way(source_kafka, target_kafka, "kept", unique)
    running = heliograph(first)
    wait_for_rows(target_kafka, f"kept.{unique}", 5)
    second = first.replace("clusters = kept, target", "clusters = kept, come, target") + (
        f"come.bootstrap.servers = {source_kafka.bootstrap()}\n"
        f"come->target.enabled = true\ncome->target.topics = {unique}\ntarget->come.emit.heartbeats.enabled = false\n"
    )
    change(running, second)
    wait_for_rows(target_kafka, f"come.{unique}", 5)
    running.wait_for("the configuration has a new flow; it begins")
    change(running, second.replace("kept->target.enabled = true", "kept->target.enabled = false"))
    running.wait_for("the configuration has this flow no more; it ends")
    running.wait_for("stopped  records=5")
    write(source_kafka, unique, simple_rows(5, first=5))
    wait_for_rows(target_kafka, f"come.{unique}", 10)
    assert len(read(target_kafka, f"kept.{unique}")) == 5
    assert running.stop() == 0
    assert_unharmed(running)


def test_a_link_that_is_swapped_is_a_change_and_sighup_reads_again(
    source_kafka, target_kafka, heliograph, one_way, unique, tmp_path: Path
):
    """So Kubernetes renews a ConfigMap: ``..data`` leads to another folder, and the file's own link stays."""
    one, two = f"{unique}-one", f"{unique}-two"
    for topic in (one, two):
        create_topic(source_kafka, topic)
        write(source_kafka, topic, simple_rows(3))

    def folder(name: str, chosen: str, more: dict[str, object]) -> None:
        (tmp_path / name).mkdir()
        text = one_way(source_kafka, target_kafka, "swap", chosen, more)
        (tmp_path / name / "mm2.properties").write_text(text)

    folder("first", one, {})
    folder("second", f"{one}, {two}", {"heliograph.reload.on.change": "false"})
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "mm2.properties").symlink_to("..data/mm2.properties")
    running = heliograph(one_way(source_kafka, target_kafka, "swap", one))
    running.file.unlink()
    running.file.symlink_to(tmp_path / "mm2.properties")
    wait_for_rows(target_kafka, f"swap.{one}", 3)
    (tmp_path / "..data_tmp").symlink_to("second")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    wait_for_rows(target_kafka, f"swap.{two}", 3)
    os.kill(running.pid, signal.SIGHUP)
    running.wait_for("nothing has changed")
    assert running.stop() == 0
    assert_unharmed(running)


def test_both_workers_end_with_the_same_configuration(source_kafka, target_kafka, heliograph, one_way, unique):
    steady, late = f"{unique}-steady", f"{unique}-late"
    create_topic(source_kafka, steady, 4)
    create_topic(source_kafka, late, 2)
    write(source_kafka, late, simple_rows(10, partitions=2))

    def file(chosen: str) -> str:
        return one_way(source_kafka, target_kafka, "both", chosen)

    with Load(source_kafka, steady, partitions=4, rate_s=500) as load:
        workers = [heliograph(file(steady)) for _ in range(2)]
        wait_for_counts(workers, [2, 2])
        change(workers[0], file(f"{steady}, {late}"))
        while all("another configuration" not in worker.log for worker in workers):
            time.sleep(0.05)
        change(workers[1], file(f"{steady}, {late}"))
        wait_for_counts(workers, [3, 3])
        wait_for_rows(target_kafka, f"both.{late}", 10)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, steady, f"both.{steady}", total, workers[0])
    assert_unharmed(*workers)


def test_workers_of_a_parent_follow_the_file(source_kafka, target_kafka, heliograph, one_way, unique):
    one, two = f"{unique}-one", f"{unique}-two"
    for topic in (one, two):
        create_topic(source_kafka, topic)
        write(source_kafka, topic, simple_rows(3))
    by_hand = {"heliograph.reload.on.change": "false"}
    running = heliograph(one_way(source_kafka, target_kafka, "brood", one, by_hand), "--workers", "2")
    wait_for_rows(target_kafka, f"brood.{one}", 3)
    change(running, one_way(source_kafka, target_kafka, "brood", f"{one}, {two}", by_hand))
    os.kill(running.pid, signal.SIGHUP)
    wait_for_rows(target_kafka, f"brood.{two}", 3)
    running.wait_for("the configuration has changed", times=2)
    change(running, "clusters =\n")
    os.kill(running.pid, signal.SIGHUP)
    running.wait_for(REFUSED)
    assert running.stop() == 0
    assert "Traceback" not in running.log


FIRST, SECOND = "anna", "berta"
NOBODY = "ANONYMOUS"
"""Who looks at the outcome."""


@pytest.fixture(scope="module")
def guarded():
    """A target on which two users may do everything, each until it is taken away."""
    listeners = ("PLAINTEXT", "SASL_PLAINTEXT", "SSL")
    users = {FIRST: "one", SECOND: "two"}
    with KafkaCluster(listeners=listeners, users=users, authorizer=True) as kafka:
        allow(kafka, "add", NOBODY, FIRST, SECOND)
        yield kafka


def allow(kafka: KafkaCluster, how: str, *users: str) -> None:
    """Add or remove what users may do: everything."""
    done = kafka.tool(
        "kafka-acls",
        *(f"--{how}", "--operation", "All", "--topic", "*", "--group", "*", "--cluster", "--transactional-id", "*"),
        *(word for user in users for word in ("--allow-principal", f"User:{user}")),
        *(("--force",) if how == "remove" else ()),
    )
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("secret", ["password", "certificate"])
def test_other_credentials_are_taken_on_in_place(
    source_kafka, guarded, heliograph, one_way, unique, tmp_path: Path, secret
):
    """What the old user may do is taken away afterwards: no connection of his is in use."""
    create_topic(source_kafka, unique, PARTITIONS)
    listener, store = ("SASL_PLAINTEXT" if secret == "password" else "SSL"), tmp_path / "store"

    def file(user: str, password: str = "") -> str:
        access = guarded.client_properties(listener, user)
        key = "ssl.keystore.location"
        if key in access:  # as a mounted Secret is renewed: another file under the same name
            (tmp_path / "new").write_bytes(Path(access[key]).read_bytes())
            (tmp_path / "new").replace(store)
            access[key] = str(store)
        if password:
            access = {key: re.sub(r'password="[^"]*"', f'password="{password}"', each) for key, each in access.items()}
        more = {f"target.{key}": value for key, value in access.items()}
        return one_way(source_kafka, guarded.bootstrap(listener), "keys", unique, more)

    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=500) as load:
        running = heliograph(file(FIRST), "--log-level", "debug")
        running.wait_for("running  topics=1")
        if secret == "password":
            change(running, file(SECOND, "not hers"))
            running.wait_for(REFUSED)
            assert f"refuses the credentials of user {SECOND}" in running.log
            assert "not hers" not in running.log
        with Arrivals(guarded, f"keys.{unique}", PARTITIONS) as arrivals:
            time.sleep(1)
            begun = time.monotonic()
            renewed = file(SECOND)
            if secret == "password":
                change(running, renewed)
            running.wait_for("the configuration has changed  options=target.")
            time.sleep(2)  # a long poll may still be answered on the old connection, and one more request be sent
            allow(guarded, "remove", FIRST)
            load.wait_for(2_000)
            assert arrivals.silence_s(begun) < SOON_S, running.log
        total = load.finish()
        assert_equal(source_kafka, guarded, unique, f"keys.{unique}", total, running)
    assert started(running, unique) == PARTITIONS
    assert running.log.count("ERROR") == (secret == "password")
    assert running.stop() == 0
    allow(guarded, "add", FIRST)
