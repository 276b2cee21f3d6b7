"""``heliograph resume FILE``: go on with a flow, a topic or a partition that was paused."""

import asyncio

from heliograph.cli.arguments import Json
from heliograph.cli.moves import Flow
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.cli.steering import Connectors, PartitionNumbers, Timeout, Topics, order_of, told


def resume(
    file: FileOrAddress,
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
    order = order_of(topic, partition, connector, timeout)
    place = place_of(file, flow)
    steered = asyncio.run(place.operations.resume(place.flows[0], order))
    return told(steered, timeout, as_json=as_json)
