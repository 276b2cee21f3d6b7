"""What the running process can be asked and told; those who show or steer it know this and nothing below it.

Views are snapshots (:mod:`heliograph.observe.model`) and cost no request to a cluster. Commands act on one flow by its
name and return when they have done their work, so that a caller can say what happened. The worker's supervisor
implements all of it; the HTTP server, the live view and what else speaks for the process take a :class:`Control`.
"""

from collections.abc import Callable, Coroutine
from typing import Protocol

from heliograph.observe.model import ProcessView


class Control(Protocol):
    """One running process."""

    def view(self) -> ProcessView:
        """Return a snapshot of the process as it is now."""
        ...

    def stop(self) -> None:
        """Ask for an orderly end of the whole process: drain, store the positions, leave the groups."""
        ...

    async def stop_flow(self, name: str) -> None:
        """Stop one flow in good order and keep it stopped; the others go on, and the process stays.

        A flow that is stopped already stays so. Raises NotFound where there is no flow ``name`` (``source->target``).
        """
        ...

    async def start_flow(self, name: str) -> None:
        """Start a flow that was stopped or has failed; one that runs is left alone. Raises NotFound."""
        ...

    async def reload(self) -> None:
        """Read the configuration again, and change what it changes; partitions that it does not concern never pause.

        Raises HeliographError where it is refused: then the one before stays in force.
        """
        ...

    async def run_job(self, name: str, job: str) -> None:
        """Run a periodic job of a flow now, besides its interval.

        Raises NotFound where the flow does not run here or has no such job, and the job's own HeliographError.
        """
        ...

    async def set_log_level(self, level: str) -> None:
        """Write what is at least of this level, one of :data:`~heliograph.observe.log.LEVELS`, from now on."""
        ...


Companion = Callable[[Control], Coroutine[None, None, None]]
"""Something that runs as long as the process and shows or steers it: an HTTP server, the live view."""
