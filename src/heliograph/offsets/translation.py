"""From a position on one cluster to the position on the other, exactly or with the reason why not.

A position is *the next record to read*. Its translation is exact when a reader who goes on at the other side skips
nothing and reads nothing twice: when the next record is the same on both sides, or the last one was.

Most offsets follow from the known pairs (:mod:`heliograph.mirror.offset_map`). Where they do not, because a hole lies
somewhere between two pairs or nothing has been stored for a while, the records in question are counted on both sides,
from the pair before and from the pair after. Whatever was counted must then be proven by comparing records. An answer
from known pairs is held against the records too, as far as they are still there; if they differ, somebody else wrote
to the topic, and the answer is not exact after all.

Both directions are one: a map read backwards leads home. Two clusters that copied in both directions under the same
names (identity policy) have two maps for one pair of partitions, and whichever is exact there answers.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog, count, ends_of, last_record, next_record, nth, same
from heliograph.concurrency import all_of
from heliograph.config.model import Policy
from heliograph.errors import BrokerError, HeliographError
from heliograph.mirror.offset_map import OffsetMap, Translation
from heliograph.offsets.flow_map import FlowMap, TopicPartition
from heliograph.wire import errors as codes

AT_ONCE = 8
"""Partitions looked at side by side."""
ATTEMPTS = 3
"""How often a position is looked for while records are deleted in front of it."""
_TOO_FAR = "it is too far from the nearest known pair of offsets to count the records"


@dataclass(frozen=True, slots=True)
class Translated:
    """A position on the other side."""

    offset: int | None
    """The next record to read there, or an earlier one where it is not exact; None: nothing is known."""
    exact: bool
    reason: str
    """One phrase, lower case, without a full stop."""
    behind: int = 0
    """Records before the position that are not on the other side yet."""
    at_end: bool = False
    """Everything on the other side lies before the position."""
    deleted: bool = False
    """The record at the position was deleted: it lies before its partition's log start offset."""
    error: HeliographError | None = None
    """Why the records could not be read; what is said here is what is known without them."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a topic's readers go."""

    topic: str
    ways: tuple[tuple[FlowMap, str, bool], ...]
    """Flow, the topic's name on that flow's source, and whether its map is read backwards; in order of trust."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The way from one cluster to another, over the flows between the two."""

    origin: str
    """Alias of the cluster that the positions are of."""
    destination: str
    ahead: FlowMap | None
    """The flow from ``origin`` to ``destination``."""
    back: FlowMap | None
    """The flow from ``destination`` to ``origin``."""

    @property
    def clusters(self) -> tuple[Cluster | None, Cluster | None]:
        """Origin and destination, as far as they can be asked."""
        if self.ahead is not None:
            return self.ahead.source, self.ahead.target
        assert self.back is not None, "a crossing has a flow"
        return self.back.target, self.back.source

    def destination_of(self, topic: str) -> Destination | None:
        """Say where readers of ``topic`` go; None where no flow between the two clusters touches it.

        A copy goes home to its original; whatever else the flow ahead selects, goes to its copy.
        """
        ways: list[tuple[FlowMap, str, bool]] = []
        name = ""
        back, ahead = self.back, self.ahead
        if back is not None:
            upstream = back.naming.upstream_topic(topic)
            comes_from_there = back.naming.topic_source(topic) == back.naming.source_alias
            if upstream is not None and comes_from_there and back.selection.selects(upstream):
                name = upstream
                ways.append((back, upstream, True))
        if ahead is not None and ahead.selection.selects(topic):
            remote = ahead.naming.remote_topic(topic)
            if not ways or (remote == name and ahead.config.policy is Policy.IDENTITY):
                name = remote
                ways.append((ahead, topic, False))
        return Destination(name, tuple(ways)) if ways else None


@dataclass(frozen=True, slots=True)
class _Sides:
    """One partition on both sides."""

    here: PartitionLog
    there: PartitionLog
    here_ends: Ends
    there_ends: Ends


@dataclass(frozen=True, slots=True)
class _Place:
    """One position on its way."""

    offset: int
    sides: _Sides | None
    """None: only one side can be asked."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """Two known pairs with the position between them; ``None``: the partition's end, for want of a later pair."""

    here_first: int
    there_first: int
    here_next: int | None
    there_next: int | None


