"""The connectors as the user sees them whose request is being answered, and what he changes told in the log.

Whoever may not read a connector gets the answer that there is none. A flow is what its connectors say together, so
whoever changes one of them must be allowed to change all.
"""

from collections.abc import Callable, Mapping, Sequence

from heliograph.api.access.user import CURRENT
from heliograph.config.access import Access, Role
from heliograph.config.connectors.merging import SOURCE_ALIAS, TARGET_ALIAS
from heliograph.config.connectors.secrets import masked
from heliograph.config.connectors.validation import Given, Validation
from heliograph.errors import NotFound
from heliograph.observe.connectors import Connectors, ConnectorView, Forbidden, LoggerView, StoredOffset, Wanted
from heliograph.observe.log import Log

_ACTS = {Role.READ: "see", Role.OPERATE: "operate", Role.ADMIN: "change"}


class SteeredConnectors(Connectors):
    """Connectors behind rules."""

    def __init__(self, connectors: Connectors, access: Callable[[], Access]) -> None:
        """``access`` returns the rules of the moment."""
        self._connectors = connectors
        self._access = access
        self._log = Log(each=True)

    # ---- seen -----------------------------------------------------------------------------------------------------

    @property
    def cluster_id(self) -> str:
        """Id of the Kafka cluster that the connectors' records are stored on."""
        return self._connectors.cluster_id

    def all(self) -> Mapping[str, ConnectorView]:
        """Return the connectors that the user may read."""
        return {name: view for name, view in self._connectors.all().items() if self._may(name, view.config, Role.READ)}

    def sees_flow(self, name: str) -> bool:
        """Say whether the user may read a connector of a flow."""
        return any(flow_of(view.config) == (name,) for view in self.all().values())

    async def offsets(self, name: str) -> Sequence[StoredOffset]:
        """Return the stored positions."""
        self._allowed(name, Role.READ)
        return await self._connectors.offsets(name)

    def validate(self, config: Given) -> Validation:
        """Judge a configuration."""
        return self._connectors.validate(config)

    def loggers(self) -> Mapping[str, LoggerView]:
        """Return the loggers that have a level of their own."""
        return self._connectors.loggers()

    def logger(self, name: str) -> LoggerView | None:
        """Return one logger."""
        return self._connectors.logger(name)

    # ---- told -----------------------------------------------------------------------------------------------------

    async def want(self, name: str, wanted: Wanted) -> None:
        """Tell a connector to run, to pause, or to stop."""
        before = self._allowed(name, Role.OPERATE, "Unknown connector {}")
        await self._connectors.want(name, wanted)
        self._tell("state", name, before.state, wanted)

    async def restart(self, name: str, *, include_tasks: bool, only_failed: bool) -> ConnectorView:
        """Start a connector again."""
        before = self._allowed(name, Role.OPERATE, "Unknown connector: {}")
        view = await self._connectors.restart(name, include_tasks=include_tasks, only_failed=only_failed)
        self._tell("restart with tasks" if include_tasks else "restart", name, before.state, view.state)
        return view

    async def restart_task(self, name: str, number: int) -> None:
        """Start a task again."""
        before = self._allowed(name, Role.OPERATE, "Unknown connector: {}")
        await self._connectors.restart_task(name, number)
        state = next((task.state for task in before.tasks if task.number == number), "")
        self._tell(f"restart of task {number}", name, state, "")

    async def create(self, name: str, config: Mapping[str, str], wanted: Wanted) -> ConnectorView:
        """Add a connector."""
        self._check_change(name, config)
        view = await self._connectors.create(name, config, wanted)
        self._tell("creation", name, "", f"{wanted} {_words(masked(config))}")
        return view

    async def configure(self, name: str, config: Mapping[str, str]) -> tuple[ConnectorView, bool]:
        """Store a configuration for a connector."""
        before = self._connectors.all().get(name)
        self._check_change(name, config)
        if before is not None and not self._may(name, before.config, Role.ADMIN):
            raise self._forbidden(name, Role.ADMIN)
        view, new = await self._connectors.configure(name, config)
        self._tell_config(name, before.config if before is not None else {}, config)
        return view, new

    async def patch(self, name: str, changes: Mapping[str, str | None]) -> ConnectorView:
        """Change some keys of a connector's configuration."""
        before = self._allowed(name, Role.ADMIN)
        after = {key: value for key, value in {**before.config, **changes}.items() if value is not None}
        self._check_change(name, after)
        view = await self._connectors.patch(name, changes)
        self._tell_config(name, before.config, after)
        return view

    async def delete(self, name: str) -> None:
        """Remove a connector."""
        before = self._allowed(name, Role.ADMIN)
        self._check_change(name, before.config)
        await self._connectors.delete(name)
        self._tell("deletion", name, _words(before.config), "")

    async def alter_offsets(self, name: str, offsets: Sequence[StoredOffset]) -> None:
        """Store other positions."""
        self._allowed(name, Role.ADMIN)
        before = {_place(each): each.offset for each in await self._connectors.offsets(name)}
        await self._connectors.alter_offsets(name, offsets)
        changed = {_place(each): each.offset for each in offsets}
        self._tell("positions", name, _positions({key: before.get(key) for key in changed}), _positions(changed))

    async def reset_offsets(self, name: str) -> None:
        """Forget all positions."""
        self._allowed(name, Role.ADMIN)
        before = {_place(each): each.offset for each in await self._connectors.offsets(name)}
        await self._connectors.reset_offsets(name)
        self._tell("positions", name, _positions(before), "none")

    async def set_logger(self, name: str, level: str, *, everywhere: bool) -> Sequence[str]:
        """Set the level of a logger, which concerns all connectors."""
        if (self._access().role_everywhere(CURRENT.get().principals) or 0) < Role.ADMIN:
            raise self._refused(f"change the logger {name}, which concerns all connectors", logger=name)
        before = self._connectors.logger(name)
        changed = await self._connectors.set_logger(name, level, everywhere=everywhere)
        self._write(
            "level in all workers" if everywhere else "level", before.level if before else "", level, logger=name
        )
        return changed

    # ---- allowed --------------------------------------------------------------------------------------------------

    def _may(self, name: str, config: Mapping[str, str], role: Role) -> bool:
        has = self._access().role(CURRENT.get().principals, name, *flow_of(config))
        return has is not None and has >= role

    def _allowed(self, name: str, role: Role, words: str = "Connector {} not found") -> ConnectorView:
        """Return a connector that the user may do this with. Raises NotFound where he may not even see it."""
        view = self.all().get(name)
        if view is None:
            raise NotFound(words.format(name))
        if not self._may(name, view.config, role):
            raise self._forbidden(name, role)
        return view

    def _check_change(self, name: str, config: Mapping[str, str]) -> None:
        """Raise Forbidden where the user may not have this connector with this configuration."""
        if not self._may(name, config, Role.ADMIN):
            raise self._forbidden(name, Role.ADMIN)
        for other, view in self._connectors.all().items():
            same_flow = flow_of(config) and flow_of(view.config) == flow_of(config)
            if same_flow and not self._may(other, view.config, Role.ADMIN):
                raise self._forbidden(name, Role.ADMIN, f", nor any other connector of {flow_of(config)[0]}")

    def _forbidden(self, name: str, role: Role, more: str = "") -> Forbidden:
        return self._refused(f"{_ACTS[role]} connector {name}{more}", connector=name)

    def _refused(self, what: str, **fields: str) -> Forbidden:
        user = CURRENT.get()
        Log().warning("a request to the REST API was forbidden", who=user.name, address=user.address, **fields)
        return Forbidden(f"{user.name} may not {what}")

    # ---- the log --------------------------------------------------------------------------------------------------

    def _tell_config(self, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Tell what was changed; a secret that was given again may be the same."""
        keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        if not keys:
            return  # what was given back
        shown = masked(after)
        self._tell(
            "config",
            name,
            _words({key: before[key] for key in keys if key in before}),
            _words({key: shown[key] for key in keys if key in shown}),
        )

    def _tell(self, what: str, name: str, before: object, after: object) -> None:
        self._write(what, before, after, connector=name)

    def _write(self, what: str, before: object, after: object, **of: str) -> None:
        user = CURRENT.get()
        self._log.info("told by REST", who=user.name, address=user.address, what=what, **of, before=before, after=after)


def flow_of(config: Mapping[str, str]) -> tuple[str, ...]:
    """Return the flow that a connector belongs to; nothing where it does not say so."""
    aliases = [config.get(key, "").strip() for key in (SOURCE_ALIAS, TARGET_ALIAS)]
    return ("->".join(aliases),) if all(aliases) else ()


def _words(config: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())


def _place(offset: StoredOffset) -> str:
    told = offset.partition
    return f"{told.get('topic', '')}-{told.get('partition', '')}" if "topic" in told else str(dict(told))


def _positions(offsets: Mapping[str, Mapping[str, object] | None]) -> str:
    return ", ".join(f"{place}: {None if each is None else each.get('offset')}" for place, each in offsets.items())
