"""What a Connect cluster keeps in its config topic, followed by each worker and written by those who are asked to."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import retriable
from heliograph.config.model import InternalTopic
from heliograph.errors import DataError, HeliographError, Unreachable
from heliograph.mirror.connector_records import Kept, kept, told_level
from heliograph.mirror.steering import Row
from heliograph.observe.log import Log
from heliograph.offsets.followed import FollowedTopic, News

RETRY_S = 1.0
WRITTEN_S = 20.0
"""For so long what was written is waited for to be read."""


class ConnectorStore:
    """The connectors of a Connect cluster, as they are stored."""

    def __init__(self, cluster: Cluster, topic: InternalTopic) -> None:
        """Nothing is read yet."""
        self.now = Kept()
        self.begun = False
        """Whether it was read; nothing is written before that, as the Connect cluster may be another program's."""
        self._topic = FollowedTopic(cluster, topic, "connectors")
        self._read = asyncio.Condition()

    @property
    def reached(self) -> int:
        """Offset of the first record that was not read."""
        return self._topic.reached

    async def begin(self) -> None:
        """Read the topic, making it where it is missing. Raises HeliographError."""
        self._take(await self._topic.begin())
        self.begun = True

    async def look(self) -> Mapping[str, Mapping[str, str]]:
        """Return the connectors as they stand there now, making nothing. Raises NotFound without the topic."""
        self._take(await self._topic.load())
        return self.now.connectors

    async def follow(self, changed: Callable[[Kept], None], level: Callable[[str, str], None]) -> None:
        """Follow the topic until cancelled.

        ``changed`` is called with what held before, ``level`` with each logger and level that all workers are told.
        """
        told = ""
        while True:
            before = self.now
            try:
                news = await self._topic.follow()
                self._take(news)
                told = ""
                if not news.whole:
                    _hear(news, level)
            except HeliographError as error:
                if str(error) != told:
                    Log().warning("the connectors cannot be followed; they stay as they are", cause=error)
                told = str(error)
                await asyncio.sleep(RETRY_S if retriable(error) is not None else 10 * RETRY_S)
            async with self._read:
                self._read.notify_all()
            if self.now != before:
                changed(before)

    async def write(self, rows: Iterable[Row], done: Callable[[Kept], bool]) -> None:
        """Write records, and wait until they are read, which ``done`` says. Raises HeliographError."""
        if not self.begun:
            raise HeliographError("This worker is still starting up", remedy="Try it again")
        await self._topic.write(rows)
        try:
            async with asyncio.timeout(WRITTEN_S), self._read:
                await self._read.wait_for(lambda: done(self.now))
        except TimeoutError:
            topic = self._topic.topic.name
            raise Unreachable(f"What was written to {topic} was not read within {WRITTEN_S:g} s") from None

    def _take(self, news: News) -> None:
        now = Kept() if news.whole else self.now
        for record in news.records:
            try:
                now = kept(now, record.key, record.value)
            except DataError as error:
                Log().warning("a record of the config topic cannot be read", cause=error)
        self.now = now


def _hear(news: News, level: Callable[[str, str], None]) -> None:
    for record in news.records:
        try:
            heard = told_level(record.key, record.value)
        except DataError as error:
            Log().warning("a record of the config topic cannot be read", cause=error)
        else:
            if heard is not None:
                level(*heard)
