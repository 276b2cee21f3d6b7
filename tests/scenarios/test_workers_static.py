"""Workers with a ``group.instance.id`` (KIP-345): who is restarted within the session gets its partitions back."""

import os
import time

import pytest
from arrivals import Arrivals
from plain_client import create_topic
from steady_load import Load, assert_equal
from worker_shares import assert_unharmed, wait_for_shares

pytestmark = [pytest.mark.brokers, pytest.mark.timeout(240)]

PARTITIONS = 6
SESSION_S = 15.0
LEASE_S = SESSION_S * 0.8
SOON_S = 10.0
"""Far less than the lease of the process before, which is waited for after a kill."""


def named(one_way, source, target, alias, topic, name, **more):
    more |= {"group.instance.id": name, "target.session.timeout.ms": round(SESSION_S * 1000)}
    return one_way(source, target, alias, topic, more)


ONCE = {"target.exactly.once.source.support": "enabled"}
ALL = [
    (how, who, mode) for how in ("stop", "kill") for who in ("leader", "other") for mode in ("plain", "transactions")
]
SOME = [("stop", "leader", "plain"), ("kill", "other", "transactions")]
"""All with HELIOGRAPH_WORKERS_ALL=1."""


@pytest.mark.parametrize(("how", "who", "mode"), ALL if os.environ.get("HELIOGRAPH_WORKERS_ALL") else SOME)
def test_a_restart_within_the_session_moves_nothing(
    source_kafka, target_kafka, heliograph, one_way, unique, how, who, mode
):
    create_topic(source_kafka, unique, PARTITIONS)
    alias = f"static-{how}-{who}-{mode}"
    more = ONCE if mode == "transactions" else {}
    files = [named(one_way, source_kafka, target_kafka, alias, unique, name, **more) for name in ("host-a", "host-b")]
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=1_000) as load:
        first = heliograph(files[0])
        wait_for_shares({first: 6})
        second = heliograph(files[1])
        wait_for_shares({first: 3, second: 3})
        ending, staying = (first, second) if who == "leader" else (second, first)
        said = len(staying.log)
        with Arrivals(target_kafka, f"{alias}.{unique}", PARTITIONS) as arrivals:
            load.wait_for(1_000)
            begun = time.monotonic()
            if how == "kill":
                ending.kill()
                ending.wait()
            else:
                assert ending.stop() == 0
            again = heliograph(files[0] if ending is first else files[1])
            wait_for_shares({again: 3}, SESSION_S + 15)
            load.wait_for(2_000)
            assert arrivals.silence_s(begun) < (LEASE_S + 10 if how == "kill" else SOON_S)
        assert "partitions" not in staying.log[said:], "nothing of the other moves"
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"{alias}.{unique}", total, staying)
    assert again.stop() == 0
    assert staying.stop() == 0
    assert_unharmed(first, second, again)


def test_of_two_with_one_id_the_first_ends(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    file = named(one_way, source_kafka, target_kafka, "twice", unique, "host-a")
    with Load(source_kafka, unique, partitions=PARTITIONS, rate_s=500) as load:
        first = heliograph(file)
        wait_for_shares({first: 6})
        second = heliograph(file)
        assert first.wait() == 3
        assert first.log.splitlines()[-1] == (
            "heliograph: Another process has taken the place of host-a in group twice-mm2 on target. "
            "Give each process a group.instance.id of its own"
        )
        wait_for_shares({second: 6}, SESSION_S + 15)
        total = load.finish()
        assert_equal(source_kafka, target_kafka, unique, f"twice.{unique}", total, second)
    assert second.stop() == 0
    assert_unharmed(second)


def test_who_does_not_come_back_is_replaced_after_the_session(source_kafka, target_kafka, heliograph, one_way, unique):
    create_topic(source_kafka, unique, PARTITIONS)
    files = [named(one_way, source_kafka, target_kafka, "away", unique, name) for name in ("host-a", "host-b")]
    first, second = heliograph(files[0]), heliograph(files[1])
    wait_for_shares({first: 3, second: 3})
    assert first.stop() == 0
    wait_for_shares({second: 6}, 2 * SESSION_S)
    assert second.stop() == 0
    assert_unharmed(first, second)
