"""Clusters in memory whose flow is not free: MirrorMaker 2 has it, or workers of ours."""

from itertools import zip_longest

from fake_cluster import FakeCluster


class Occupied(FakeCluster):
    """Has a running MirrorMaker 2 in the flow's group."""

    protocol_type, group_state = "connect", "Stable"
    assignments: tuple[bytes, ...] = (b"",)
    """Of each member."""
    static = False
    """Whether the members are, with the ids ``host-1`` and so on."""
    metadata: tuple[bytes, ...] = ()
    """What each member says; of those that are left, nothing."""

    def _describe_groups(self, body, version):
        values = super()._describe_groups(body, version)
        members = [
            {
                "member_id": f"m-{number}",
                "group_instance_id": f"host-{number}" if self.static else None,
                "client_id": f"connect-{number}",
                "client_host": f"/10.0.0.{6 + number}",
                "member_metadata": metadata,
                "member_assignment": assignment,
            }
            for number, (assignment, metadata) in enumerate(
                zip_longest(self.assignments, self.metadata, fillvalue=b""), 1
            )
        ]
        for row in values["groups"]:
            if row["group_id"] == "one-mm2":
                row.update(group_state=self.group_state, protocol_type=self.protocol_type, members=members)
        return values


def shared(*assignments: bytes, state: str = "Stable", metadata: tuple[bytes, ...] = ()) -> type[FakeCluster]:
    """Return a cluster whose flow workers of ours share, each with its assignment and what it said."""
    fields = {
        "protocol_type": "heliograph",
        "group_state": state,
        "assignments": assignments,
        "metadata": metadata,
    }
    return type("Shared", (Occupied,), fields)
