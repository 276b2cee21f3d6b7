"""A running process asked by its address: the same orders and answers, through its HTTP API.

Who asks is told by the environment and by files, never by a command line, which others on the machine can read.
"""

import asyncio
import base64
import http.client
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from heliograph.api.flows.jobs import Job, JobState
from heliograph.api.flows.routes import ROOT
from heliograph.api.flows.shapes import Flows, Problem
from heliograph.errors import ClusterError, ConfigError, DataError, HeliographError, Unreachable
from heliograph.observe.group_positions import FailedOver, FailoverOrder, GroupsQuery, GroupsTold
from heliograph.observe.operations import (
    Limited,
    LimitOrder,
    Planned,
    Progress,
    RestartOrder,
    RewindOrder,
    Rewound,
    StatusTold,
    Steered,
    SteerOrder,
    VerifyOrder,
)

ANSWER_S = 120.0
"""For an answer; longer than the process takes to give one up."""
LOOK_S = 0.5
"""Between two looks at a job."""
ANSWER_BYTES_MAX = 256 << 20
WORDS_MAX = 200
"""Of an answer that is no answer of the API."""
KINDS: Mapping[int, type[HeliographError]] = {
    kind.exit_code: kind for kind in (HeliographError, ConfigError, ClusterError, DataError)
}
"""Errors by exit code: as whom a problem of the other side ends the command."""

T = TypeVar("T")


def is_address(where: str) -> bool:
    """Say whether that is an address, and no file."""
    return where.startswith(("http://", "https://"))


