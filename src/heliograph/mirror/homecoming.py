"""How records come home after a failover: the state of each partition, and the step that is due.

*Home* is the cluster that failed, *away* the one that took over. With the default policy nothing needs to be done for
records: what was written away lies in topics of its own, which the reverse flow copies like any others, and copies of
home's records are never copied back.

With the identity policy one topic away holds both: copies of home's records up to the *boundary*, and behind it what
was written there since. Only the second part may come home. So the reverse flow must begin exactly behind the
boundary, and when it is done, the forward flow must begin behind what it brought::

    home   0 … s | stranded … h-1 | h … what came home
    away   0 … t |                  t+1 … what was written there

The boundary is the last record copied, *s* at home and *t* away. Records that home had behind *s* never reached the
other side. They stay where they are, *stranded*, and what comes home is put behind them.

::

    boundary known ──> prepare: reverse position := (t, h-1)
                   ──> the reverse flow copies until nothing is left
                   ──> finish: forward position := (last that came home, last away)

Both positions are written as anchors, pairs whose exactness the flows check again when they start. With the reverse
position the boundary itself is stored as the forward flow's, since a flow that was killed had stored an earlier one.
Each step is told from what is stored and what the partitions hold, never from memory, so it does no harm to ask again.
"""

from dataclasses import dataclass
from enum import StrEnum

from heliograph.mirror.anchor import Anchor


class Stage(StrEnum):
    """How far one partition is."""

    UNCLEAR = "unclear"
    """It cannot be told which records away are copies."""
    PREPARE = "prepare"
    """The reverse flow's position must be set."""
    COMING = "coming"
    """The reverse flow has records left."""
    FINISH = "finish"
    """All is at home; the forward flow's position must be set."""
    DONE = "done"
    """Nothing was written away that is not at home."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The last record copied from home before the failover."""

    home: int
    """Its offset at home; -1 and the like: the place before the first record."""
    away: int
    problem: str = ""
    """Why it is not known; empty where it is."""


def is_current(reverse: Anchor | None, boundary: Boundary, *, runs: bool) -> bool:
    """Say whether the reverse flow's position belongs to this failback, and not to none or an earlier one.

    ``boundary`` is the forward flow's last known pair. The reverse flow begins there and goes on; at the end of a
    failback the forward flow's pair is put behind it. Where the two positions are the same pair, nothing has come home
    since it was stored, unless the reverse flow runs at this moment.
    """
    if reverse is None or reverse.source_offset < boundary.away:
        return False
    same_pair = reverse.source_offset == boundary.away and reverse.target_offset == boundary.home
    return runs or not same_pair


@dataclass(frozen=True, slots=True)
class Partition:
    """What is known of one partition on both sides."""

    topic: str
    """The same name on both sides."""
    partition: int
    boundary: Boundary
    home_end: int
    """Offset after home's last record; 0 where home has no such partition."""
    away_end: int
    written: int
    """Records away behind the boundary."""
    reverse: Anchor | None
    """The reverse flow's stored position: ``source_offset`` is away's, ``target_offset`` home's."""
    left: int
    """Records away behind the reverse flow's position (all of ``written``, where it has none)."""
    stranded: tuple[int, int] | None = None
    """Home's offsets, from the first to before the second, that never went away; None: there are none."""

    @property
    def stage(self) -> Stage:
        """How far it is."""
        boundary = self.boundary
        if boundary.problem:
            return Stage.UNCLEAR
        if not self.written:
            return Stage.DONE
        if self.reverse is None or self.reverse.source_offset < boundary.away:
            return Stage.PREPARE
        return Stage.COMING if self.left else Stage.FINISH

    @property
    def reverse_start(self) -> Anchor:
        """The position from which the reverse flow brings home what was written away, and nothing else."""
        assert self.stage is Stage.PREPARE, "a reverse position is set once"
        return Anchor(self.boundary.away, self.home_end - 1)

    @property
    def boundary_pair(self) -> Anchor:
        """The boundary as the forward flow's position: it may be stored further back."""
        return Anchor(self.boundary.home, self.boundary.away)

    @property
    def forward_start(self) -> Anchor | None:
        """The position from which the forward flow goes on; None where it is not known how far records came home."""
        assert self.stage is Stage.FINISH, "the forward position is set when all is at home"
        if self.reverse is None or self.reverse.target_offset is None:
            return None
        return Anchor(self.reverse.target_offset, self.away_end - 1)


