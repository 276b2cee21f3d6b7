"""``heliograph restart FILE``: start a flow, a topic or a partition again, in good order, wherever it runs."""

from heliograph.cli.arguments import File, Json
from heliograph.cli.moves import Flow
from heliograph.cli.steering import PartitionNumbers, Topics, carried_out, order_of
from heliograph.offsets.valve import Verb


def restart(
    file: File,
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
    order = order_of(Verb.RESTART, file, flow=flow, topics=topic, partitions=partition)
    return carried_out(order, as_json=as_json)
