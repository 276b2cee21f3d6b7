"""Everything that can be known before a start: for each flow both clusters, permissions, topics, limits, group.

Nothing is changed on any cluster. What would be created is sent to the broker with ``validate_only``;
permissions are read from the bits that brokers give with their answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

from heliograph.cluster.cluster import Cluster
from heliograph.concurrency import all_of
from heliograph.config.model import ClusterConfig, Config, FlowConfig
from heliograph.errors import HeliographError
from heliograph.preflight.check_cluster import Reached, reach
from heliograph.preflight.check_flow import FlowCheck
from heliograph.preflight.check_state import StateCheck
from heliograph.preflight.finding import Finding, Level

STEP_S_MAX = 20.0
"""The longest that one step may take; a cluster that works answers each in far less than a second."""


async def examine(config: Config) -> AsyncIterator[Finding]:
    """Yield findings as they come: first all clusters, then flow by flow. An error of a cluster is a finding too."""
    reached: dict[ClusterConfig, Reached] = {}
    try:
        wanted = dict.fromkeys(cluster for flow in config.flows for cluster in (flow.source, flow.target))
        answers = await all_of(map(reach, wanted))
        reached.update(zip(wanted, answers, strict=True))
        for finding in dict.fromkeys(each for answer in answers for each in answer.findings):
            yield finding
        for flow in config.flows:
            async for finding in _flow(flow, reached[flow.source].cluster, reached[flow.target].cluster):
                yield finding
    finally:
        for answer in reached.values():
            if answer.cluster is not None:
                await answer.cluster.close()


async def _flow(flow: FlowConfig, source: Cluster | None, target: Cluster | None) -> AsyncIterator[Finding]:
    lost = [config.alias for config, cluster in ((flow.source, source), (flow.target, target)) if cluster is None]
    if source is None or target is None:
        remedy = "Mend the cluster first"
        yield Finding(Level.ERROR, flow.name, f"Not examined: {' and '.join(lost)} cannot be used", remedy)
        return
    check, state = FlowCheck(flow, source, target), StateCheck(flow, source, target)
    steps: tuple[Callable[[], Coroutine[None, None, list[Finding]]], ...] = (
        check.topics,
        check.creation,
        check.configs,
        check.permissions,
        check.limits,
        state.positions,
        state.state,
        state.steering,
        state.group,
        state.producer,
    )
    for step in steps:
        try:
            async with asyncio.timeout(STEP_S_MAX):
                findings = await step()
        except HeliographError as error:
            findings = [Finding.of_error(flow.name, error)]
        except TimeoutError:
            text = f"No answer about the {step.__name__} within {STEP_S_MAX:g} s"
            findings = [Finding(Level.ERROR, flow.name, text, "The cluster may be overloaded; try again")]
        for finding in findings:
            yield finding
