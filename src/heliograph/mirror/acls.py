"""Which ACLs of the source are created on the target.

``mm2``: MirrorMaker 2's rules. Literal ACLs on topics that are copied are created for the copy. Allowed Write is not,
because nobody but the flow may write to a copy, so All becomes Read. Prefixes, groups and all else are left out. No ACL
is ever deleted.

``all``: also ACLs on topic prefixes and on consumer groups, and the wildcard in a form that means something on the
target. With the default policy the copies of all topics begin with the source's alias, so ``*``
becomes that prefix; MM2 makes a topic name ``A.*`` of it, which no topic has.

ACLs on the cluster, on transactional ids, on tokens and users never follow: the target is another cluster.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from heliograph.config.model import Policy
from heliograph.mirror.checkpoints import GroupChoice
from heliograph.mirror.selection import Selection
from heliograph.wire.acls import WILDCARD, Acl, Operation, PatternType, Permission, ResourceType


class AclMode(StrEnum):
    """How much is copied (``heliograph.sync.acls.mode``)."""

    MM2 = "mm2"
    ALL = "all"


class LeftOut(StrEnum):
    """Why an ACL is not copied."""

    WRITE = "permission to write: nobody but this flow may write to a copy"
    NOT_COPIED = "its topic or group is not copied"
    PREFIXED = "a prefix, which MM2 leaves out"
    GROUP = "an ACL on a group, which MM2 leaves out"
    OTHER = "neither on a topic nor on a group"


@dataclass(frozen=True, slots=True)
class AclPlan:
    """What to do."""

    create: tuple[Acl, ...]
    """Missing on the target; sorted."""
    left_out: Mapping[LeftOut, int]
    """How many of the source's ACLs are not copied, by reason."""


@dataclass(frozen=True, slots=True)
class AclRules:
    """The rules of one flow."""

    selection: Selection
    groups: GroupChoice
    mode: AclMode

    def plan(self, source: Iterable[Acl], target: Iterable[Acl], topics: Iterable[str]) -> AclPlan:
        """Decide about ``source``'s ACLs, given ``target``'s; ``topics``: names on the source that are copied."""
        copied = tuple(topics)
        there = set(target)
        wanted: set[Acl] = set()
        left_out: Counter[LeftOut] = Counter()
        for acl in source:
            found = self._counterpart(acl, copied)
            if isinstance(found, LeftOut):
                left_out[found] += 1
            else:
                wanted.add(found)
        return AclPlan(tuple(sorted(wanted - there)), dict(left_out))

    def _counterpart(self, acl: Acl, topics: tuple[str, ...]) -> Acl | LeftOut:
        if acl.resource_type == ResourceType.TOPIC:
            return self._topic_acl(acl, topics)
        if acl.resource_type == ResourceType.GROUP:
            return self._group_acl(acl) if self.mode is AclMode.ALL else LeftOut.GROUP
        return LeftOut.OTHER

    def _topic_acl(self, acl: Acl, topics: tuple[str, ...]) -> Acl | LeftOut:
        if acl.pattern != PatternType.LITERAL and (self.mode is AclMode.MM2 or acl.pattern != PatternType.PREFIXED):
            return LeftOut.PREFIXED
        if acl.permission == Permission.ALLOW and acl.operation == Operation.WRITE:
            return LeftOut.WRITE
        if not self._copies(acl, topics):
            return LeftOut.NOT_COPIED
        return _renamed(_read_for_all(acl), *self._remote_name(acl))

    def _copies(self, acl: Acl, topics: tuple[str, ...]) -> bool:
        if self.mode is AclMode.ALL and acl.pattern == PatternType.PREFIXED:
            return any(topic.startswith(acl.name) for topic in topics)
        if self.mode is AclMode.ALL and acl.name == WILDCARD:
            return bool(topics)
        return self.selection.selects(acl.name)

    def _remote_name(self, acl: Acl) -> tuple[str, int]:
        naming = self.selection.naming
        if self.mode is AclMode.MM2 or (acl.pattern == PatternType.LITERAL and acl.name != WILDCARD):
            return naming.remote_topic(acl.name), acl.pattern
        if naming.policy is Policy.IDENTITY:
            return acl.name, acl.pattern
        prefix = "" if acl.name == WILDCARD and acl.pattern == PatternType.LITERAL else acl.name
        return f"{naming.source_alias}{naming.separator}{prefix}", PatternType.PREFIXED

    def _group_acl(self, acl: Acl) -> Acl | LeftOut:
        """Decide about an ACL on groups, whose names are the same on both sides; what a prefix covers is not asked."""
        literal = acl.pattern == PatternType.LITERAL and acl.name != WILDCARD
        if acl.pattern not in (PatternType.LITERAL, PatternType.PREFIXED):
            return LeftOut.PREFIXED
        if literal and not self.groups.follows(acl.name):
            return LeftOut.NOT_COPIED
        return _read_for_all(acl)


def _read_for_all(acl: Acl) -> Acl:
    if acl.permission == Permission.ALLOW and acl.operation == Operation.ALL:
        return Acl(acl.resource_type, acl.name, acl.pattern, acl.principal, acl.host, Operation.READ, acl.permission)
    return acl


def _renamed(acl: Acl, name: str, pattern: int) -> Acl:
    return Acl(acl.resource_type, name, pattern, acl.principal, acl.host, acl.operation, acl.permission)