def logs_of(
    crossing: Crossing, key: TopicPartition, destination: Destination
) -> tuple[PartitionLog | None, PartitionLog | None]:
    """Return both partitions as they can be read."""
    origin, other = crossing.clusters
    committed = destination.ways[0][0].config.read_committed
    return (
        None if origin is None else PartitionLog(origin, key[0], key[1], committed),
        None if other is None else PartitionLog(other, destination.topic, key[1], committed),
    )


async def translate_all(
    crossing: Crossing, wanted: Sequence[tuple[TopicPartition, int]]
) -> list[tuple[Destination | None, Translated, Ends | None, Ends | None]]:
    """Translate positions (topic, partition and offset on the origin), in the order given.

    With each come the destination, and where both partitions begin and end, as far as that can be asked. A position
    whose records cannot be read says so itself, and the others are not touched by it.
    """
    destinations = {key: crossing.destination_of(key[0]) for key, _ in wanted}
    logs = {key: logs_of(crossing, key, found) for key, found in destinations.items() if found is not None}
    ends = await ends_of(list(dict.fromkeys(log for pair in logs.values() for log in pair if log is not None)))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(key: TopicPartition, offset: int) -> tuple[Destination | None, Translated, Ends | None, Ends | None]:
        destination = destinations[key]
        if destination is None:
            return None, Translated(None, exact=False, reason="no flow copies this topic"), None, None
        here, there = logs[key]
        here_ends, there_ends = (None if log is None else ends[log] for log in (here, there))
        for log, found in ((here, here_ends), (there, there_ends)):
            if isinstance(found, HeliographError):
                return destination, Translated(None, exact=False, reason=_not_there(log, found)), None, None
        assert not isinstance(here_ends, HeliographError)
        assert not isinstance(there_ends, HeliographError)
        sides = None
        if here is not None and there is not None and here_ends is not None and there_ends is not None:
            sides = _Sides(here, there, here_ends, there_ends)
        async with gate:
            answer = await _while_records_go(destination, key[1], _Place(offset, sides))
        return destination, answer, here_ends, there_ends

    return await all_of(one(key, offset) for key, offset in wanted)


def _not_there(log: PartitionLog | None, error: HeliographError) -> str:
    if log is not None:
        known = log.cluster.metadata.topics.get(log.topic)
        if known is None or log.partition not in known.partitions:
            return f"{log} does not exist"
    return f"{log} cannot be read: {error.message}"


async def _while_records_go(destination: Destination, partition: int, place: _Place) -> Translated:
    """Translate, and look again at where the partitions begin when records are deleted meanwhile."""
    problem: HeliographError | None = None
    for _ in range(ATTEMPTS):
        try:
            return await _best(destination, partition, place)
        except HeliographError as error:
            problem = error
            if not isinstance(error, BrokerError) or error.code != codes.OFFSET_OUT_OF_RANGE or place.sides is None:
                break
            sides = place.sides
            ends = await ends_of([sides.here, sides.there])
            here_ends, there_ends = ends[sides.here], ends[sides.there]
            if isinstance(here_ends, HeliographError) or isinstance(there_ends, HeliographError):
                break
            place = replace(place, sides=replace(sides, here_ends=here_ends, there_ends=there_ends))
    assert problem is not None, "something ended the attempts"
    known = await _best(destination, partition, replace(place, sides=None))
    offset = known.offset
    if offset is not None and place.sides is not None:
        offset = max(place.sides.there_ends.begin, min(offset, place.sides.there_ends.end))
    return Translated(offset, exact=False, reason=f"the records cannot be compared: {problem.message}", error=problem)


async def _best(destination: Destination, partition: int, place: _Place) -> Translated:
    """Ask each map in turn; the first exact answer counts, else the first one."""
    answers: list[Translated] = []
    for flow, topic, backwards in destination.ways:
        shared = shared_partition(flow, topic, partition)
        if shared:
            return Translated(None, exact=False, reason=shared)
        found = await _by_map(flow.maps.get((topic, partition)), place, backwards=backwards)
        if found.exact:
            return found
        answers.append(found)
    return next((each for each in answers if each.offset is not None), answers[0])


