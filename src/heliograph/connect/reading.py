"""A file to flows, for commands: MirrorMaker 2's file names them, a Connect worker's file names where they are stored.

Nothing is written, and no group is joined, so this works beside whoever runs the connectors: Heliograph, real Kafka
Connect, or nobody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from heliograph.cluster.cluster import Cluster
from heliograph.config.connectors.merging import Connectors, Merged, merge
from heliograph.config.connectors.worker_file import ConnectWorker, is_worker_file, read_worker
from heliograph.config.load import OPTIONS, make_config, read_file
from heliograph.config.model import Config, Warned
from heliograph.connect.store import ConnectorStore
from heliograph.errors import ConfigError, NotFound
from heliograph.offsets.endpoints import reach


def read_flows(
    path: Path, *, environ: Mapping[str, str], only_targets: Sequence[str] = (), only_flows: Sequence[str] = ()
) -> Config:
    """Return what a file of either kind says, as :func:`heliograph.config.load` does. Raises HeliographError.

    A Connect cluster is asked for its connectors, so no event loop may run in this thread. A connector that cannot run
    is a warning, unless nothing is left without it.
    """
    file = read_file(path)
    if not is_worker_file(file):
        return make_config(file, environ=environ, only_targets=only_targets, only_flows=only_flows)
    worker = read_worker(file, OPTIONS, environ=environ, now=datetime.now(UTC))
    merged = merge(worker, asyncio.run(_stored(worker)), partial(make_config, environ={}))
    return _chosen(merged, only_targets, only_flows)


async def _stored(worker: ConnectWorker) -> Connectors:
    cluster: Cluster = await reach(worker.cluster)
    try:
        return await ConnectorStore(cluster, worker.config_topic).look()
    except NotFound as error:
        remedy = "Run the file and create connectors, or mend config.storage.topic"
        raise ConfigError(f"{error.message}, where the connectors of {worker.file.path} stand", remedy=remedy) from None
    finally:
        await cluster.close()


def _chosen(merged: Merged, targets: Sequence[str], names: Sequence[str]) -> Config:
    """Return the configuration with flows into these clusters, or of these names; with none of either, with all."""
    config = merged.config
    wrong = [f"connector {name} cannot run: {words}" for name, words in merged.wrong.items()]
    known = {flow.name: flow for flow in config.flows}
    there = ", ".join(known)
    aliases = {flow.target.alias for flow in config.flows}
    if not known:
        said = "; ".join(wrong) or "its Connect cluster has no connectors"
        raise ConfigError(f"{config.path} has no flow: {said}", remedy="Create or mend connectors over the REST API")
    for name in names:
        if name not in known:
            raise ConfigError(f"{config.path} has no flow {name!r}", remedy=f"Its connectors make {there}")
    for alias in targets:
        if alias not in aliases:
            raise ConfigError(f"{config.path} has no flow to {alias!r}", remedy=f"Its connectors make {there}")
    flows = tuple(
        flow for flow in config.flows if flow.name in (names or known) and flow.target.alias in (targets or aliases)
    )
    return replace(
        config,
        flows=flows,
        clusters={each.alias: each for flow in flows for each in (flow.source, flow.target)},
        warnings=(*config.warnings, *(Warned("", words) for words in wrong)),
    )
