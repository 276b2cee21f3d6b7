"""What the paths answer, asked without a socket."""

import asyncio
import json

import pytest

from heliograph.api.app import make_app
from heliograph.config.model import CauseKind
from heliograph.observe.model import Cause, FlowState, FlowView, ProcessView

FLOW_ONLY = frozenset({CauseKind.FLOW})
STILL = Cause(CauseKind.STANDING_STILL, "t-3: no permission", 1, 42.0)
HELD_UP = Cause(CauseKind.HELD_UP, "t-4: a transaction", 2, 11.0)
JOB = Cause(CauseKind.JOB, "store positions: no answer", 0, 61.0)


class Still:
    """A process that always looks the same."""

    def __init__(self, *flows: FlowView):
        self._flows = flows

    def view(self) -> ProcessView:
        return ProcessView("1.2.3", "compiled", 5.0, 0.5, 1_000_000, self._flows)


def get(path: str, *flows: FlowView, requires: frozenset[CauseKind] = FLOW_ONLY) -> tuple[int, str]:
    """Call the application as a server does (ASGI); return status and body."""
    app = make_app(Still(*flows), requires)
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def flow(name: str = "A->B", state: FlowState = FlowState.RUNNING, cause: str = "", *degraded: Cause) -> FlowView:
    return FlowView(name, state, cause, degraded=degraded)


def test_alive_whatever_the_flows_do():
    assert get("/live", flow(state=FlowState.FAILED)) == (200, "alive\n")


@pytest.mark.parametrize("state", [FlowState.RUNNING, FlowState.STANDBY])
def test_ready(state):
    assert get("/ready", flow(state=state)) == (200, "ready\n")


@pytest.mark.parametrize("state", [FlowState.STARTING, FlowState.WAITING, FlowState.FAILED, FlowState.STOPPED])
@pytest.mark.parametrize("requires", [FLOW_ONLY, frozenset(CauseKind)])
def test_a_flow_that_does_not_run_is_never_ready(state, requires):
    flows = (flow(), flow("B->A", state, "because", Cause(CauseKind.FLOW, f"{state} because", 0)))
    assert get("/ready", *flows, requires=requires) == (503, f"B->A: {state} because\n")


def test_what_is_degraded_is_told_and_does_not_count_unless_it_is_told_to():
    found = get("/ready", flow("A->B", FlowState.RUNNING, "", STILL, JOB))
    assert found == (
        200,
        (
            "ready\n"
            "A->B: degraded: standing-still, partitions=1: t-3: no permission (for 42 s)\n"
            "A->B: degraded: job: store positions: no answer (for 1 min 1 s)\n"
        ),
    )


@pytest.mark.parametrize("kind", [CauseKind.STANDING_STILL, CauseKind.JOB])
def test_one_cause_that_counts(kind):
    degraded = flow("A->B", FlowState.RUNNING, "", STILL, HELD_UP, JOB)
    status, text = get("/ready", degraded, requires=frozenset({CauseKind.FLOW, kind}))
    assert status == 503
    first, *others = text.splitlines()
    assert first.startswith(f"A->B: degraded: {kind}"), "what counts comes first"
    assert len(others) == 2


def test_all_causes_count():
    degraded = flow("A->B", FlowState.RUNNING, "", HELD_UP)
    assert get("/ready", degraded, requires=frozenset(CauseKind))[0] == 503
    assert get("/ready", flow(), requires=frozenset(CauseKind)) == (200, "ready\n")


def test_a_cause_of_another_kind_does_not_count():
    degraded = flow("A->B", FlowState.RUNNING, "", HELD_UP)
    assert get("/ready", degraded, requires=frozenset({CauseKind.FLOW, CauseKind.JOB}))[0] == 200


def test_status_has_the_causes():
    status, text = get("/status", flow("A->B", FlowState.RUNNING, "", STILL))
    assert status == 200
    (found,) = json.loads(text)["flows"]
    assert found["degraded"] == [
        {"kind": "standing-still", "cause": "t-3: no permission", "partitions": 1, "for_s": 42.0}
    ]


def test_metrics():
    status, text = get("/metrics", flow("A->B", FlowState.RUNNING, "", STILL))
    assert status == 200
    assert 'heliograph_degraded{cause="standing-still",source="A",target="B"} 1.0' in text
    assert 'heliograph_degraded{cause="job",source="A",target="B"} 0.0' in text


def test_other_paths():
    assert get("/secrets", flow())[0] == 404
