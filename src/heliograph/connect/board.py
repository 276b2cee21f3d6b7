"""All connectors of the process, as :class:`heliograph.observe.connectors.Connectors` has them.

Where connectors come from differs: those of a file of MirrorMaker 2 are what the file says and cannot be changed here,
those of a Connect cluster are stored in its topic. All the rest is the same.
"""

import asyncio
import operator
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from heliograph.concurrency import cancel_all
from heliograph.config.connectors.definitions import VERSION
from heliograph.config.connectors.validation import Given, Validation, validate
from heliograph.config.model import FlowConfig, Part
from heliograph.connect.altering import as_java, check
from heliograph.connect.desk import Desk
from heliograph.connect.loggers import Loggers
from heliograph.connect.picture import Entry, Seen, Share, connector_view, own_lanes
from heliograph.errors import ConfigError, NotFound
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.naming import naming_of
from heliograph.mirror.offsets import offset_key, offset_value
from heliograph.mirror.rewind import anchor_for
from heliograph.mirror.steering import Restart, Row, TargetState, restart_row, state_row
from heliograph.observe.connectors import ConnectorView, Invalid, LoggerView, RunState, StoredOffset, Wanted
from heliograph.observe.control import Control
from heliograph.observe.log import program_level
from heliograph.observe.model import FlowState, FlowView

