"""Both clusters of a flow are opened for a command; the source may be down, and what was opened is closed."""

import asyncio
import time
from dataclasses import replace

import pytest

from configs import flow_config
from fake_cluster import FakeCluster
from heliograph.config.model import ClusterConfig
from heliograph.errors import Unreachable
from heliograph.offsets import endpoints
from heliograph.offsets.endpoints import both, reach

NOWHERE = ClusterConfig("C", (("127.0.0.1", 1),))


@pytest.fixture
def fakes():
    with FakeCluster("A") as source, FakeCluster("B") as target:
        yield source, target


def config_of(fake):
    return ClusterConfig(fake.alias, (("127.0.0.1", fake.port),))


def seen(source, target, **how):
    """Open both and return the aliases of what there is, and what is missing."""

    async def scenario():
        async with both(flow_config(source, target), **how) as endpoints:
            aliases = [None if each is None else each.alias for each in (endpoints.source, endpoints.target)]
            return aliases, endpoints.missing

    return asyncio.run(scenario())


def assert_closed(*fakes):
    """The other end sees it a moment later, in a thread of its own."""
    deadline = time.monotonic() + 10
    while any(each.connections for each in fakes):
        assert time.monotonic() < deadline, [each.connections for each in fakes]
        time.sleep(0.005)


def test_both_are_opened_and_closed(fakes):
    assert seen(*map(config_of, fakes)) == (["A", "B"], ())
    assert_closed(*fakes)


def test_a_source_that_is_down_is_done_without(fakes):
    aliases, missing = seen(NOWHERE, config_of(fakes[1]))
    assert aliases == [None, "B"]
    (reason,) = missing
    assert reason.startswith("C cannot be asked: ")
    with pytest.raises(Unreachable):
        seen(NOWHERE, config_of(fakes[1]), need_source=True)
    assert_closed(fakes[1])


def test_a_target_that_is_down_is_done_without_only_where_it_may(fakes):
    with pytest.raises(Unreachable):
        seen(config_of(fakes[0]), NOWHERE)
    aliases, missing = seen(config_of(fakes[0]), NOWHERE, need_target=False)
    assert (aliases, len(missing)) == (["A", None], 1)
    with pytest.raises(Unreachable):
        seen(replace(NOWHERE, alias="D"), NOWHERE, need_target=False)


def test_a_source_that_is_not_to_be_asked_is_not(fakes):
    assert seen(*map(config_of, fakes), without_source=True) == ([None, "B"], ("A is not asked",))
    assert fakes[0].asked == []


def test_a_cluster_that_does_not_answer_is_given_up(fakes, monkeypatch):
    monkeypatch.setattr(endpoints, "REACH_S_MAX", 0.0)
    with pytest.raises(Unreachable, match="A does not answer within 0 s"):
        asyncio.run(reach(config_of(fakes[0])))
    assert_closed(fakes[0])