class Turn(StrEnum):
    """Whose turn a step is."""

    DONE = "done"
    DUE = "due"
    """This program's, when it is told to execute."""
    WAITING = "waiting"
    """A person's, or a flow's that runs."""
    LATER = "later"
    """A step before it comes first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way home."""

    name: str
    turn: Turn
    text: str
    """One phrase: what is so, or what must be done."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the steps follow from."""

    forward: str
    """Name of the flow that failed over, ``home->away``."""
    reverse: str
    forward_runs: str
    """Where the forward flow runs; empty where it does not."""
    reverse_runs: str
    partitions: tuple[Partition, ...]
    """Of the topics that both flows copy under one name; none with the default policy."""
    groups_left: int
    """Groups that can move and have not."""
    groups_refused: int


def steps(facts: Facts) -> tuple[Step, ...]:
    """Return all steps in their order, of which at most one is due or waiting; before it all are done."""
    staged = {stage: [each for each in facts.partitions if each.stage is stage] for stage in Stage}
    records = any(staged[stage] for stage in Stage if stage is not Stage.DONE)
    found: list[Step] = []
    if facts.partitions:
        found.append(_stop_forward(facts, records=records))
        found.append(_boundary(staged[Stage.UNCLEAR]))
        found.append(_prepare(facts, staged[Stage.PREPARE]))
        found.append(_bring(facts, staged[Stage.COMING]))
    found.append(_groups(facts))
    if facts.partitions:
        found.append(_finish(facts, staged[Stage.FINISH]))
    reached = next((at for at, step in enumerate(found) if step.turn is not Turn.DONE), len(found))
    return tuple(
        step if at <= reached or step.turn is Turn.DONE else Step(step.name, Turn.LATER, step.text)
        for at, step in enumerate(found)
    )


def _stop_forward(facts: Facts, *, records: bool) -> Step:
    name = f"stop the flow {facts.forward}"
    if not records:
        return Step(name, Turn.DONE, "not needed: nothing was written away")
    if facts.forward_runs:
        return Step(name, Turn.WAITING, f"it runs ({facts.forward_runs}); stop it until this is finished")
    return Step(name, Turn.DONE, "it does not run")


def _boundary(unclear: list[Partition]) -> Step:
    name = "find where the copies end"
    if not unclear:
        return Step(name, Turn.DONE, "known for every partition")
    first = unclear[0]
    more = f", and {len(unclear) - 1} partitions more" if len(unclear) > 1 else ""
    return Step(name, Turn.WAITING, f"{first.topic}-{first.partition}: {first.boundary.problem}{more}")


def _prepare(facts: Facts, partitions: list[Partition]) -> Step:
    name = f"prepare the flow {facts.reverse}"
    if not partitions:
        return Step(name, Turn.DONE, "it begins behind the copies")
    if facts.reverse_runs:
        return Step(name, Turn.WAITING, f"it runs ({facts.reverse_runs}); stop it first")
    written = sum(each.written for each in partitions)
    return Step(name, Turn.DUE, f"{_partitions(partitions)} with {written:,} records to bring home: set its positions")


def _bring(facts: Facts, partitions: list[Partition]) -> Step:
    name = f"let the flow {facts.reverse} copy"
    if not partitions:
        return Step(name, Turn.DONE, "nothing is left to copy")
    left = sum(each.left for each in partitions)
    if facts.reverse_runs:
        return Step(name, Turn.WAITING, f"{left:,} records left; it runs ({facts.reverse_runs})")
    return Step(name, Turn.WAITING, f"{left:,} records left and it does not run: start it")


def _groups(facts: Facts) -> Step:
    name = "move the groups home"
    if facts.groups_refused:
        return Step(name, Turn.WAITING, f"{facts.groups_refused} cannot move yet; the table says why")
    if facts.groups_left:
        return Step(name, Turn.DUE, f"{facts.groups_left} to move")
    return Step(name, Turn.DONE, "none is left to move")


def _finish(facts: Facts, partitions: list[Partition]) -> Step:
    name = f"let the flow {facts.forward} go on behind what came home"
    if not partitions:
        return Step(name, Turn.DONE, "its positions are right")
    if facts.reverse_runs:
        text = f"when nobody writes away any more, stop the flow {facts.reverse} (it runs: {facts.reverse_runs})"
        return Step(name, Turn.WAITING, text)
    lost = [each for each in partitions if each.forward_start is None]
    if lost:
        return Step(name, Turn.WAITING, f"the flow {facts.reverse} has stored no target offsets: let it run once more")
    return Step(name, Turn.DUE, f"{_partitions(partitions)}: set its positions, then start it again")


def _partitions(partitions: list[Partition]) -> str:
    return "1 partition" if len(partitions) == 1 else f"{len(partitions):,} partitions"
