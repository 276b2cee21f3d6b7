"""What is known of a flow's offsets, from whichever of two fake clusters can be asked."""

import asyncio

from fake_cluster import FakeCluster
from fake_flow import connected, stored
from heliograph.cluster import table
from heliograph.mirror.anchor import Anchor
from heliograph.mirror.formats import Checkpoint, OffsetSync, encode_checkpoint, encode_offset_sync
from heliograph.mirror.offset_map import OffsetMap
from heliograph.mirror.runs import OffsetRun
from heliograph.offsets.flow_map import FlowMap, newest, read_syncs

RECORDS = 20
ON_SOURCE, ON_TARGET = "mm2-offset-syncs.B.internal", "mm2-offset-syncs.A.internal"
CHECKPOINTS = "A.checkpoints.internal"


def in_a_flow(steps):
    with FakeCluster("A") as source, FakeCluster("B") as target:
        for fake, name in ((source, "t"), (target, "A.t")):
            fake.create(name)
            fake.write(name, [b"%s %d" % (name.encode()[-1:], number) for number in range(RECORDS)])

        async def scenario():
            async with connected(source, target) as ends:
                return await steps(ends, source, target)

        return asyncio.run(scenario())


def runs(known):
    return {key: list(each.runs()) for key, each in known.items()}


async def loaded(ends, *, source=True, target=True):
    known = FlowMap(ends.flow, ends.source if source else None, ends.target if target else None)
    await known.load()
    return known


def test_positions_and_syncs_are_put_together():
    async def steps(ends, _source, _target):
        anchors = {("t", 0): Anchor(19, 18), ("t1", 0): Anchor(5, 5, target_partition=3), ("t2", 0): Anchor(7, None)}
        await stored(ends, anchors, syncs=[OffsetSync("t", 0, 3, 3), OffsetSync("t", 0, 9, 9)])
        known = await loaded(ends)
        assert known.anchors == anchors
        assert known.syncs_on == ["B"]
        assert runs(known.maps) == {("t", 0): [OffsetRun(3, 3, 7), OffsetRun(19, 18, 1)]}
        assert known.damaged == 0
        assert known.naming.remote_topic("t") == "A.t"
        alone = await loaded(ends, source=False)
        assert runs(alone.maps) == runs(known.maps)

    in_a_flow(steps)


def test_a_position_that_a_person_has_set_is_no_pair_of_one_record():
    """Going back leaves what the copy holds; going further is a hole."""

    async def steps(ends, _source, _target):
        back, further = Anchor(4, 9, placed=True), Anchor(14, 9, placed=True)
        syncs = [OffsetSync(topic, 0, offset, offset) for topic in ("t", "t1") for offset in (0, 9)]
        await stored(ends, {("t", 0): back, ("t1", 0): further}, syncs=syncs)
        known = await loaded(ends)
        assert runs(known.maps) == {
            ("t", 0): [OffsetRun(0, 0, 10)],
            ("t1", 0): [OffsetRun(0, 0, 10), OffsetRun(15, 10, 0)],
        }
        assert known.maps["t", 0].translate(4).offset == 4
        assert known.maps["t1", 0].translate(12) == known.maps["t1", 0].translate(11)

    in_a_flow(steps)


def test_syncs_of_the_flow_in_the_other_direction_do_not_count():
    """On the source lie those that tell the truth; on the target are some whose records differ."""

    async def steps(ends, source, target):
        target.topics["A.t"].logs[0] = list(source.topics["t"].logs[0])
        target.write("A.t", [b"own"] * 5)
        source.create(ON_SOURCE)
        await ends.source.refresh([ON_SOURCE])
        await table.write(ends.source, ON_SOURCE, {0: [encode_offset_sync(OffsetSync("t", 0, 12, 12))]}, 1)
        await stored(ends, {}, syncs=[OffsetSync("t", 0, 10, 14)])
        known = await loaded(ends)
        assert known.syncs_on == ["A"]
        assert runs(known.maps) == {("t", 0): [OffsetRun(12, 12, 1)]}
        one_sided = await loaded(ends, source=False)
        assert one_sided.syncs_on == ["B"], "who cannot compare believes"

    in_a_flow(steps)


def test_what_cannot_be_read_is_counted():
    async def steps(ends, _source, target):
        rows = [encode_checkpoint(Checkpoint("g", "A.t", 0, 5, 4)), (b"?", b"?"), (b"gone", None)]
        rows.append(encode_checkpoint(Checkpoint("g", "A.t", 0, 7, 6)))
        await stored(ends, {}, syncs=[OffsetSync("t", 0, 3, 3)], checkpoints=rows, now_ms=77)
        target.write(ON_TARGET, [b"no sync"])
        known = await loaded(ends)
        assert known.damaged == 1
        found = await known.checkpoints()
        assert known.damaged == 2
        assert found == {"g": {("A.t", 0): found["g"]["A.t", 0]}}
        newest_one = found["g"]["A.t", 0]
        assert (newest_one.checkpoint, newest_one.written_ms) == (Checkpoint("g", "A.t", 0, 7, 6), 77)
        assert await FlowMap(ends.flow, ends.source, None).checkpoints() == {}

    in_a_flow(steps)


def test_only_the_topics_that_are_wanted_are_read():
    async def steps(ends, _source, _target):
        await stored(ends, {}, syncs=[OffsetSync("t", 0, 3, 3), OffsetSync("other", 0, 3, 3)])
        found = await read_syncs(ends.target, ON_TARGET, selects=lambda topic: topic == "t", make=lambda: OffsetMap(8))
        assert (set(found.maps), found.damaged) == ({("t", 0)}, 0)
        assert (await read_syncs(ends.target, "not-there")).maps == {}

    in_a_flow(steps)


def test_of_several_maps_of_a_partition_the_furthest_counts():
    def one(*pair):
        known = OffsetMap()
        known.synced(*pair)
        return known

    near, far, empty = one(3, 3), one(9, 4), OffsetMap()
    assert newest([{("t", 0): near}, {("t", 0): far, ("u", 0): empty}]) == {("t", 0): far, ("u", 0): empty}
    assert newest([{("t", 0): far}, {("t", 0): empty}]) == {("t", 0): far}
    assert newest([]) == {}
