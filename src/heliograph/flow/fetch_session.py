"""A fetch session (KIP-227): what a broker was told to read, so that a request names only what changed."""

from dataclasses import dataclass, field

from heliograph.flow.lane import Lane
from heliograph.wire import fetch


@dataclass(slots=True)
class FetchSession:
    """A fetch session as both sides see it."""

    session_id: int = 0
    epoch: int = fetch.FULL_SESSION_EPOCH
    lanes: dict[Lane, int] = field(default_factory=dict)
    """Each with the position that the broker was told."""
    changed: dict[Lane, None] = field(default_factory=dict)
    """Lanes whose place in the session must be told again at the next fetch."""
    left: dict[Lane, None] = field(default_factory=dict)
    """Lanes that another channel has taken, and the broker must forget."""

    def reset(self) -> None:
        """Begin a new session with the same lanes."""
        self.session_id, self.epoch = 0, fetch.FULL_SESSION_EPOCH
        self.changed = dict.fromkeys(self.lanes)
        self.left = {}

    def advance(self, session_id: int) -> None:
        """Go on after a good answer; id 0 means that the broker keeps no session."""
        if session_id == 0:
            self.reset()
        elif self.epoch == fetch.FULL_SESSION_EPOCH:
            self.session_id, self.epoch = session_id, 1
        else:
            self.epoch = self.epoch % (2**31 - 1) + 1
