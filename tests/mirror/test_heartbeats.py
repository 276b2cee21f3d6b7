import pytest

from configs import flow_config, sync_config
from heliograph.mirror.formats import Heartbeat
from heliograph.mirror.heartbeats import Emitter, Side, emitters_of


@pytest.mark.parametrize(
    ("own", "reverse", "expected"),
    [
        (1.0, 2.0, (Emitter(Side.TARGET, "A", "B", 1.0), Emitter(Side.SOURCE, "B", "A", 2.0))),
        (1.0, None, (Emitter(Side.TARGET, "A", "B", 1.0),)),
        (None, 2.0, (Emitter(Side.SOURCE, "B", "A", 2.0),)),
        (None, None, ()),
    ],
)
def test_who_emits_where(own, reverse, expected):
    sync = sync_config(heartbeats_interval_s=own, reverse_heartbeats_interval_s=reverse)
    flow = flow_config(sync=sync)
    assert emitters_of(flow) == expected


def test_a_heartbeat_says_whose_it_is():
    assert Emitter(Side.SOURCE, "B", "A", 1.0).heartbeat(17) == Heartbeat("B", "A", 17)