def shared_partition(flow: FlowMap, topic: str, partition: int) -> str:
    """Say why a partition's offsets cannot be translated at all; empty where they can."""
    anchor = flow.anchors.get((topic, partition))
    if anchor is not None and anchor.target_partition >= 0:
        return f"its records go to partition {anchor.target_partition}, together with those of others"
    source, target = flow.source, flow.target
    if source is None or target is None:
        return ""
    above, below = source.metadata.topics.get(topic), target.metadata.topics.get(flow.naming.remote_topic(topic))
    if above is None or below is None or len(above.partitions) <= len(below.partitions) or not below.partitions:
        return ""
    return f"{len(above.partitions)} partitions share {len(below.partitions)} on {target.alias}"


async def _by_map(known: OffsetMap | None, place: _Place, *, backwards: bool) -> Translated:
    found = None if known is None else (known.inverse if backwards else known.translate)(place.offset)
    if known is None or found is None:
        return Translated(
            None, exact=False, reason="no pair of offsets is known: it was not copied, or not by this flow"
        )
    sides = place.sides
    if sides is not None and place.offset < sides.here_ends.begin:
        first = await _by_map(known, replace(place, offset=sides.here_ends.begin), backwards=backwards)
        return _where_deleted(found, first, sides)
    if found.exact:
        # Before the first copy there is no pair: what can be held against the records is the first pair itself.
        first_run = next(known.runs())
        first_pair = first_run.downstream if backwards else first_run.upstream
        return await _held_against_records(found, max(place.offset, first_pair), sides)
    if sides is None:
        return Translated(found.offset, exact=False, reason=found.reason)
    gap = _gap_of(known, found, backwards=backwards)
    if gap.here_first == place.offset:
        # Before the first known pair: what may be counted from then is where both partitions begin.
        gap = replace(gap, here_first=sides.here_ends.begin, there_first=sides.there_ends.begin)
    return await _counted(gap, found, place.offset, sides)


def _where_deleted(found: Translation, first: Translated, sides: _Sides) -> Translated:
    """Say where a reader goes on whose next records were deleted here; ``first`` is the first that is left.

    Copies of what was deleted may be on the other side still, and the reader has not seen them.
    """
    start, begin, end = sides.here_ends.begin, sides.there_ends.begin, sides.there_ends.end
    offset = max(begin, min(found.offset, end))
    if first.offset is not None and not first.exact and first.offset > found.offset:
        reason = f"it lies before the log start offset {start} of {sides.here}; {first.reason}"
        return Translated(offset, exact=False, reason=reason, deleted=True)
    if found.exact or (first.exact and first.offset is not None and first.offset <= offset):
        reason = f"it lies before the log start offset {start} of {sides.here}: the next record that there is"
        return Translated(offset, exact=True, reason=reason, at_end=offset >= end, deleted=True)
    reason = f"it lies before the log start offset {start} of {sides.here}, where records cannot be counted any more"
    return Translated(offset, exact=False, reason=reason, deleted=True)


def _gap_of(known: OffsetMap, found: Translation, *, backwards: bool) -> _Gap:
    span, end = found.span, known.end
    if span is None:
        assert end is not None, "a map that answers has an end"
        here, there = (end[1], end[0]) if backwards else end
        return _Gap(here, there, None, None)
    up, down = (span.upstream_first, span.upstream_next), (span.downstream_first, span.downstream_next)
    here_pair, there_pair = (down, up) if backwards else (up, down)
    return _Gap(here_pair[0], there_pair[0], here_pair[1], there_pair[1])


