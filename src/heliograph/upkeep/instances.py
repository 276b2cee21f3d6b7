"""The look at other instances between the same clusters, and what is left for this one to do."""

import asyncio
from dataclasses import dataclass, field

from heliograph.cluster import groups
from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.config.told import understand
from heliograph.errors import ProtocolError
from heliograph.mirror.assignment import TopicPartition
from heliograph.mirror.group_messages import decode_leader, decode_member
from heliograph.mirror.instances import Duty, Instance, beside, copies_heartbeats, duties_among, duties_of
from heliograph.mirror.naming import PROTOCOL_TYPE, naming_of
from heliograph.observe.log import Log

LOOK_S = 15.0
"""Between two looks of the leader."""
REST_S = 3.0
"""How long groups that share out their partitions are waited for: meanwhile they tell nothing of themselves."""
PAUSE_S = 0.3
STABLE = "stable"


@dataclass(slots=True)
class Instances:
    """What is known of the instances of one flow."""

    config: FlowConfig
    target: Cluster
    log: Log
    duties: frozenset[Duty] = field(init=False)
    """What this one does."""
    _known: dict[str, Instance | None] = field(default_factory=dict)
    """By group, as it was seen last; None: it has to do with other topics."""

    def __post_init__(self) -> None:
        """Until others were seen, do everything."""
        self.duties = duties_of(self.config)

    def change(self, config: FlowConfig) -> None:
        """Do what ``config`` says from now on; what it adds is done here until the next look."""
        before, now = duties_of(self.config), duties_of(config)
        self.config = config
        self.duties = self.duties & now | now - before

    @property
    def matter(self) -> bool:
        """Whether there is anything that one instance does for all."""
        return bool(duties_of(self.config))

    def leaves(self, topic: str) -> bool:
        """Say whether a topic of the source is left to another instance."""
        wanted = Duty.COPY in duties_of(self.config)
        return wanted and Duty.COPY not in self.duties and naming_of(self.config).is_heartbeats(topic)

    async def look(self) -> bool:
        """See which instances there are; says whether this one's duties have changed. Raises HeliographError."""
        listed = await groups.list_groups(self.target)
        names = {each.group for each in listed if each.protocol_type == PROTOCOL_TYPE}
        await self._see(names)
        here = [each for name in names if (each := self._known.get(name)) is not None]
        own = self._known.get(self.config.group_id) or Instance(self.config.group_id, duties_of(self.config))
        before, self.duties = self.duties, duties_among(own, here)
        if before == self.duties:
            return False
        others = ",".join(sorted(each.group for each in here if each.group != own.group))
        if Duty.COPY in before - self.duties or self.duties < before:
            self.log.info("another instance copies and writes heartbeats", groups=others)
        else:
            self.log.info("heartbeats are copied and written here", groups=others)
        return True

    async def _see(self, names: set[str]) -> None:
        """Describe groups; those that are not at rest are asked again, and after a while taken as they were."""
        self._known = {name: known for name, known in self._known.items() if name in names}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REST_S
        asked = names
        while asked:
            found = await groups.describe(self.target, sorted(asked))
            asked = set()
            for name, each in found.items():
                if not isinstance(each, groups.Described) or not each.members:
                    self._known.pop(name, None)
                elif each.state.lower() == STABLE:
                    self._known[name] = self._instance(each)
                else:
                    asked.add(name)
            asked -= {self.config.group_id}  # which may not come to rest before this is answered
            if loop.time() >= deadline:
                return
            if asked:
                await asyncio.sleep(PAUSE_S)

    def _instance(self, group: groups.Described) -> Instance | None:
        says = [decode_member(member.metadata) for member in group.members]
        told = next((each for each in says if each.options is not None), None)
        if told is None or told.options is None:
            return None
        flow = understand(told.options, self.config, told.config).flow
        if not beside(self.config, flow):
            return None
        return Instance(group.group, duties_of(flow), copies_heartbeats(self.config, _lanes(group)))


def _lanes(group: groups.Described) -> set[TopicPartition]:
    lanes: set[TopicPartition] = set()
    for member in group.members:
        try:
            lanes |= decode_leader(member.assignment).lanes
        except ProtocolError:  # of a member that another version has given something
            continue
    return lanes
