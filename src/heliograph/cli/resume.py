"""``heliograph resume FILE``: go on with a flow, a topic or a partition that was paused."""

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow
from heliograph.cli.steering import Connectors, PartitionNumbers, Timeout, Topics, carried_out, order_of
from heliograph.offsets.valve import Verb


def resume(
    file: File,
    *,
    flow: Flow = None,
    topic: Topics = None,
    partition: PartitionNumbers = None,
    connector: Connectors = None,
    timeout: Timeout = 30,
    as_json: Json = False,
) -> int:
    """Go on with a flow, a topic or a partition that was paused.

    Works whether or not a worker runs.

    Exit code 0: workers have all that was named, or none runs; 1: not within --timeout.
    """
    order = order_of(
        Verb.RESUME, file, flow=flow, topics=topic, partitions=partition, connectors=connector, timeout_s=timeout
    )
    return carried_out(order, as_json=as_json)
