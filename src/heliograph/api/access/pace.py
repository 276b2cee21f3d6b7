"""How fast clients may ask: pure, the time is an argument.

Each user has a budget of requests at each address, which fills while time passes (the generic cell rate algorithm, as
ATM has it: ITU-T I.371). Whoever has used it up is refused until there is something in it again, so that a client that
never pauses cannot take the time in which records are copied.
"""

from heliograph.api.access.attempts import CLIENTS_MAX, client_of
from heliograph.api.access.user import User

REQUESTS_PER_S = 200.0
BURST = 1_000
"""Requests that may come at once after a pause."""

_COST_S = 1 / REQUESTS_PER_S


class Pace:
    """Who has asked for how much of late."""

    def __init__(self) -> None:
        """Nobody has; of CLIENTS_MAX that have, the one that asked longest ago is forgotten for another."""
        self._used_until_s: dict[tuple[str, str], float] = {}
        """When the budget of each is full again."""

    def wait_s(self, user: User, now_s: float) -> float:
        """Count a request, and return 0; or how long its sender must wait, and it does not count."""
        client = (user.name, client_of(user.address))
        used_until_s = max(now_s, self._used_until_s.pop(client, now_s)) + _COST_S
        wait_s = used_until_s - now_s - BURST * _COST_S
        if wait_s > 0:
            used_until_s -= _COST_S
        if len(self._used_until_s) >= CLIENTS_MAX:
            del self._used_until_s[next(iter(self._used_until_s))]
        self._used_until_s[client] = used_until_s
        return max(0.0, wait_s)
