"""The topic that says what is paused, read, followed and written: Connect's config topic on the flow's target.

It works without any worker, and what it says survives them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.config.model import FlowConfig
from heliograph.errors import DataError, NotFound
from heliograph.mirror.steering import Restart, Row, Steering, at_first, restart_of, steered
from heliograph.offsets.followed import FollowedTopic
from heliograph.records import Record

FOLLOW = "steering"
"""Of the connections."""


@dataclass(slots=True)
class SteeringTopic:
    """What one flow was told."""

    cluster: Cluster
    """The target."""
    config: FlowConfig
    now: Steering = field(init=False)
    """What holds, as far as it was read."""
    unreadable: dict[str, None] = field(default_factory=dict)
    """In words: records that could not be read; they change nothing."""
    _topic: FollowedTopic = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is read yet."""
        self.now = self._at_first
        self._topic = FollowedTopic(self.cluster, self.config.config_topic, FOLLOW)

    @property
    def name(self) -> str:
        """Of the topic."""
        return self.config.config_topic.name

    @property
    def reached(self) -> int:
        """Offset of the first record that was not read."""
        return self._topic.reached

    @property
    def _at_first(self) -> Steering:
        return at_first(self.config.connectors)

    async def load(self) -> None:
        """Read all that was ever told. Raises NotFound where there is no such topic (nothing is paused), ClusterError.

        What was to start again then, has started since.
        """
        try:
            news = await self._topic.load()
        except NotFound:
            self.now = self._at_first
            raise
        self._take(news.records, self._at_first)

    async def begin(self) -> None:
        """Do the same, and make the topic where it is missing. Raises HeliographError."""
        self._take((await self._topic.begin()).records, self._at_first)

    async def follow(self) -> list[Restart]:
        """Wait for news, some seconds at most, and take it; return what is to start again now.

        Raises a ClusterError; the next call goes on where this one was, or reads all if that place is gone.
        """
        news = await self._topic.follow()
        self._take(news.records, self._at_first if news.whole else self.now)
        return [] if news.whole else self._restarts(news.records)

    async def write(self, rows: Iterable[Row]) -> None:
        """Write records, making the topic first where it is missing. Raises HeliographError."""
        await self._topic.write(rows)

    def _take(self, records: Iterable[Record], now: Steering) -> None:
        for record in records:
            try:
                now = steered(now, record.key, record.value, self.config.connectors)
            except DataError as error:
                self.unreadable[str(error)] = None
        self.now = now

    def _restarts(self, records: Iterable[Record]) -> list[Restart]:
        restarts = []
        for record in records:
            try:
                restart = restart_of(record.key, record.value, self.config.connectors)
            except DataError as error:
                self.unreadable[str(error)] = None
            else:
                restarts += [] if restart is None else [restart]
        return restarts
