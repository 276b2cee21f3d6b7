"""A worker's ear for what people tell its flow: it follows the topic that says what is paused.

What goes wrong with that never ends a flow. Where the topic is missing or may not be read, nothing is paused: that is
told once, and looked for again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import retriable
from heliograph.config.model import FlowConfig
from heliograph.errors import HeliographError
from heliograph.mirror.steering import Restart, Steering
from heliograph.observe.log import Log
from heliograph.offsets.steering import FOLLOW, SteeringTopic

LOOK_AGAIN_S = 10.0
"""How often a topic is looked for that is missing, or may not be read."""
RETRY_S = 1.0

Told = Callable[[Steering, list[Restart]], Awaitable[None]]
"""What held before, and what is to start again."""


@dataclass(slots=True)
class SteeringFollower:
    """Follows what one flow is told, in one stretch of copying."""

    config: FlowConfig
    target: Cluster
    log: Log
    _topic: SteeringTopic = field(init=False)
    _known: bool = False
    """Whether the topic was read."""
    _ever: bool = False
    """Whether it was ever read."""
    _told: str = ""

    def __post_init__(self) -> None:
        """Nothing is asked yet."""
        self._topic = SteeringTopic(self.target, self.config)

    @property
    def reached(self) -> int:
        """Up to which offset the topic was read; -1: it was not."""
        return self._topic.reached if self._known else -1

    @property
    def now(self) -> Steering:
        """What holds."""
        return self._topic.now

    def change(self, config: FlowConfig) -> None:
        """Follow what is told to the connectors that the flow has by now."""
        if config.connectors != self.config.connectors:
            before = self.now
            self._topic = SteeringTopic(self.target, config)
            self._topic.now = before  # until it is read
            self._known = False
        self.config = config

    async def begin(self) -> None:
        """Learn what holds, making the topic where it is missing. Raises what may pass by itself."""
        try:
            await self._read()
        except HeliographError as error:
            if retriable(error) is not None:
                raise
            self._tell(error)

    async def follow(self, told: Told) -> None:
        """Follow the topic until cancelled, and tell of whatever is written to it."""
        try:
            while True:
                before, reached = self.now, self.reached
                try:
                    restarts = await self._news()
                except HeliographError as error:
                    self._tell(error)
                    await asyncio.sleep(RETRY_S if retriable(error) is not None else LOOK_AGAIN_S)
                    restarts = []
                self._tell_unreadable()
                if self.now != before or self.reached != reached:
                    await told(before, restarts)
        finally:
            self.target.drop_connections(FOLLOW)  # a poll may be under way, and the next one would wait behind it

    async def _news(self) -> list[Restart]:
        if not self._known:
            await self._read()
            return []
        try:
            return await self._topic.follow()
        except HeliographError:
            self._known = False
            raise

    async def _read(self) -> None:
        await self._topic.begin()
        self._known, self._ever, self._told = True, True, ""

    def _tell(self, error: HeliographError) -> None:
        if self._told == str(error):
            return
        self._told = str(error)
        if self._ever:
            self.log.warning("what is paused cannot be followed; it stays as it is", cause=error)
        else:
            self.log.warning("what is paused cannot be read; nothing is", topic=self._topic.name, cause=error)

    def _tell_unreadable(self) -> None:
        for words in self._topic.unreadable:
            self.log.warning("a record that says what is paused cannot be read", cause=words)
        self._topic.unreadable.clear()
