"""Which consumer groups are followed, what is written of them, and what is committed for them on the target.

A *checkpoint* is a group's position on the source beside the same position on the target. They are written by
MirrorMaker 2's rules, so that its readers see what they know; only the offsets are better: ours are exact.

*Group sync* commits the translated positions on the target. It never disturbs anybody: a group with members there is
left alone, and a group without is only ever moved forward.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import FlowConfig
from heliograph.mirror.formats import Checkpoint
from heliograph.mirror.patterns import Patterns
from heliograph.mirror.selection import Selection

TopicPartition = tuple[str, int]
CheckpointKey = tuple[str, str, int]
"""Group, topic (name on the target), partition."""


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """The choice of groups of one flow."""

    include: Patterns
    exclude: Patterns

    def follows(self, group: str) -> bool:
        """Say whether ``group`` is followed."""
        return self.include.matches(group) and not self.exclude.matches(group)

    def why(self, group: str) -> str:
        """Return the reason why ``group`` is followed or is not: one phrase, lower case."""
        if (by := self.exclude.which(group)) is not None:
            return f"excluded by {by}"
        if (by := self.include.which(group)) is not None:
            return f"included by {by}"
        return "not included by groups"


def group_choice_of(flow: FlowConfig) -> GroupChoice:
    """Return the choice of groups of ``flow``; raises ConfigError for a list that is no Java regular expression."""
    return GroupChoice(Patterns(flow.sync.groups), Patterns(flow.sync.groups_exclude))


def follows_topic(selection: Selection, topic: str) -> bool:
    """Say whether positions on the source's ``topic`` are followed: MM2 asks only the lists, not for cycles."""
    return selection.include.matches(topic) and not selection.exclude.matches(topic)


def checkpoint_key(checkpoint: Checkpoint) -> CheckpointKey:
    """Return what a checkpoint is about."""
    return checkpoint.group, checkpoint.topic, checkpoint.partition


def is_news(checkpoint: Checkpoint, before: Checkpoint | None) -> bool:
    """Say whether ``checkpoint`` is to be written: the first, or the group went back, or it is further on there.

    MM2 stops there; a commit that changes only its metadata is written as well.
    """
    if before is None or checkpoint.upstream_offset < before.upstream_offset:
        return True
    if checkpoint.downstream_offset == before.downstream_offset:
        return checkpoint.metadata != before.metadata
    return checkpoint.downstream_offset > before.downstream_offset


def news(found: Iterable[Checkpoint], before: Mapping[CheckpointKey, Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return those of ``found`` that are to be written."""
    return tuple(each for each in found if is_news(each, before.get(checkpoint_key(each))))


class Left(StrEnum):
    """Why a partition's position is not committed on the target."""

    ACTIVE = "the group has members on the target"
    AHEAD = "the group is further on there"
    EQUAL = "the group is there already"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A position on the target, as it should be or as it is."""

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class GroupSync:
    """What to commit for one group."""

    commit: Mapping[TopicPartition, Wanted]
    """By target partition."""
    left: Mapping[TopicPartition, Left]


def plan_group_sync(
    wanted: Mapping[TopicPartition, Wanted],
    committed: Mapping[TopicPartition, Wanted],
    *,
    active: bool,
    metadata: Mapping[TopicPartition, str],
) -> GroupSync:
    """Decide for one group, by what is ``committed`` on the target; ``active``: it has members there.

    A group that is not there has nothing committed. As in MM2, a group that went back on the source does not go back
    on the target. A position that is there already is committed once more where its metadata has changed on the source
    since it was ``metadata``; where that is not known or has not changed, what the target holds stays.
    """
    if active:
        return GroupSync({}, dict.fromkeys(wanted, Left.ACTIVE))
    commit: dict[TopicPartition, Wanted] = {}
    left: dict[TopicPartition, Left] = {}
    for partition, each in wanted.items():
        there = committed.get(partition)
        changed = each.metadata != metadata.get(partition, each.metadata)
        if there is None or there.offset < each.offset or (there.offset == each.offset and there != each and changed):
            commit[partition] = each
        else:
            left[partition] = Left.EQUAL if there.offset == each.offset else Left.AHEAD
    return GroupSync(commit, left)
