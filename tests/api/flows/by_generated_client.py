"""Asks an API with a client that was generated from its document, and prints what came of it as JSON.

It is run by test_openapi_client.py, where the client can be imported as ``flows_client``.
"""

import json
import sys
import time

from flows_client import Client
from flows_client.api.default import (
    get_flow,
    get_job,
    list_flows,
    list_groups,
    list_lanes,
    list_losses,
    pause,
    reset_limit,
    set_limit,
    verify,
)
from flows_client.models import LaneState, LimitOrder, SteerOrder, VerifyOrder

LIMIT_S = 20


def ended(client, job):
    """Wait until a job has ended."""
    deadline_s = time.monotonic() + LIMIT_S
    while job.state == "running":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
        job = get_job.sync(job.id, client=client)
    return job


def told(client):
    """Go through reading, changing, a mistake, and a job."""
    flows = list_flows.sync(client=client)
    lanes = list_lanes.sync("A->B", client=client, state=LaneState.PAUSED, limit=5)
    further = list_lanes.sync("A->B", client=client, state=LaneState.PAUSED, after=lanes.next_)
    order = SteerOrder(topics=["orders-1"], partitions=[0, 3])
    unknown = get_flow.sync_detailed("C->D", client=client)
    return {
        "flows": [[flow.name, flow.state, flow.topics] for flow in flows.flows],
        "flow": get_flow.sync("A->B", client=client).to_dict(),
        "lanes": [[lane.topic, lane.partition, lane.lag] for lane in (*lanes.lanes, *further.lanes)],
        "losses": [loss.to_dict() for loss in list_losses.sync("A->B", client=client).losses],
        "groups": list_groups.sync("A->B", client=client, group="g").to_dict(),
        "paused": pause.sync("A->B", client=client, body=order).to_dict(),
        "whole": pause.sync("A->B", client=client).to_dict(),
        "limited": set_limit.sync("A->B", client=client, body=LimitOrder(bytes_per_second=5000)).to_dict(),
        "as_file": reset_limit.sync("A->B", client=client).to_dict(),
        "unknown": [unknown.status_code, unknown.parsed.to_dict()],
        "job": ended(client, verify.sync("A->B", client=client, body=VerifyOrder())).to_dict(),
    }


print(json.dumps(told(Client(base_url=f"http://127.0.0.1:{sys.argv[1]}", raise_on_unexpected_status=True))))
