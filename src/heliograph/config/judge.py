"""Looks at every key of the file and says what its author should know: at most one warning a key.

A key may be unknown, right in another place only, right but for a feature that does nothing here, or beaten by a weaker
looking one. A value that asks for something whose absence would copy the wrong records is an error instead.
"""

from collections.abc import Iterable, Mapping, Sequence

from heliograph.config.loops import Way, find_growing_loop, find_loop
from heliograph.config.model import FlowConfig, Policy, Warned
from heliograph.config.options import Effect, Family, Option, Table
from heliograph.config.places import Place, Route, place
from heliograph.config.properties import PropertiesFile, Property
from heliograph.config.resolve import Lost, Resolver
from heliograph.config.suggest import explain_unknown
from heliograph.config.variables import Expanded
from heliograph.errors import ConfigError


class Judge:
    """Judges the keys of one file, given its clusters and the flows that run."""

    def __init__(
        self, file: PropertiesFile, table: Table, resolver: Resolver, aliases: Sequence[str], routes: Sequence[Route]
    ) -> None:
        """``aliases`` are all of ``clusters``; ``routes`` the enabled flows."""
        self._file = file
        self._table = table
        self._resolver = resolver
        self._aliases = aliases
        self._routes = routes
        self._flow_names = flow_names(table)

    def warnings(self, values: Mapping[str, tuple[Property, Expanded]]) -> Iterable[Warned]:
        """Yield a warning for each key that its author would misjudge; errors go to the resolver's problems."""
        for key, (entry, expanded) in values.items():
            if not key:
                continue
            message = self._judge(entry, expanded, place(key, self._aliases, self._flow_names, self._routes))
            if message:
                yield Warned(key, f"{key} {message}", entry.line)

    def _judge(self, entry: Property, expanded: Expanded, where: Place) -> str:
        option = self._table.find(where.name, where.families)
        if option is None and where.route is not None and where.name == "group.id" and not where.dead:
            theirs = f"{where.route.target}.group.id or {where.route.source}-mm2"
            return f"is used here, but MM2 ignores it and uses {theirs}: stop MM2 before the start"
        if option is None:
            return explain_unknown(where, self._table, self._routes, self._aliases)
        value = self._resolver.parsed(option, entry, expanded)
        if value is None:
            return ""
        if where.dead:
            return f"has no effect: {where.dead}"
        if useless := self._useless(where, option):
            return useless
        return self._without_effect(option, entry, str(value))

    def _without_effect(self, option: Option, entry: Property, text: str) -> str:
        if option.effect is Effect.NOW:
            return ""
        self._resolver.note(
            entry.key, entry.value.strip(), f"{self._file.where(entry.line)} (no effect in this version)"
        )
        if not option.without or text.strip().lower() in option.acts_like:
            return ""
        if option.refused:
            error = ConfigError(
                f"{self._file.where(entry.line)} {entry.key} {option.without}", remedy="Remove it if that is acceptable"
            )
            self._resolver.problems.add(error)
            return ""
        return option.without

    def _useless(self, where: Place, option: Option) -> str:
        """Say why a key that is right in its place has no effect for the flows that run; empty: it may have one."""
        alias = where.alias
        if alias is None:
            return ""
        targets = {route.target for route in self._routes}
        sources = {route.source for route in self._routes}
        if option.family in (Family.WORKER, Family.STORAGE, Family.PRODUCER) and alias in sources - targets:
            meant = next(route.target for route in self._routes if route.source == alias)
            right = f"{meant}.{where.prefix.removeprefix(f'{alias}.')}{where.name}"
            return f"has no effect: no enabled flow writes to {alias}; {right} was probably meant"
        if option.family is Family.CLIENT and alias in sources - targets and where.prefix == f"{alias}.":
            return f"has no effect: no client of the source reads it; {alias}.consumer.{where.name} was probably meant"
        if option.family is Family.CONSUMER and alias in targets - sources:
            meant = next(route.source for route in self._routes if route.target == alias)
            right = f"{meant}.{where.prefix.removeprefix(f'{alias}.')}{where.name}"
            return f"has no effect: no enabled flow reads from {alias}; {right} was probably meant"
        return ""


def lost_warnings(lost: Iterable[Lost]) -> Iterable[Warned]:
    """Warn of keys that lost to one that looks weaker, as MM2's precedence has it."""
    for item in lost:
        if _looks_stronger(item.entry.key, item.winner.key):
            yield Warned(
                item.entry.key,
                f"{item.entry.key} has no effect: {item.winner.key} (line {item.winner.line}) is stronger",
                item.entry.line,
            )


def loop_warnings(ways: Sequence[Way], chosen: Sequence[Route], file: PropertiesFile) -> Iterable[Warned]:
    """Refuse flows that may copy topics in a circle (ConfigError), and warn when only a part of them runs here."""
    running = {f"{route.source}->{route.target}" for route in chosen}
    here = [way for way in ways if way.name in running]
    if loop := find_growing_loop(here):
        names, copy = ", ".join(way.name for way in loop), f"{loop[0].prefix}orders"
        raise ConfigError(
            f"{file.path}: the flows {names} may copy each other's copies, whose names would grow for ever: "
            f"replication.policy.separator is empty, so nobody can tell that {copy} is a copy",
            remedy="Give one of them plain names as topics, exclude the other's copies "
            f"(topics.exclude={loop[0].prefix}.*), or set a separator",
        )
    loop = find_loop(here)
    if loop:
        names = ", ".join(way.name for way in loop)
        raise ConfigError(
            f"{file.path}: the flows {names} keep topic names and may copy the same topics, so that records would go "
            f"round for ever (topics={','.join(loop[0].topics)} and topics={','.join(loop[1].topics)})",
            remedy="Give them topics that cannot be the same (plain names, or different beginnings), exclude one's "
            "topics from the other, or use the default policy",
        )
    for loop, key, what in (
        (find_loop(ways), "replication.policy.class", "keeps topic names"),
        (find_growing_loop(ways), "replication.policy.separator", "is empty"),
    ):
        if any(way.name in running for way in loop):
            names = ", ".join(way.name for way in loop)
            message = f"{key} {what}, so {names} must never run at the same time: records would go round for ever"
            yield Warned(key, message, file.entries[key].line if key in file.entries else None)


def merge_warnings(merging: Mapping[str, Way], flows: Iterable[FlowConfig], file: PropertiesFile) -> Iterable[Warned]:
    """Warn of flows that may write to one topic of the target."""
    for flow in flows:
        if flow.name in merging:
            blind = flow.policy is Policy.DEFAULT
            key, what = (
                ("replication.policy.separator", "is empty")
                if blind
                else ("replication.policy.class", "keeps topic names")
            )
            message = (
                f"{key} {what}, so {flow.name} and {merging[flow.name].name} may write to the same topics: "
                "then nothing is counted at a restart, and positions of groups are not translated"
            )
            yield Warned(key, message, file.entries[key].line if key in file.entries else None)


def flow_names(table: Table) -> frozenset[str]:
    """Return the names of all options of a flow."""
    families = (Family.FLOW, Family.ONE_FLOW)
    return frozenset(option.name for option in table.options if option.family in families)


def _looks_stronger(key: str, other: str) -> bool:
    """Whether people would take ``key`` for the stronger one: a flow's before a cluster's before a bare one."""
    if "->" in key or "->" in other:
        return "->" in key and "->" not in other
    return key.endswith(f".{other}")
