"""The job that lets ACLs on the target follow those on the source, by :mod:`heliograph.mirror.acls`."""

from collections.abc import Callable, Iterable, Mapping

from heliograph.cluster import acls
from heliograph.cluster.cluster import Cluster
from heliograph.cluster.retry import retriable
from heliograph.config.model import FlowConfig, Part
from heliograph.errors import HeliographError
from heliograph.mirror.acls import AclMode, AclRules, LeftOut
from heliograph.mirror.checkpoints import group_choice_of
from heliograph.mirror.selection import selection_of
from heliograph.observe.log import Log
from heliograph.upkeep.periodic import Job, Scope
from heliograph.wire.acls import Acl, ResourceType

USERS_NAMED = 10
TOLD_MAX = 1_000


class Acls:
    """ACLs of one flow."""

    def __init__(
        self, config: FlowConfig, source: Cluster, target: Cluster, topics: Callable[[], Iterable[str]], log: Log
    ) -> None:
        """``topics`` gives the names on the source of the topics that are copied now."""
        self._config = config
        self._source, self._target = source, target
        self._topics = topics
        self._log = log
        self._rules = AclRules(selection_of(config), group_choice_of(config), AclMode(config.sync.acls_mode))
        self._told: set[str] = set()
        self._left_out: Mapping[LeftOut, int] = {}
        self._users: tuple[str, ...] | None = None

    def jobs(self) -> list[Job]:
        """Return its periodic jobs."""
        interval_s = self._config.sync.acls_interval_s
        if interval_s is None:
            return []
        return [Job("sync ACLs", Scope.FLOW, interval_s, self.sync, at_once=True, part=Part.SOURCE)]

    async def sync(self) -> None:
        """Create the ACLs that are missing on the target. Raises a ClusterError that may pass.

        ACLs are copied unless somebody says no, so a flow that may not read or create them says it once and goes on.
        """
        try:
            await self._sync()
        except HeliographError as error:
            if retriable(error) is not None:
                raise
            if self._is_new(str(error)):
                self._log.info("ACLs are not copied", cause=error)

    async def _sync(self) -> None:
        kind = ResourceType.TOPIC if self._rules.mode is AclMode.MM2 else ResourceType.ANY
        there = await acls.describe(self._source, kind)
        here = await acls.describe(self._target, kind) if there is not None else None
        if there is None or here is None:
            alias = self._source.alias if there is None else self._target.alias
            if self._is_new(alias):
                self._log.info("ACLs are not copied: the cluster has no authorizer", cluster=alias)
            return
        plan = self._rules.plan(there, here, self._topics())
        self._note_left_out(plan.left_out)
        await self._note_users()
        for acl, error in (await acls.create(self._target, plan.create) or {}).items():
            self._note(acl, error)

    def _note(self, acl: Acl, error: HeliographError | None) -> None:
        if error is None:
            self._log.info("ACL created on the target", acl=acl)
        elif self._is_new(str(error)):
            self._log.warning("an ACL cannot be created on the target", acl=acl, cause=error)

    def _note_left_out(self, left_out: Mapping[LeftOut, int]) -> None:
        if left_out != self._left_out:
            self._left_out = dict(left_out)
            for reason, count in sorted(left_out.items()):
                self._log.info("ACLs are left out", count=count, reason=str(reason))

    async def _note_users(self) -> None:
        """Say which users have passwords on the source: nobody is told those, so they cannot be copied."""
        try:
            users = await acls.scram_users(self._source)
        except HeliographError as error:
            self._log.debug("the users of the source are not known", cause=error)
            return
        if users and users != self._users:
            names = ",".join(users[:USERS_NAMED]) + (",..." if len(users) > USERS_NAMED else "")
            self._log.info("users with SCRAM passwords are not copied", count=len(users), users=names)
        self._users = users

    def _is_new(self, what: str) -> bool:
        """Whether this was not told before; what is told is bounded, and then told again."""
        if what in self._told:
            return False
        if len(self._told) >= TOLD_MAX:
            self._told.clear()
        self._told.add(what)
        return True
