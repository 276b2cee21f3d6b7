"""Failed logins, counted for each client, who must wait longer and longer: pure, the time is an argument."""

import ipaddress
from dataclasses import dataclass

FREE = 5
"""Failed attempts before a client must wait."""
WAIT_MAX_S = 60.0
FORGOTTEN_S = 300.0
"""After which a client without a further failure begins again."""
CLIENTS_MAX = 1024
"""Clients that are remembered; the one that failed longest ago is forgotten for another."""
_V6_NETWORK_BITS = 64


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float


class Attempts:
    """Who has failed how often."""

    def __init__(self) -> None:
        """Nobody has."""
        self._failed: dict[str, _Failures] = {}

    def wait_s(self, address: str, now_s: float) -> float:
        """Return how long a client must still wait before its next attempt is looked at."""
        known = self._failed.get(client_of(address))
        if known is None or known.count < FREE or now_s - known.last_s > FORGOTTEN_S:
            return 0.0
        return max(0.0, known.last_s + min(WAIT_MAX_S, 2.0 ** (known.count - FREE)) - now_s)

    def fail(self, address: str, now_s: float) -> int:
        """Note a failed attempt, and return how many there are."""
        client = client_of(address)
        known = self._failed.pop(client, None)
        if known is None or now_s - known.last_s > FORGOTTEN_S:
            known = _Failures(0, now_s)
            if len(self._failed) >= CLIENTS_MAX:
                del self._failed[next(iter(self._failed))]
        known.count += 1
        known.last_s = now_s
        self._failed[client] = known
        return known.count


def client_of(address: str) -> str:
    """Return what stands for a client: its address, and with IPv6 the network, all of which is one's own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _V6_NETWORK_BITS), strict=False))
