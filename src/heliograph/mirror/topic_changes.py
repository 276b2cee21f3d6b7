"""Which topics another configuration would begin, end or move: pure, for whoever asks before it is applied."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.naming import Naming
from heliograph.mirror.topics import AddPartitions, CreateTopic, TopicRules, TopicShape


class Turn(StrEnum):
    """What becomes of a topic."""

    BEGINS = "begins"
    ENDS = "ends"
    MOVES = "moves"
    """It is copied already, and would go to another topic."""


class Copy(StrEnum):
    """What becomes of the topic that it is copied to."""

    CREATED = "created"
    GROWN = "grown"
    """It is given more partitions."""
    THERE = "there"


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What would become of one topic of the source."""

    topic: str
    turn: Turn
    partitions: int
    """Of the source; where it ends, those that are copied now."""
    target_topic: str = ""
    """Where its records would go; empty: nowhere."""
    copied_to: str = ""
    """Where they go now; empty: nowhere, or it is not known."""
    copy: Copy | None = None
    """None: nothing is done to any copy."""
    stored: int = 0
    """Partitions that would go on at their stored positions."""
    fresh: int = 0
    """The others, which would begin at their beginning or, with ``auto.offset.reset=latest``, at their end."""
    reason: str = ""
    """Why it ends, in a phrase."""


@dataclass(frozen=True, slots=True)
class Now:
    """What is copied at present."""

    lanes: Collection[TopicPartition] | None
    """Of the workers; None: nobody copies."""
    naming: Naming | None
    """How the workers name copies; None: as the new configuration does, as far as is known."""
    stored: Collection[TopicPartition]
    """Those with a stored position, where the new configuration looks for them."""
    paused: Callable[[TopicPartition], bool] = lambda _: False
    """Whether a partition is paused, so that it neither begins nor moves."""
    heartbeats_elsewhere: bool = False
    """Whether heartbeats topics that the workers do not copy are another instance's."""


def topic_changes(
    rules: TopicRules, source: Mapping[str, TopicShape], target_partitions: Mapping[str, int], now: Now
) -> tuple[TopicChange, ...]:
    """Compare what ``rules`` select with what is copied now; where nothing is, with what was, by stored positions."""
    plan = rules.plan(source, target_partitions)
    copies = {
        action.name: Copy.CREATED if isinstance(action, CreateTopic) else Copy.GROWN
        for action in plan.actions
        if isinstance(action, CreateTopic | AddPartitions)
    }
    running = Counter(topic for topic, _ in now.lanes or ())
    before = Counter(topic for topic, _ in (now.stored if now.lanes is None else now.lanes))
    selected: dict[str, list[TopicPartition]] = {}
    targets: dict[str, str] = {}
    for lane in plan.lanes:
        selected.setdefault(lane.source_topic, []).append((lane.source_topic, lane.partition))
        targets[lane.source_topic] = lane.target_topic
    found = [
        TopicChange(
            topic,
            Turn.ENDS,
            count,
            copied_to=_copy_of(topic, now, rules),
            reason=rules.selection.why(topic) if topic in source else "it is not on the source",
        )
        for topic, count in before.items()
        if topic not in selected
    ]
    for topic, lanes in selected.items():
        copied_to = _copy_of(topic, now, rules) if topic in running else ""
        if (
            copied_to == targets[topic]
            or (not copied_to and all(map(now.paused, lanes)))
            or (now.heartbeats_elsewhere and not copied_to and rules.selection.naming.is_heartbeats(topic))
        ):
            continue
        stored = sum(lane in now.stored for lane in lanes)
        found.append(
            TopicChange(
                topic,
                Turn.MOVES if topic in running else Turn.BEGINS,
                len(lanes),
                targets[topic],
                copied_to,
                copies.get(targets[topic], Copy.THERE),
                stored,
                len(lanes) - stored,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.turn, each.topic)))


def _copy_of(topic: str, now: Now, rules: TopicRules) -> str:
    return (now.naming or rules.selection.naming).remote_topic(topic)
