"""From a position on one cluster to the position on the other, exactly or with the reason why not.

A position is *the next record to read*. Its translation is exact when a reader who goes on at the other side skips
nothing and reads nothing twice: when the next record is the same on both sides, or the last one was.

Most offsets follow from the known pairs (:mod:`heliograph.mirror.offset_map`). Where they do not, because a hole lies
somewhere between two pairs or nothing has been stored for a while, the records in question are counted on both sides,
from the pair before and from the pair after, and what was counted is proven by comparing records
(:mod:`heliograph.offsets.gaps`). An answer from known pairs is held against the records too, as far as they are still
there; if they differ, somebody else wrote to the topic, and the answer is not exact after all.

Both directions are one: a map read backwards leads home. Two clusters that copied in both directions under the same
names (identity policy) have two maps for one pair of partitions, and whichever is exact there answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.log import Ends, PartitionLog, ends_of, last_record, next_record, same
from heliograph.cluster.pace import Pace
from heliograph.concurrency import all_of, single_cause
from heliograph.config.model import Policy
from heliograph.errors import BrokerError, HeliographError
from heliograph.mirror.offset_map import OffsetMap, Translation
from heliograph.offsets.flow_map import FlowMap, TopicPartition
from heliograph.offsets.gaps import BothLogs, Gap, GapCount, Translated, counted_gap
from heliograph.wire import errors as codes

AT_ONCE = 8
"""Gaps, and single positions, looked at side by side."""
ATTEMPTS = 3
"""How often a position is looked for while records are deleted in front of it."""
_NO_PAIR = "no pair of offsets is known: it was not copied, or not by this flow"


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


def logs_of(
    crossing: Crossing, key: TopicPartition, destination: Destination, pace: Pace | None = None
) -> tuple[PartitionLog | None, PartitionLog | None]:
    """Return both partitions as they can be read."""
    origin, other = crossing.clusters
    committed = destination.ways[0][0].config.read_committed
    return (
        None if origin is None else PartitionLog(origin, *key, committed, pace),
        None if other is None else PartitionLog(other, destination.topic, key[1], committed, pace),
    )


async def translate_all(
    crossing: Crossing,
    wanted: Sequence[tuple[TopicPartition, int]],
    *,
    pace: Pace | None = None,
    at_once: int = AT_ONCE,
) -> list[tuple[Destination | None, Translated, Ends | None, Ends | None]]:
    """Translate positions (topic, partition and offset on the origin), in the order given.

    With each come the destination, and where both partitions begin and end, as far as that can be asked. A position
    whose records cannot be read says so itself, and the others are not touched by it. Records are read at ``pace``.
    """
    offsets: dict[TopicPartition, set[int]] = {}
    for key, offset in wanted:
        offsets.setdefault(key, set()).add(offset)
    destinations = {key: crossing.destination_of(key[0]) for key in offsets}
    logs = {key: logs_of(crossing, key, found, pace) for key, found in destinations.items() if found is not None}
    ends = await ends_of(list(dict.fromkeys(log for pair in logs.values() for log in pair if log is not None)))
    room = asyncio.Semaphore(at_once)

    async def partition(key: TopicPartition) -> tuple[Mapping[int, Translated], Ends | None, Ends | None]:
        destination = destinations[key]
        if destination is None:
            unknown = Translated(None, exact=False, reason="no flow copies this topic")
            return dict.fromkeys(offsets[key], unknown), None, None
        here, there = logs[key]
        here_ends, there_ends = (None if log is None else ends[log] for log in (here, there))
        for log, found in ((here, here_ends), (there, there_ends)):
            if isinstance(found, HeliographError):
                unknown = Translated(None, exact=False, reason=_not_there(log, found), error=found)
                return dict.fromkeys(offsets[key], unknown), None, None
        assert not isinstance(here_ends, HeliographError)
        assert not isinstance(there_ends, HeliographError)
        both = None
        if here is not None and there is not None and here_ends is not None and there_ends is not None:
            both = BothLogs(here, there, here_ends, there_ends)
        answers = await _while_records_go(_Partition(destination, key[1], room), offsets[key], both)
        return answers, here_ends, there_ends

    found = dict(zip(offsets, await all_of(partition(key) for key in offsets), strict=True))
    return [(destinations[key], found[key][0][offset], *found[key][1:]) for key, offset in wanted]


def _not_there(log: PartitionLog | None, error: HeliographError) -> str:
    if log is not None:
        known = log.cluster.metadata.topics.get(log.topic)
        if known is None or log.partition not in known.partitions:
            return f"{log} does not exist"
    return f"{log} cannot be read: {error.message}"


@dataclass(frozen=True, slots=True)
class _Partition:
    """A partition whose positions are translated."""

    destination: Destination
    number: int
    room: asyncio.Semaphore
    """For looks at records."""


Answers = dict[int, Translated | HeliographError]
"""By position; an error where the records could not be read."""


async def _while_records_go(
    partition: _Partition, offsets: Collection[int], both: BothLogs | None
) -> dict[int, Translated]:
    """Translate, and look again at where the partitions begin when records are deleted meanwhile."""
    answers: dict[int, Translated] = {}
    problems: dict[int, HeliographError] = {}
    left = set(offsets)
    for _ in range(ATTEMPTS):
        for offset, found in (await _best(partition, left, both)).items():
            if isinstance(found, HeliographError):
                problems[offset] = found
            else:
                answers[offset] = found
                problems.pop(offset, None)
        left = {offset for offset, problem in problems.items() if _is_deleted(problem)}
        if not left or both is None or (renewed := await _renewed(both)) is None:
            break
        both = renewed
    known = await _best(partition, problems, None) if problems else {}
    for offset, problem in problems.items():
        found = known[offset]
        assert isinstance(found, Translated), "no record is read for it"
        answers[offset] = _not_compared(found, problem, both)
    return answers


def _is_deleted(problem: HeliographError) -> bool:
    return isinstance(problem, BrokerError) and problem.code == codes.OFFSET_OUT_OF_RANGE


async def _renewed(both: BothLogs) -> BothLogs | None:
    """Ask once more where the partitions begin and end; None where that cannot be known."""
    ends = await ends_of([both.here, both.there])
    here_ends, there_ends = ends[both.here], ends[both.there]
    if isinstance(here_ends, HeliographError) or isinstance(there_ends, HeliographError):
        return None
    return replace(both, here_ends=here_ends, there_ends=there_ends)


def _not_compared(known: Translated, problem: HeliographError, both: BothLogs | None) -> Translated:
    """Return what is known without the records, which could not be read."""
    offset = known.offset
    if offset is not None and both is not None:
        offset = max(both.there_ends.begin, min(offset, both.there_ends.end))
    return Translated(offset, exact=False, reason=f"the records cannot be compared: {problem.message}", error=problem)


async def _best(partition: _Partition, offsets: Collection[int], both: BothLogs | None) -> Answers:
    """Ask each map in turn; the first exact answer counts, else the first one."""
    answers: Answers = {}
    for flow, topic, backwards in partition.destination.ways:
        left = [offset for offset in offsets if _may_be_better(answers.get(offset))]
        shared = shared_partition(flow, topic, partition.number)
        if shared:
            return answers | dict.fromkeys(left, Translated(None, exact=False, reason=shared))
        way = _Way(flow.maps.get((topic, partition.number)), backwards, both, partition.room)
        for offset, found in (await way.translated(left)).items():
            before = answers.get(offset)
            is_first = before is None or (isinstance(before, Translated) and before.offset is None)
            if is_first or isinstance(found, HeliographError) or found.exact:
                answers[offset] = found
    return answers


def _may_be_better(answer: Translated | HeliographError | None) -> bool:
    return answer is None or (isinstance(answer, Translated) and not answer.exact)


@dataclass(frozen=True, slots=True)
class _Way:
    """One map, with the partition that it is of on both sides."""

    known: OffsetMap | None
    backwards: bool
    both: BothLogs | None
    """None: only one side can be asked."""
    room: asyncio.Semaphore

    async def translated(self, offsets: Collection[int]) -> Answers:
        """Translate positions by this map, with the help of records."""
        rough = {offset: self._by_map(offset) for offset in offsets}
        both = self.both
        found: Answers = {
            offset: Translated(None, exact=False, reason=_NO_PAIR) for offset, each in rough.items() if each is None
        }
        known = {offset: each for offset, each in rough.items() if each is not None}
        if both is None:
            return found | {
                offset: Translated(each.offset, exact=each.exact, reason=each.reason) for offset, each in known.items()
            }
        begin = both.here_ends.begin
        gone = {offset: each for offset, each in known.items() if offset < begin}
        there = {offset: each for offset, each in known.items() if offset >= begin}
        if gone and (first := self._by_map(begin)) is not None:
            there[begin] = first
        answers = await self._with_records(there, both)
        for offset, each in gone.items():
            first_left = answers[begin]
            answers[offset] = (
                _where_deleted(each, first_left, both) if isinstance(first_left, Translated) else first_left
            )
        return found | {offset: answers[offset] for offset in known}

    def _by_map(self, offset: int) -> Translation | None:
        if self.known is None:
            return None
        return self.known.inverse(offset) if self.backwards else self.known.translate(offset)

    async def _with_records(self, rough: Mapping[int, Translation], both: BothLogs) -> Answers:
        """Hold the exact answers against the records, and count records for the others, gap by gap."""
        known = self.known
        if known is None or not rough:
            return {}
        first_run = next(known.runs())
        first = first_run.downstream if self.backwards else first_run.upstream
        gaps: dict[Gap, dict[int, Translation]] = {}
        for offset, each in rough.items():
            if not each.exact:
                gaps.setdefault(counted_gap(known, each, offset, both, backwards=self.backwards), {})[offset] = each

        async def hold(offset: int) -> Answers:
            # Before the first copy there is no pair: what can be held against the records is the first pair itself.
            return {offset: await _held_against_records(rough[offset], max(offset, first), both)}

        async def count(gap: Gap) -> Answers:
            return dict(await GapCount(gap, both, gaps[gap]).translated())

        held = [self._one((offset,), partial(hold, offset)) for offset, each in rough.items() if each.exact]
        counted = [self._one(tuple(some), partial(count, gap)) for gap, some in gaps.items()]
        answers: Answers = {}
        for found in await all_of([*held, *counted]):
            answers |= found
        return answers

    async def _one(self, offsets: tuple[int, ...], work: Callable[[], Awaitable[Answers]]) -> Answers:
        """Do one piece of work; an error is the answer of its own positions only."""
        async with self.room:
            try:
                with single_cause():
                    return await work()
            except HeliographError as error:
                return dict.fromkeys(offsets, error)


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


def _where_deleted(found: Translation, first: Translated, both: BothLogs) -> Translated:
    """Say where a reader goes on whose next records were deleted here; ``first`` is the first that is left.

    Copies of what was deleted may be on the other side still, and the reader has not seen them.
    """
    start, begin, end = both.here_ends.begin, both.there_ends.begin, both.there_ends.end
    offset = max(begin, min(found.offset, end))
    if first.offset is not None and not first.exact and first.offset > found.offset:
        reason = f"it lies before the log start offset {start} of {both.here}; {first.reason}"
        return Translated(offset, exact=False, reason=reason, deleted=True)
    if found.exact or (first.exact and first.offset is not None and first.offset <= offset):
        reason = f"it lies before the log start offset {start} of {both.here}: the next record that there is"
        return Translated(offset, exact=True, reason=reason, at_end=offset >= end, deleted=True)
    reason = f"it lies before the log start offset {start} of {both.here}, where records cannot be counted any more"
    return Translated(offset, exact=False, reason=reason, deleted=True)


async def _held_against_records(found: Translation, offset: int, both: BothLogs) -> Translated:
    """Keep an answer from known pairs unless both sides have a record exactly there and the two differ."""
    there_ends = both.there_ends
    if found.offset > there_ends.end:
        reason = f"{both.there} ends at {there_ends.end}, before it: records are missing there"
        return Translated(there_ends.end, exact=False, reason=reason)
    if found.offset < there_ends.begin:
        reason = f"{both.there} begins at {there_ends.begin}, behind it: records were deleted there"
        return Translated(there_ends.begin, exact=False, reason=reason)
    here = await next_record(both.here, offset, both.here_ends.end)
    there = await next_record(both.there, found.offset, there_ends.end)
    comparable = here is not None and there is not None and (here.offset, there.offset) == (offset, found.offset)
    if comparable and not same(here, there) and not await _same_before(offset, found.offset, both):
        reason = "the records there differ: somebody else wrote to one of the topics, or it was recreated"
        return Translated(found.offset, exact=False, reason=reason)
    return Translated(found.offset, exact=True, reason=found.reason, at_end=found.offset >= there_ends.end)


async def _same_before(offset: int, candidate: int, both: BothLogs) -> bool:
    here = await last_record(both.here, offset, both.here_ends.begin)
    there = await last_record(both.there, candidate, both.there_ends.begin)
    return same(here, there)
