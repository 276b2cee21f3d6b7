"""What a user may see and do of flows by our own API; each change is told in the log."""

from collections.abc import Callable

from heliograph.api.access.steered import SteeredConnectors
from heliograph.api.access.user import CURRENT
from heliograph.config.access import Access, Role
from heliograph.errors import NotFound
from heliograph.observe.connectors import Forbidden
from heliograph.observe.log import Log


class FlowRules:
    """The rules for flows, of the user whose request is being answered."""

    def __init__(self, access: Callable[[], Access], connectors: SteeredConnectors) -> None:
        """``access`` returns the rules of the moment; whoever may see a connector may see its flow."""
        self._access = access
        self._connectors = connectors
        self._log = Log(each=True)

    def sees(self, flow: str) -> bool:
        """Say whether the user may see a flow."""
        return self._role(flow) is not None or self._connectors.sees_flow(flow)

    def check(self, flow: str, *, changes: bool, moves: bool) -> None:
        """Raise NotFound where the user may not see a flow, and Forbidden where he may not do what he asks.

        ``changes``: something is told to it; ``moves``: its positions are.
        """
        if not self.sees(flow):
            raise NotFound(f"There is no flow {flow}")
        needed = Role.ADMIN if moves else Role.OPERATE if changes else Role.READ
        if (self._role(flow) or Role.READ) < needed:
            user = CURRENT.get()
            Log().warning(
                "a request to the REST API was forbidden", who=user.name, address=user.address, flow_name=flow
            )
            raise Forbidden(f"{user.name} may not {'move' if moves else 'operate'} the flow {flow}")

    def tell(self, what: str, flow: str, before: str, order: object) -> None:
        """Tell a change in the log."""
        user = CURRENT.get()
        self._log.info(
            "told by REST",
            who=user.name,
            address=user.address,
            what=what,
            flow_name=flow,
            before=before,
            after=order,
        )

    def _role(self, flow: str) -> Role | None:
        return self._access().role(CURRENT.get().principals, flow)
