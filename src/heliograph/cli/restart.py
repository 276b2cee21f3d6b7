"""``heliograph restart FILE``: start a flow, a topic or a partition again, in good order, wherever it runs."""

import asyncio

from heliograph.cli.arguments import Json
from heliograph.cli.moves import Flow
from heliograph.cli.place import FileOrAddress, place_of
from heliograph.cli.steering import PartitionNumbers, Topics, order_of, told
from heliograph.observe.operations import RestartOrder


def restart(
    file: FileOrAddress,
    *,
    flow: Flow = None,
    topic: Topics = None,
    partition: PartitionNumbers = None,
    as_json: Json = False,
) -> int:
    """Start a flow, a topic or a partition again, in good order, wherever it runs.

    A partition that stands still after a loss goes on from there.

    Exit code 0: the running workers were told; 1: no worker runs.
    """
    order = order_of(topic, partition)
    place = place_of(file, flow)
    restart_order = RestartOrder(topics=order.topics, partitions=order.partitions)
    steered = asyncio.run(place.operations.restart(place.flows[0], restart_order))
    return told(steered, 0.0, as_json=as_json)