async def _held_against_records(found: Translation, offset: int, sides: _Sides | None) -> Translated:
    """Keep an answer from known pairs unless both sides have a record exactly there and the two differ."""
    if sides is None:
        return Translated(found.offset, exact=True, reason=found.reason)
    there_ends = sides.there_ends
    if found.offset > there_ends.end:
        reason = f"{sides.there} ends at {there_ends.end}, before it: records are missing there"
        return Translated(there_ends.end, exact=False, reason=reason)
    if found.offset < there_ends.begin:
        reason = f"{sides.there} begins at {there_ends.begin}, behind it: records were deleted there"
        return Translated(there_ends.begin, exact=False, reason=reason)
    here = await next_record(sides.here, offset, sides.here_ends.end)
    there = await next_record(sides.there, found.offset, there_ends.end)
    comparable = here is not None and there is not None and (here.offset, there.offset) == (offset, found.offset)
    if comparable and not same(here, there) and not await _same_before(offset, found.offset, sides):
        reason = "the records there differ: somebody else wrote to one of the topics, or it was recreated"
        return Translated(found.offset, exact=False, reason=reason)
    return Translated(found.offset, exact=True, reason=found.reason, at_end=found.offset >= there_ends.end)


async def _same_before(offset: int, candidate: int, sides: _Sides) -> bool:
    here = await last_record(sides.here, offset, sides.here_ends.begin)
    there = await last_record(sides.there, candidate, sides.there_ends.begin)
    return same(here, there)


async def _proven(offset: int, candidate: int, sides: _Sides) -> bool:
    """Whether the next record and the last one are the same on both sides, as far as there are such."""
    here = await next_record(sides.here, offset, sides.here_ends.end)
    there = await next_record(sides.there, candidate, sides.there_ends.end)
    if here is not None and there is not None and not same(here, there):
        return False
    if await _same_before(offset, candidate, sides):
        return True
    at_begin = offset <= sides.here_ends.begin or candidate <= sides.there_ends.begin
    return at_begin and same(here, there)


async def _begins_later(here_next: int, total: int, offset: int, sides: _Sides) -> bool:
    """Say whether the copy's first record comes behind ``offset``: copies of ``total`` lie before ``here_next``."""
    begin = sides.here_ends.begin
    if sides.there_ends.begin or here_next > sides.here_ends.end:
        return False
    all_before = await count(sides.here, begin, here_next)
    after = await count(sides.here, max(offset, begin), here_next)
    if all_before is None or after is None or after < total:
        return False
    first = await nth(sides.here, begin, all_before - total, here_next)
    if first is None:
        return False
    here = await next_record(sides.here, first, here_next)
    return same(here, await next_record(sides.there, 0, sides.there_ends.end))


async def _counted(gap: _Gap, found: Translation, offset: int, sides: _Sides) -> Translated:
    """Make an inexact answer exact by counting records on both sides, or say why that cannot be done."""
    here_ends, there_ends = sides.here_ends, sides.there_ends
    lower = max(there_ends.begin, min(found.offset, there_ends.end))
    if offset > here_ends.end:
        return Translated(lower, exact=False, reason=f"{sides.here} ends at {here_ends.end}, before it")
    first = max(gap.there_first, there_ends.begin)
    last = there_ends.end if gap.there_next is None else min(gap.there_next, there_ends.end)
    before = await count(sides.here, max(gap.here_first, here_ends.begin), offset)
    if before == 0 and gap.here_next is None:
        at_end = gap.there_first >= there_ends.end
        return Translated(gap.there_first, exact=True, reason="everything before it is copied", at_end=at_end)
    total = await count(sides.there, first, last) if first < last else 0
    if before is not None and total is not None and gap.here_next is None and before > total:
        reason = f"{before - total} records before it are not copied yet"
        return Translated(there_ends.end, exact=False, reason=reason, behind=before - total, at_end=True)
    if (
        gap.here_next is not None
        and gap.there_first == 0
        and total
        and await _begins_later(gap.here_next, total, offset, sides)
    ):
        return Translated(0, exact=True, reason="it lies before the first record there")
    candidates = [before]
    if gap.here_next is not None and total is not None and gap.here_next <= here_ends.end:
        after = await count(sides.here, max(offset, here_ends.begin), gap.here_next)
        candidates.append(None if after is None else total - after)
    for number in dict.fromkeys(each for each in candidates if each is not None and each >= 0):
        at = await nth(sides.there, first, number, last) if first < last else None
        candidate = last if at is None and number == total else at
        if candidate is not None and await _proven(offset, candidate, sides):
            at_end = candidate >= there_ends.end
            return Translated(candidate, exact=True, reason="found by counting records", at_end=at_end)
    return Translated(lower, exact=False, reason=_TOO_FAR if None in (*candidates, total) else found.reason)
