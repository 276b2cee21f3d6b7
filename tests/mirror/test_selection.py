from dataclasses import replace

import pytest

from configs import flow_config
from heliograph.config.model import Policy
from heliograph.mirror.selection import selection_of

FLOW = flow_config(topics_exclude=(r"mm2.*\.internal", r".*\.replica", "__.*"))
INTERNAL = "internal topic, never mirrored"


@pytest.mark.parametrize(
    ("changes", "topic", "selected", "reason"),
    [
        ({}, "orders", True, "included by .*"),
        ({}, "__x", False, INTERNAL),
        ({}, ".x", False, INTERNAL),
        ({}, "mm2-x.internal", False, INTERNAL),
        ({}, "A.checkpoints.internal", False, INTERNAL),
        ({}, "x.internal", True, "included by .*"),
        ({}, "x.replica", False, r"excluded by .*\.replica"),
        ({}, "B.t", False, "cycle: its name says that it came from the target B"),
        ({}, "C.B.t", False, "cycle: its name says that it came from the target B"),
        ({}, "A.t", False, "cycle: its name carries the source's own alias A"),
        ({}, "C.t", True, "included by .*"),
        ({}, "C.heartbeats", True, "heartbeats"),
        ({}, "B.heartbeats", False, "cycle: its name says that it came from the target B"),
        ({"topics": ("orders", "payments.*")}, "payments-eu", True, "included by payments.*"),
        ({"topics": ("orders", "payments.*")}, "orders-eu", False, "not included by topics"),
        ({"topics": ()}, "orders", False, "not included by topics"),
        ({"topics": ()}, "heartbeats", True, "heartbeats"),
        (
            {"topics": ("orders",), "topics_exclude": ("C.heartbeats",)},
            "C.heartbeats",
            False,
            "excluded by C.heartbeats",
        ),
        ({"topics": ("orders",), "topics_exclude": ("C.heartbeats",)}, "heartbeats", True, "heartbeats"),
        ({"topics": ("orders",)}, "device.heartbeats", True, "heartbeats"),
        (
            {"separator": "-", "topics_exclude": ("app-heartbeats",)},
            "app-heartbeats",
            False,
            "excluded by app-heartbeats",
        ),
        (
            {"policy": Policy.IDENTITY, "source_name": "", "separator": ""},
            "heartbeats",
            False,
            "its copy would mix with the target's own heartbeats",
        ),
        ({"policy": Policy.IDENTITY, "source_name": "", "separator": ""}, "orders", True, "included by .*"),
        ({"source_name": "x"}, "x.t", False, "cycle: its name carries the source's own alias x"),
        ({"topics": (), "replicate_heartbeats": False}, "heartbeats", False, "not included by topics"),
        ({"topics_exclude": ()}, "x.replica", True, "included by .*"),
        ({"topics_exclude": ()}, "mm2-offsets.A.internal", False, INTERNAL),
        ({"topics": ("a|b", "c"), "topics_exclude": ("b",)}, "b", False, "excluded by b"),
        ({"topics": ("a|b", "c"), "topics_exclude": ("b",)}, "a", True, "included by a|b"),
        ({"policy": Policy.IDENTITY}, "B.t", True, "included by .*"),
        ({"policy": Policy.IDENTITY}, "my-heartbeats", True, "included by .*"),
        ({"policy": Policy.IDENTITY}, "B.heartbeats", False, "cycle: its name says that it came from the target B"),
        (
            {"separator": "_", "internal_separator": "_"},
            "B_t",
            False,
            "cycle: its name says that it came from the target B",
        ),
        ({"separator": "_", "internal_separator": "_", "topics_exclude": ()}, "mm2-status.A.internal", False, INTERNAL),
    ],
)
def test_choice(changes, topic, selected, reason):
    selection = selection_of(replace(FLOW, **changes))
    assert (selection.selects(topic), selection.why(topic)) == (selected, reason)


@pytest.mark.parametrize(
    ("topics", "on_each"),
    [
        (("t",), {"t", "{x}.t", "{y}.t"}),
        ((".*",), {"t", "{x}.t", "{y}.t", "{x}.{y}.t", "{y}.{x}.t"}),
    ],
)
def test_a_mesh_of_three_comes_to_rest(topics, on_each):
    """With everything selected copies are copied on, once: nothing comes back to a cluster where it has been."""
    aliases = {"A", "B", "C"}
    selections = [
        selection_of(flow_config(source, target, topics=topics)) for source in aliases for target in aliases - {source}
    ]
    held = {alias: {"t"} for alias in aliases}
    for _ in range(10):
        for each in selections:
            naming = each.naming
            copies = {naming.remote_topic(topic) for topic in held[naming.source_alias] if each.selects(topic)}
            held[naming.target_alias] |= copies
    for alias in aliases:
        first, second = sorted(aliases - {alias})
        assert held[alias] == {name.format(x=first, y=second) for name in on_each}
