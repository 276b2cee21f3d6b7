"""What a parent has given to a worker; apart from what they say to each other, for every start looks here."""

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

SOCKET_VARIABLE = "HELIOGRAPH_WORKER_SOCKET"
"""Names the file descriptor of a worker's end of the socket."""
INSTANCE_VARIABLE = "HELIOGRAPH_WORKER_INSTANCE"
"""The worker's ``group.instance.id``; its number stands behind the last dash."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a parent has given to a worker."""

    socket: socket.socket
    instance_id: str
    """Static member of each flow's group."""

    @property
    def number(self) -> str:
        """Which of the parent's workers this is."""
        return self.instance_id.rpartition("-")[2]


def take_origin(environ: MutableMapping[str, str]) -> Origin | None:
    """Return what a parent has given to this process, and take it out of ``environ``; None: it has no parent."""
    descriptor, instance = environ.pop(SOCKET_VARIABLE, ""), environ.pop(INSTANCE_VARIABLE, "")
    if not descriptor.isdecimal() or not instance:
        return None
    ours = socket.socket(fileno=int(descriptor))
    os.set_inheritable(ours.fileno(), False)
    return Origin(ours, instance)
