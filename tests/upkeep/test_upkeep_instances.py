"""The look at other instances through their groups on the target."""

from typing import ClassVar

import pytest
from kio.schema.errors import ErrorCode

from between import between
from configs import flow_config, sync_config
from fake_cluster import FakeCluster
from heliograph.config.told import tell
from heliograph.errors import HeliographError
from heliograph.mirror.group_messages import LeaderSays, MemberSays, encode_leader, encode_member
from heliograph.mirror.instances import Duty
from heliograph.upkeep import instances
from heliograph.upkeep.instances import Instances

ALL = frozenset(Duty)


class Groups(FakeCluster):
    """Has instances of ours: by group the flow, its partitions, and the group's state."""

    instances: ClassVar[dict] = {}
    changed: ClassVar[dict] = {}
    """What they are from the second description on."""
    refused = False
    looks = 0

    def _list_groups(self, body, version):
        values = super()._list_groups(body, version)
        if self.refused:
            values["error_code"] = ErrorCode.cluster_authorization_failed
        for group in self.instances:
            values["groups"] += (
                {"group_id": group, "protocol_type": "heliograph", "group_state": "", "group_type": "classic"},
            )
        return values

    def _describe_groups(self, body, version):
        values = super()._describe_groups(body, version)
        self.looks += 1
        now = self.instances | (self.changed if self.looks > 1 else {})
        for row in values["groups"]:
            if now.get(row["group_id"]) is not None:
                flow, lanes, state = now[row["group_id"]]
                says = MemberSays(config=flow.digest, options=tell(flow))
                member = {
                    "member_id": "m",
                    "group_instance_id": None,
                    "client_id": "c",
                    "client_host": "/10.0.0.7",
                    "member_metadata": encode_member(says) if state == "Stable" else b"",
                    "member_assignment": encode_leader(LeaderSays(frozenset(lanes)), "m") if state == "Stable" else b"",
                }
                row.update(group_state=state, protocol_type="heliograph", members=[member])
        return values


def other(**changes):
    return flow_config("one", "two", **changes)


@pytest.fixture
def look():
    """Look with the group ``m``; returns the duties, whether a heartbeats topic is left, and the log's messages."""

    def run(there, *, times=1, changed=None, refused=False, **changes):
        fields = {"instances": there, "changed": changed or {}, "refused": refused}
        with FakeCluster("one") as source, type("Target", (Groups,), fields)("two") as target:

            async def work(flow):
                found = Instances(flow.config, flow.target, flow.log)
                for _ in range(times):
                    await found.look()
                return found.duties, found.leaves("heartbeats"), found.leaves("orders"), flow.log.messages

            return between(source, target, work, group_id="m", **changes)

    return run


def test_nobody_else(look):
    assert look({}) == (ALL, False, False, [])


def test_one_with_an_earlier_name_does_it(look):
    told = ["another instance copies and writes heartbeats"]
    assert look({"a": (other(), [], "Stable")}) == (frozenset(), True, False, told)
    assert look({"z": (other(), [], "Stable")}) == (ALL, False, False, [])


def test_one_that_copies_them_goes_on(look):
    assert look({"z": (other(), [("heartbeats", 0)], "Stable")})[0] == frozenset()


def test_what_is_its_own_is_seen_in_its_own_group(look):
    there = {"a": (other(), [], "Stable"), "m": (other(), [("heartbeats", 0)], "Stable")}
    assert look(there)[0] == ALL


def test_instances_of_other_flows_do_not_matter(look):
    assert look({"a": (flow_config("three", "two"), [("heartbeats", 0)], "Stable")})[0] == ALL


def test_when_the_other_ends_it_is_taken_over(look):
    duties, _, _, told = look({"a": (other(), [], "Stable")}, times=2, changed={"a": None})
    assert duties == ALL
    assert told == ["another instance copies and writes heartbeats", "heartbeats are copied and written here"]


def test_a_group_that_is_not_at_rest_is_waited_for(look):
    there, then = {"a": (other(), [], "PreparingRebalance")}, {"a": (other(), [], "Stable")}
    assert look(there, changed=then)[0] == frozenset()


def test_one_that_never_comes_to_rest_is_not_waited_for_long(look, monkeypatch):
    monkeypatch.setattr(instances, "REST_S", 0.0)
    assert look({"a": (other(), [], "PreparingRebalance")})[0] == ALL


def test_what_this_one_does_not_want_is_not_left_to_others(look):
    off = sync_config(heartbeats_interval_s=None, reverse_heartbeats_interval_s=None)
    assert look({"a": (other(), [], "Stable")}, sync=off, replicate_heartbeats=False) == (frozenset(), False, False, [])


def test_where_groups_may_not_be_listed_nothing_changes(look):
    with pytest.raises(HeliographError):
        look({"a": (other(), [], "Stable")}, refused=True)
