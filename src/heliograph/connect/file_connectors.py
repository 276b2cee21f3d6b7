"""The connectors of a file of MirrorMaker 2: each of its flows is shown as the three that MM2 would run for it.

The file says what they are. So they can be paused, stopped and started again here, and their positions set, but not
created, changed or deleted: two places would contradict each other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from heliograph.config.connectors.validation import CLASSES
from heliograph.config.model import Config, FlowConfig, Part
from heliograph.connect.board import Board
from heliograph.connect.picture import Entry
from heliograph.errors import HeliographError
from heliograph.mirror.steering import Row, TargetState
from heliograph.observe.connectors import Conflict, ConnectorView, Wanted
from heliograph.observe.control import Control


class FileConnectors(Board):
    """Connectors that a file describes."""

    def __init__(self, worker_id: str, config: Callable[[], Config]) -> None:
        """``config`` returns the configuration that is in force."""
        super().__init__(worker_id)
        self._config = config

    async def run(self, control: Control) -> None:
        """Watch the flows of the process until cancelled."""
        self.control = control
        await self.watch()

    @property
    def cluster_id(self) -> str:
        """Id of the first flow's target."""
        return next((desk.cluster_id for desk, _ in self._desks.values()), "")

    @property
    def exactly_once(self) -> bool:
        """Whether some flow copies in transactions."""
        return any(flow.transactions is not None for flow in self._config().flows)

    def entries(self) -> Iterable[Entry]:
        """Return three connectors for each flow."""
        config = self._config()
        for flow in config.flows:
            for part in Part:
                name = rest_name(flow, part)
                shown = {**config.connectors.get(flow.name, {}), "name": name, "connector.class": CLASSES[part]}
                yield Entry(name, shown, part, flow)

    def wanted(self, entry: Entry) -> TargetState:
        """Return what the flow was told of this part."""
        desk = self._desk(entry.flow)
        assert entry.part is not None, "a file describes nothing else"
        return TargetState.STARTED if desk is None else desk.steering.states.get(entry.part, TargetState.STARTED)

    async def tell(self, entry: Entry, rows: Sequence[Row]) -> None:
        """Write to the flow's own topic."""
        desk = self._desk(entry.flow)
        if desk is None:
            raise HeliographError(f"{entry.name} cannot be told anything yet", remedy="Try it again")
        await desk.tell(rows)

    async def create(self, name: str, config: Mapping[str, str], wanted: Wanted) -> ConnectorView:  # noqa: ARG002
        """Refuse: the file says which there are. Raises Conflict."""
        if any(entry.name == name for entry in self.entries()):
            raise Conflict(f"Connector {name} already exists")
        raise Conflict(f"{name} cannot be created: the connectors of this process are the flows of its file")

    async def configure(self, name: str, config: Mapping[str, str]) -> tuple[ConnectorView, bool]:
        """Take what is in force already. Raises Conflict for anything else."""
        for entry in self.entries():
            if entry.name == name:
                if dict(config) == dict(entry.config):
                    return self._view(entry), False
                raise Conflict(f"{name} cannot be changed here: its configuration is in {self._config().path}")
        raise Conflict(f"{name} cannot be created: the connectors of this process are the flows of its file")

    async def patch(self, name: str, changes: Mapping[str, str | None]) -> ConnectorView:
        """Take what is in force already. Raises NotFound, and Conflict for anything else."""
        entry = self.entry(name)
        changed = {**entry.config, **changes}
        view, _ = await self.configure(name, {key: value for key, value in changed.items() if value is not None})
        return view

    async def delete(self, name: str) -> None:
        """Refuse. Raises NotFound, Conflict."""
        self.entry(name)
        raise Conflict(f"{name} cannot be deleted here: it is a flow of {self._config().path}; stop it instead")


def rest_name(flow: FlowConfig, part: Part) -> str:
    """Return what a part of a flow is called; with the flow before it, as the Strimzi operator names them."""
    return f"{flow.name}.{part}"
