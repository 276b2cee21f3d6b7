"""Questions about groups, offsets and moments of a flow between two fake clusters."""

import asyncio

import pytest

from fake_cluster import FakeCluster
from fake_flow import connected, stored
from heliograph.errors import BrokerError, ClusterError
from heliograph.mirror.anchor import Anchor
from heliograph.offsets.endpoints import Endpoints
from heliograph.offsets.lookup import lookup_of

RECORDS, FIRST = 20, 5
NOW_MS = 1_700_000_000_000


def asked(question, *, backwards=False, source_asked=True):
    """Ask about a flow that has copied everything from the sixth record on."""
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name, first in ((source, "t", 0), (target, "A.t", FIRST)):
            fake.create(name)
            fake.write(name, [b"%d" % number for number in range(first, RECORDS)])
        source.create("t2")
        source.groups["g"] = {("t", 0): (12, ""), ("t2", 0): (0, "")}
        target.groups["g"] = {("A.t", 0): (3, "")}

        async def scenario():
            async with connected(source, target) as ends:
                await stored(ends, {("t", 0): Anchor(RECORDS - 1, RECORDS - 1 - FIRST)})
                endpoints = Endpoints(ends.source if source_asked else None, ends.target)
                return await question(await lookup_of(ends.flow, endpoints, backwards=backwards))

        return asyncio.run(scenario())


def test_groups():
    async def question(lookup):
        assert lookup.origin.alias == "A"
        return await lookup.groups(("g",)), await lookup.groups(("g",), ["t"])

    everything, some = asked(question)
    assert [each.topic for each in everything] == ["t", "t2"]
    (here,) = some
    assert (here.offset, here.to_topic, here.to_offset, here.exact, here.held) == (12, "A.t", 12 - FIRST, True, 3)


def test_groups_on_their_way_back():
    async def question(lookup):
        return await lookup.groups(("g",))

    (here,) = asked(question, backwards=True)
    assert (here.topic, here.offset, here.to_topic, here.to_offset, here.exact) == ("A.t", 3, "t", 3 + FIRST, True)


@pytest.mark.parametrize("offset", [2, FIRST, 9, RECORDS])
def test_offsets(offset):
    async def question(lookup):
        return await lookup.offsets([(("t", 0), offset), (("else", 0), 1)])

    here, other = asked(question)
    assert (here.offset, here.to_offset, here.exact) == (offset, max(0, offset - FIRST), True)
    assert (here.lag, here.to_lag) == (RECORDS - offset, RECORDS - FIRST - max(0, offset - FIRST))
    assert here.at_end is (offset == RECORDS)
    assert (other.to_topic, other.to_offset, other.reason) == ("", None, "no flow copies this topic")


def test_an_offset_that_is_not_copied_yet():
    async def question(lookup):
        return await lookup.offsets([(("t", 0), RECORDS + 3)])

    (here,) = asked(question)
    assert (here.exact, here.reason) == (False, f"t-0 on A ends at {RECORDS}, before it")


def test_moments():
    async def question(lookup):
        return (
            await lookup.moments("t", NOW_MS),
            await lookup.moments("t2", NOW_MS),
            await lookup.moments("t", NOW_MS, 0),
        )

    found, empty, one = asked(question)
    assert [(each.offset, each.to_offset) for each in found] == [(0, 0)]
    assert [(each.offset, each.to_offset) for each in empty] == [(0, None)]
    assert one == found


def test_moments_without_the_source():
    async def question(lookup):
        assert lookup.origin is None
        return await lookup.moments("t", NOW_MS)

    (here,) = asked(question, source_asked=False)
    assert (here.to_topic, here.to_offset, here.exact) == ("A.t", 0, True)
    assert here.reason == "found by the times of the copies"


def test_moments_of_what_is_not_there():
    async def copied(lookup):
        return await lookup.moments("else", NOW_MS)

    async def there(lookup):
        return await lookup.moments("t", NOW_MS, 7)

    with pytest.raises(ClusterError, match="No flow copies topic else"):
        asked(copied)
    with pytest.raises(BrokerError, match="A has no t-7"):
        asked(there)