PICTURE_S = 0.5
"""Between two pictures of the process that answers are made of; with very many partitions they are taken less often."""
PICTURE_SHARE = 1 / 150
"""Most of the time that they may take."""
WATCH_S = 0.5
"""Between two looks which flows there are."""
FREE_S = 10.0
"""For so long a stopped connector's partitions are waited for to be let go."""
STATES = {
    Wanted.RUNNING: TargetState.STARTED,
    Wanted.PAUSED: TargetState.PAUSED,
    Wanted.STOPPED: TargetState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class _Made:
    """A connector's view, and what it was made of."""

    entry: Entry
    of: tuple[object, ...]
    view: ConnectorView

    def is_of(self, of: tuple[object, ...]) -> bool:
        """Say whether it was made of these very objects."""
        return len(of) == len(self.of) and all(map(operator.is_, of, self.of))


class Board(ABC):
    """The connectors of one process."""

    def __init__(self, worker_id: str) -> None:
        """``worker_id`` is ``host:port`` of this worker's REST API."""
        self.control: Control | None = None
        """The process, once it runs."""
        self._worker_id = worker_id
        self._loggers = Loggers()
        self._desks: dict[str, tuple[Desk, asyncio.Task[None]]] = {}
        self._flows: dict[str, FlowView] = {}
        self._picture_due_s = float("-inf")
        self._made: dict[str, _Made] = {}
        """By connector."""

    # ---- what differs ---------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def cluster_id(self) -> str:
        """Id of the cluster that records are stored on."""

    @property
    @abstractmethod
    def exactly_once(self) -> bool:
        """Whether records and their positions may be written in the same transactions."""

    @abstractmethod
    def entries(self) -> Iterable[Entry]:
        """Return the connectors as they are configured."""

    @abstractmethod
    def wanted(self, entry: Entry) -> TargetState:
        """Return what a connector is to do."""

    @abstractmethod
    async def tell(self, entry: Entry, rows: Sequence[Row]) -> None:
        """Write to the topic that says what a connector is to do."""

    # ---- asked ----------------------------------------------------------------------------------------------------

    def all(self) -> dict[str, ConnectorView]:
        """Return every connector by name."""
        return {entry.name: self._view(entry) for entry in sorted(self.entries(), key=lambda each: each.name)}

    def _view(self, entry: Entry) -> ConnectorView:
        """Return a connector as it is; as it was made last, while nothing that it is made of has changed."""
        view, desk, wanted = self._picture(entry.flow), self._desk(entry.flow), self.wanted(entry)
        told = (desk.peers, desk.stored) if desk is not None else ()
        of = (wanted, view, *told)
        known = self._made.get(entry.name)
        if known is None or known.entry != entry or not known.is_of(of):
            made = connector_view(entry, self._seen(view, desk), wanted, VERSION)
            known = self._made[entry.name] = _Made(entry, of, made)
        return known.view

    def _picture(self, flow: FlowConfig | None) -> FlowView | None:
        """Return what this process sees of a flow."""
        begun_s = time.monotonic()
        if begun_s >= self._picture_due_s:
            self._flows = {} if self.control is None else {view.name: view for view in self.control.view().flows}
            took_s = time.monotonic() - begun_s
            self._picture_due_s = begun_s + max(PICTURE_S, took_s / PICTURE_SHARE)
        return None if flow is None else self._flows.get(flow.name)

    def _seen(self, view: FlowView | None, desk: Desk | None) -> Seen:
        if desk is None:
            return Seen(view, self._worker_id, [Share("", self._worker_id, own_lanes(view))])
        shares = self._shares(view, desk)
        home = min(shares, key=lambda share: share.key)  # the same wherever one asks
        return Seen(view, home.worker_id, shares, desk.stored)

    def _shares(self, view: FlowView | None, desk: Desk) -> list[Share]:
        """Return who has what; what nobody has, as all of it is paused or handed over, counts as this worker's."""
        shares = {peer.member_id: Share(peer.member_id, peer.worker_id, peer.lanes) for peer in desk.peers}
        taken = frozenset[TopicPartition]().union(*(share.lanes for share in shares.values()))
        left = own_lanes(view) - taken if taken else own_lanes(view) | desk.stored.keys()
        ours = next((key for key, share in shares.items() if share.worker_id == self._worker_id), "")
        known = shares.get(ours, Share(ours, self._worker_id, frozenset()))
        shares[ours] = replace(known, lanes=known.lanes | left)
        return list(shares.values())

    def _desk(self, flow: FlowConfig | None) -> Desk | None:
        found = self._desks.get(flow.name) if flow is not None else None
        return found[0] if found is not None else None

    def entry(self, name: str, words: str = "Connector {} not found") -> Entry:
        """Return a connector by its name. Raises NotFound."""
        for each in self.entries():
            if each.name == name:
                return each
        raise NotFound(words.format(name))

    def validate(self, config: Given) -> Validation:
        """Judge a configuration key by key. Raises Invalid."""
        try:
            return validate(config, exactly_once=self.exactly_once)
        except ConfigError as error:
            raise Invalid(str(error)) from error

    # ---- loggers --------------------------------------------------------------------------------------------------

    def loggers(self) -> Mapping[str, LoggerView]:
        """Return root, and every logger whose level somebody has set, by name and in order."""
        return self._loggers.all()

    def logger(self, name: str) -> LoggerView | None:
        """Return one logger; None: nobody has named it."""
        return self._loggers.get(name)

    async def set_logger(self, name: str, level: str, *, everywhere: bool) -> Sequence[str]:
        """Set the level of a logger and of those below it. Raises NotFound, Invalid."""
        level = self._loggers.checked(name, level)
        if everywhere:
            await self.set_everywhere(name, level)
            return ()
        changed = self._loggers.set(name, level)
        if changed and self.control is not None:
            await self.control.set_log_level(program_level())  # where there is a parent, its workers write the log
        return changed

    async def set_everywhere(self, name: str, level: str) -> None:
        """Set the level of a logger in all workers that this process can tell."""
        await self.set_logger(name, level, everywhere=False)

    # ---- told -----------------------------------------------------------------------------------------------------

    async def want(self, name: str, wanted: Wanted) -> None:
        """Tell a connector to run, to pause, or to stop. Raises NotFound."""
        entry = self.entry(name, "Unknown connector {}")
        kept_as = name if entry.flow is None or entry.part is None else entry.flow.connectors[entry.part]
        await self.tell(entry, [state_row(kept_as, STATES[wanted])])

    async def restart(self, name: str, *, include_tasks: bool, only_failed: bool) -> ConnectorView:
        """Start a connector again, with its tasks or without, and say what that concerns. Raises NotFound."""
        entry = self.entry(name, "Unknown connector: {}")
        view = self._view(entry)
        if entry.flow is None:
            return view
        flow = self._picture(entry.flow)
        if flow is not None and flow.state is FlowState.FAILED and self.control is not None:
            await self.control.start_flow(flow.name)  # one that has failed follows nothing
        if include_tasks and entry.part is Part.SOURCE:
            await self.tell(entry, [restart_row(Restart(only_failed=only_failed), entry.flow.connectors)])
        concerned = {RunState.FAILED} if only_failed else set(RunState)
        return _restarting(view, concerned, tasks=include_tasks)

    async def restart_task(self, name: str, number: int) -> None:
        """Start a task again. Raises NotFound."""
        entry = self.entry(name, "Unknown connector: {}")
        task = next((task for task in self._view(entry).tasks if task.number == number), None)
        if task is None:
            raise NotFound(f"Unknown task: {name}-{number}")
        by_topic: dict[str, set[int]] = {}
        for topic, partition in task.lanes:
            by_topic.setdefault(topic, set()).add(partition)
        rows = [restart_row(Restart(topic, frozenset(numbers))) for topic, numbers in by_topic.items()]
        if rows:
            await self.tell(entry, rows)

    # ---- positions ------------------------------------------------------------------------------------------------

    async def offsets(self, name: str) -> list[StoredOffset]:
        """Return the stored positions. Raises NotFound."""
        entry, desk = await self._watched(name)
        if entry.part is not Part.SOURCE or desk is None:
            return []
        return [
            StoredOffset({"cluster": desk.flow.source_name, "partition": partition, "topic": topic}, {"offset": offset})
            for (topic, partition), offset in sorted((await desk.positions()).items())
        ]

    async def alter_offsets(self, name: str, offsets: Sequence[StoredOffset]) -> None:
        """Store other positions. Raises NotFound, Invalid."""
        entry, desk = await self._stopped(name)
        assert entry.part is not None, "what has a desk is one of three"
        for each in offsets:
            check(entry.part, each)
        if entry.part is not Part.SOURCE:
            return
        keys = {lane: each.offset for each in offsets if (lane := _lane_of(each, desk.flow)) is not None}
        ends = await desk.ends([(naming_of(desk.flow).remote_topic(topic), number) for topic, number in keys])
        rows: list[tuple[bytes, bytes | None]] = []
        for (topic, partition), offset in keys.items():
            key = offset_key(desk.flow.connector_name, desk.flow.source_name, topic, partition)
            end = ends.get((naming_of(desk.flow).remote_topic(topic), partition))
            rows.append((key, None if offset is None else _value(offset, end)))
        await desk.store(rows)

    async def reset_offsets(self, name: str) -> None:
        """Forget all positions. Raises NotFound, Invalid."""
        entry, desk = await self._stopped(name)
        if entry.part is Part.SOURCE:
            flow = desk.flow
            await desk.store(
                [
                    (offset_key(flow.connector_name, flow.source_name, topic, partition), None)
                    for topic, partition in await desk.positions()
                ]
            )

    async def _watched(self, name: str) -> tuple[Entry, Desk | None]:
        """Return a connector, and who watches its flow as it is configured now; None: it has no flow."""
        deadline_s = time.monotonic() + 4 * WATCH_S
        while (entry := self.entry(name)).flow is not None and time.monotonic() < deadline_s:
            desk = self._desk(entry.flow)
            if desk is not None and desk.flow == entry.flow:
                return entry, desk
            await asyncio.sleep(WATCH_S / 10)
        return entry, None

    async def _stopped(self, name: str) -> tuple[Entry, Desk]:
        """Return a connector that is stopped, once nobody has any of its partitions."""
        entry, desk = await self._watched(name)
        if self.wanted(entry) is not TargetState.STOPPED:
            raise Invalid(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for "
                f"the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )
        if desk is None:
            raise Invalid(f"{name} cannot run, so nothing is known of its positions")
        await desk.until_free(FREE_S)
        return entry, desk

    # ---- life -----------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Watch every flow there is, until cancelled."""
        try:
            while True:
                await self._watch({entry.flow.name: entry.flow for entry in self.entries() if entry.flow is not None})
                await asyncio.sleep(WATCH_S)
        finally:
            await cancel_all(*(task for _, task in self._desks.values()))
            self._desks.clear()

    async def _watch(self, flows: Mapping[str, FlowConfig]) -> None:
        """Watch these flows from now on. One that has changed is never out of sight."""
        left = [self._desks.pop(name)[1] for name in self._desks.keys() - flows.keys()]
        for name, flow in flows.items():
            before, task = self._desks.get(name, (None, None))
            if before is None or before.flow != flow:
                desk = Desk(flow, before)
                self._desks[name] = desk, asyncio.create_task(desk.run(), name=f"desk of {name}")
                left += [task] if task is not None else []
        await cancel_all(*left)


def _restarting(view: ConnectorView, concerned: Collection[RunState], *, tasks: bool) -> ConnectorView:
    """Return a connector as it is while that is started again which has one of these states."""
    state = RunState.RESTARTING if view.state in concerned else view.state
    again = tuple(
        replace(task, state=RunState.RESTARTING) if tasks and task.state in concerned else task for task in view.tasks
    )
    return replace(view, state=state, tasks=again)


def _lane_of(stored: StoredOffset, flow: FlowConfig) -> TopicPartition | None:
    """Return the partition whose position this is; None: nothing has such a position, so it need not be forgotten."""
    match stored.partition:
        case {"cluster": flow.source_name, "topic": str(topic), "partition": int(partition), **more} if not more:
            return topic, partition
    if stored.offset is None:
        return None
    raise Invalid(
        f"Source partition {as_java(stored.partition)} is none of this connector's: those have cluster, which is "
        f"{flow.source_name}, topic and partition, and nothing else"
    )


def _value(offset: Mapping[str, object], end: int | None) -> bytes:
    """Return what is stored for a position; ``end`` is that of the copy, where it is known."""
    number = offset["offset"]
    assert isinstance(number, int), "it was checked"
    return offset_value(anchor_for(number + 1, end, topic_id="", target_id="", target_partition=-1))
