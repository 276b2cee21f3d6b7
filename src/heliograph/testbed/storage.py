"""The storage of KRaft brokers, formatted before their first start (KIP-595, KIP-631).

``kafka-storage format`` writes two files. ``bootstrap.checkpoint`` holds the first metadata records: feature levels
and SCRAM users. It is the same for all nodes, and without users for all clusters of a version, so it is kept in the
cache. ``meta.properties`` names the node and the cluster. With both at hand no JVM has to run for either.
"""

import base64
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from heliograph.errors import HeliographError
from heliograph.testbed.artifacts import cache_folder
from heliograph.testbed.layout import MECHANISMS, Node
from heliograph.testbed.processes import run_to_end
from heliograph.testbed.releases import KafkaVersion
from heliograph.testbed.servers import JavaProgram
from heliograph.testbed.tools import QUIET_TOOLS, TOOL_LIMIT_S, main_class

CHECKPOINT, NAMES = "bootstrap.checkpoint", "meta.properties"
"""What the tool writes."""


def format_storage(
    nodes: Sequence[Node], version: KafkaVersion, program: JavaProgram, scram_users: Mapping[str, str]
) -> None:
    """Format new storage; a node that has a cluster's already keeps it.

    ``scram_users`` are users and passwords for all SCRAM mechanisms. Raises HeliographError.
    """
    new = [node for node in nodes if not (_data(node) / NAMES).exists()]
    if not new:
        return
    first, *others = new
    cluster_id = _random_id()
    kept = cache_folder() / "formatted" / str(version)
    if scram_users:
        _format(first, cluster_id, version, program, scram_users)
    elif kept.exists():
        _copy(kept, first, cluster_id)
    else:
        _format(first, cluster_id, version, program, {})
        _keep(_data(first), kept)
    for node in others:
        _copy(_data(first), node, cluster_id)


def _data(node: Node) -> Path:
    return node.folder / "data"


def _random_id() -> str:
    """Return a random id as Kafka writes it, without a minus sign: at the start it would look like an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _format(
    node: Node, cluster_id: str, version: KafkaVersion, program: JavaProgram, scram_users: Mapping[str, str]
) -> None:
    """Have Apache's tool format one node's storage."""
    scram = [
        word
        for user, password in scram_users.items()
        for mechanism in MECHANISMS[1:]
        for word in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
    ]
    command = program.command(
        main_class("kafka-storage", program.class_path),
        *("format", "-t", cluster_id, "-c", str(node.folder / "server.properties"), *scram),
        jvm_options=QUIET_TOOLS,
    )
    outcome = run_to_end(command, timeout_s=TOOL_LIMIT_S)
    if outcome.exit_code:
        raise HeliographError(
            f"The storage of Kafka {version} cannot be formatted: {outcome.stderr.strip()[-500:]}",
            remedy="Check the server properties that were given",
        )


def _copy(origin: Path, node: Node, cluster_id: str) -> None:
    """Copy storage to a node, under its own names."""
    names = {"node.id": str(node.node_id), "cluster.id": cluster_id, "directory.id": _random_id()}
    text = (origin / NAMES).read_text(encoding="latin-1")
    for name, value in names.items():
        text = re.sub(rf"(?m)^{re.escape(name)}=.*$", f"{name}={value}", text)
    _data(node).mkdir()
    if (origin / CHECKPOINT).exists():
        shutil.copyfile(origin / CHECKPOINT, _data(node) / CHECKPOINT)
    (_data(node) / NAMES).write_text(text, encoding="latin-1")


def _keep(formatted: Path, kept: Path) -> None:
    """Keep what the tool wrote, whole or not at all; another process may do the same."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=kept.parent))
    try:
        for name in (CHECKPOINT, NAMES):
            if (formatted / name).exists():
                shutil.copyfile(formatted / name, part / name)
        part.chmod(0o755)
        try:
            os.rename(part, kept)  # noqa: PTH104 - onto a folder that is there it fails, as it should
        except OSError:
            if not kept.exists():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
