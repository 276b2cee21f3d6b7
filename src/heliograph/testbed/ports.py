"""Free ports on the loopback address, kept for as long as they are needed.

A port that was free a moment ago may be taken when a server at last binds it, and a server that is restarted must
find its old port free. So the chosen port stays bound by a socket that never listens: on Linux, a second socket may
bind and listen there when both allow the address to be reused (Java's server sockets do), while the kernel hands the
port to nobody who just asks for any. Other systems do not allow the second bind, so there the port is only looked up.
"""

import socket
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
"""The one address that servers of the testbed listen on."""


class Ports:
    """Ports that stay ours until ``close()``."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held = ExitStack()

    def take(self) -> int:
        """Return a free port of the loopback address and keep it."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
            holder.bind((LOOPBACK, 0))
            port: int = holder.getsockname()[1]
            if sys.platform == "linux":
                # After the bind, so that the bind itself shared the port with nobody.
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._held.enter_context(socket.socket(fileno=holder.detach()))
        return port

    def close(self) -> None:
        """Let go of all ports."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
