"""A cluster in memory whose flow is not free, for tests of what must not run beside MirrorMaker 2."""

from fake_cluster import FakeCluster


class Occupied(FakeCluster):
    """Has a running MirrorMaker 2 in the flow's group."""

    def _describe_groups(self, body, version):
        values = super()._describe_groups(body, version)
        member = {
            "member_id": "m-1",
            "group_instance_id": None,
            "client_id": "connect-1",
            "client_host": "/10.0.0.7",
            "member_metadata": b"",
            "member_assignment": b"",
        }
        for row in values["groups"]:
            if row["group_id"] == "one-mm2":
                row.update(group_state="Stable", protocol_type="connect", members=[member])
        return values
