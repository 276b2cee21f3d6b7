"""``heliograph pause FILE``: stop copying a flow, a topic or a partition, until it is resumed."""

import asyncio

from heliograph.cli.arguments import Json
from heliograph.cli.moves import Flow
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.cli.steering import Connectors, PartitionNumbers, Timeout, Topics, order_of, told


def pause(
    file: FileOrAddress,
    *,
    flow: Flow = None,
    topic: Topics = None,
    partition: PartitionNumbers = None,
    connector: Connectors = None,
    timeout: Timeout = 30,
    as_json: Json = False,
) -> int:
    """Stop copying a flow, a topic or a partition, until it is resumed.

    It holds whether or not a worker runs, and survives restarts.

    Exit code 0: all that was named is copied by nobody any more; 1: not within --timeout.
    """
    order = order_of(topic, partition, connector, timeout)
    place = place_of(file, flow)
    steered = asyncio.run(place.operations.pause(place.flows[0], order))
    return told(steered, timeout, as_json=as_json)