class RemoteOperations:
    """Implements :class:`heliograph.observe.operations.Operations` by asking a process for each of them."""

    def __init__(self, address: str, environ: Mapping[str, str]) -> None:
        """``environ`` says who asks, and whom it trusts. Raises ConfigError."""
        self._address = address.rstrip("/")
        parts = urlsplit(address)
        try:
            self._host, self._port = parts.hostname, parts.port
        except ValueError:
            self._host = None
        if not self._host or parts.username is not None or parts.path.strip("/") or parts.query:
            raise ConfigError(f"{parts.scheme}://… is no address of a process", remedy="Write http://host:8083")
        self._tls = _context(environ) if parts.scheme == "https" else None
        self._headers = _credentials(environ)

    def flows(self) -> tuple[str, ...]:
        """Return the names of its flows. Raises HeliographError."""
        return tuple(flow.name for flow in self._ask("GET", "/flows", None, Flows).flows)

    async def status(self, flow: str) -> StatusTold:
        """Say who copies it, and how far it is."""
        return await self._of(flow, "GET", "/status", None, StatusTold)

    async def plan(self, flow: str) -> Planned:
        """Say what the configuration of that process would change."""
        return await self._of(flow, "GET", "/plan", None, Planned)

    async def groups(self, flow: str, query: GroupsQuery) -> GroupsTold:
        """Say where groups would go on on the other cluster."""
        wanted = {"group": query.group, "topic": query.topic, "backwards": "true" if query.backwards else None}
        given = urlencode({name: value for name, value in wanted.items() if value is not None})
        return await self._of(flow, "GET", f"/groups?{given}", None, GroupsTold)

    async def pause(self, flow: str, order: SteerOrder) -> Steered:
        """Pause it or a part of it, and wait until it is so."""
        return await self._of(flow, "POST", "/pause", order, Steered)

    async def resume(self, flow: str, order: SteerOrder) -> Steered:
        """Go on with it or a part of it, and wait until it is so."""
        return await self._of(flow, "POST", "/resume", order, Steered)

    async def restart(self, flow: str, order: RestartOrder) -> Steered:
        """Start it or a part of it again."""
        return await self._of(flow, "POST", "/restart", order, Steered)

    async def limit(self, flow: str) -> Limited:
        """Say which limit holds."""
        return await self._of(flow, "GET", "/limit", None, Limited)

    async def set_limit(self, flow: str, order: LimitOrder) -> Limited:
        """Have another limit hold for now."""
        return await self._of(flow, "PUT", "/limit", order, Limited)

    async def reset_limit(self, flow: str) -> Limited:
        """Have the file's limit hold."""
        return await self._of(flow, "DELETE", "/limit", None, Limited)

    async def rewind(self, flow: str, order: RewindOrder) -> Rewound:
        """Have a topic go on elsewhere, or say what that would do."""
        return await self._of(flow, "POST", "/rewind", order, Rewound)

    async def verify(self, flow: str, order: VerifyOrder, report: Callable[[Progress], None]) -> Mapping[str, object]:
        """Begin a job, and wait for its end; whoever does not wait any more ends it."""
        job = await self._finished(await self._of(flow, "POST", "/verify", order, Job), report)
        return job.result or {}

    async def failover(self, flow: str, order: FailoverOrder, report: Callable[[Progress], None]) -> FailedOver:
        """Begin a job, and wait for its end; whoever does not wait any more ends it."""
        job = await self._finished(await self._of(flow, "POST", "/failover", order, Job), report)
        if job.failover is None:
            raise HeliographError(f"The job {job.id} has no result")
        return job.failover

    async def _finished(self, job: Job, report: Callable[[Progress], None]) -> Job:
        """Return a job when it is done. Raises the error by which it has failed, and one where it was cancelled."""
        path = f"/jobs/{job.id}"
        try:
            while job.state is JobState.RUNNING:
                await asyncio.sleep(LOOK_S)
                job = await asyncio.to_thread(self._ask, "GET", path, None, Job)
                report(job.progress)
        except asyncio.CancelledError:
            self._ask("DELETE", path, None, Job)
            raise
        if job.problem is not None:
            raise _error_of(job.problem)
        if job.state is JobState.CANCELLED:
            raise HeliographError(f"The job {job.id} was cancelled")
        return job

    # ---- the line -------------------------------------------------------------------------------------------------

    async def _of(self, flow: str, method: str, path: str, body: object, kind: type[T]) -> T:
        return await asyncio.to_thread(self._ask, method, f"/flows/{quote(flow, safe='')}{path}", body, kind)

    def _ask(self, method: str, path: str, body: object, kind: type[T]) -> T:
        """Ask, and return the answer. Raises HeliographError."""
        status, raw = self._exchange(method, path, None if body is None else msgspec.json.encode(body))
        try:
            if status < http.client.BAD_REQUEST:
                return msgspec.json.decode(raw, type=kind)
            problem = msgspec.json.decode(raw, type=Problem)
        except ValueError as error:
            words = raw[:WORDS_MAX].decode("utf-8", "replace")
            raise HeliographError(f"{self._address} answers {status} {words}".strip()) from error
        raise _error_of(problem)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        assert self._host is not None, "an address has a host"
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_S)
            if self._tls is None
            else http.client.HTTPSConnection(self._host, self._port, timeout=ANSWER_S, context=self._tls)
        )
        headers: dict[str, Any] = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        try:
            connection.request(method, ROOT + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._address} does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()


def _error_of(problem: Problem) -> HeliographError:
    return KINDS.get(problem.exit_code, HeliographError)(problem.detail, remedy=problem.remedy)


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the header that says who asks; none where nobody is named."""
    token = _secret(environ, "HELIOGRAPH_API_TOKEN")
    if token:
        return {"Authorization": f"Bearer {token}"}
    user = environ.get("HELIOGRAPH_API_USER", "")
    if not user:
        return {}
    pair = f"{user}:{_secret(environ, 'HELIOGRAPH_API_PASSWORD')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}


def _secret(environ: Mapping[str, str], name: str) -> str:
    """Return a secret from a variable, or from the file that the variable with ``_FILE`` names. Raises ConfigError."""
    if name in environ:
        return environ[name]
    path = environ.get(f"{name}_FILE", "")
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE names a file that cannot be read: {path}") from error


def _context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom an https address is trusted by. Raises ConfigError."""
    authorities = environ.get("HELIOGRAPH_API_CA_FILE") or None
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise ConfigError(f"HELIOGRAPH_API_CA_FILE names no file of certificates: {authorities}") from error
