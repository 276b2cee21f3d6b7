"""``heliograph pause FILE``: stop copying a flow, a topic or a partition, until it is resumed."""

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow
from heliograph.cli.steering import Connectors, PartitionNumbers, Timeout, Topics, carried_out, order_of
from heliograph.offsets.valve import Verb


def pause(
    file: File,
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
    order = order_of(
        Verb.PAUSE, file, flow=flow, topics=topic, partitions=partition, connectors=connector, timeout_s=timeout
    )
    return carried_out(order, as_json=as_json)
