"""What one configuration changes in another, and how far that reaches."""

from dataclasses import fields, replace
from pathlib import Path

from heliograph.config import changes
from heliograph.config.changes import Extent, changes_of, flow_change
from heliograph.config.load import OPTIONS, load
from heliograph.config.model import ClusterConfig, Config, FlowConfig, Sasl, Secret, SyncConfig

FILE = """
clusters = west, east
west.bootstrap.servers = 127.0.0.1:1
east.bootstrap.servers = 127.0.0.1:2
west->east.enabled = true
west->east.topics = orders
"""


def made(tmp_path: Path, more: str = "", *, less: str = "") -> Config:
    """Return the configuration of the file with more lines, and without some."""
    path = tmp_path / "mm2.properties"
    path.write_text(FILE.replace(less, "") + more)
    return load(path, environ={})


def test_every_field_of_a_flow_is_said_to_change_somehow() -> None:
    for kind, table, apart in (
        (FlowConfig, changes.FLOW_FIELDS, {"source", "target", "sync"}),
        (SyncConfig, changes.SYNC_FIELDS, set()),
        (ClusterConfig, changes.CLUSTER_FIELDS, set()),
    ):
        assert {each.name for each in fields(kind)} - apart == set(table)


def test_options_are_said_by_names_that_there_are() -> None:
    tables = (changes.FLOW_FIELDS, changes.SYNC_FIELDS, changes.CLUSTER_FIELDS)
    names = {option for table in tables for option, _ in table.values()} | set(changes._PROCESS_FIELDS.values())
    names |= set(changes._TOTAL_LIMIT_FIELDS.values())
    known = {option.name for option in OPTIONS.options}
    families = {"ssl.*", "sasl.*", "security.protocol"}
    assert names - known - families - {"name"} == set()
    assert all(any(name.startswith(family[:-1]) for name in known) for family in families)


def test_a_file_changes_nothing_in_itself(tmp_path: Path) -> None:
    assert not changes_of(made(tmp_path), made(tmp_path))


def test_what_changes_in_place_and_what_not(tmp_path: Path) -> None:
    old = made(tmp_path)
    more = """
west->east.topics.exclude = secret
west->east.replication.policy.separator = _
west->east.sync.group.offsets.enabled = true
west->east.sync.group.offsets.interval.seconds = 7
heliograph.http.listener = 127.0.0.1:9400
east.client.id = other
"""
    found = changes_of(old, made(tmp_path, more))
    assert found.process == ("heliograph.http.listener",)
    assert (found.begin, found.end) == ((), ())
    (flow,) = found.flows
    assert flow.options == {
        "topics.exclude": Extent.IN_PLACE,
        "replication.policy.separator": Extent.FLOW,
        "sync.group.offsets.interval.seconds": Extent.IN_PLACE,
        "east.client.id": Extent.IN_PLACE,
    }
    assert flow.starts_again == ("replication.policy.separator",)
    assert [cluster.alias for cluster in found.clusters] == ["east"]


def test_flows_begin_and_end(tmp_path: Path) -> None:
    old = made(tmp_path)
    new = made(tmp_path, "\neast->west.enabled = true\n", less="west->east.enabled = true")
    found = changes_of(old, new)
    assert [flow.name for flow in found.begin] == ["east->west"]
    assert [flow.name for flow in found.end] == ["west->east"]
    assert found.flows == ()


def test_other_credentials_are_a_change_that_shows_no_secret(tmp_path: Path) -> None:
    flow = made(tmp_path).flows[0]
    old, new = (
        replace(flow, target=replace(flow.target, sasl=Sasl("PLAIN", "anna", Secret(word)))) for word in ("one", "two")
    )
    found = flow_change(old, new)
    assert found.options == {"east.sasl.*": Extent.IN_PLACE}
    assert "two" not in repr(found.options)
