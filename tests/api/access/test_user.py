"""By which names something may be allowed to a user."""

from heliograph.api.access.user import User


def test_his_own_and_those_of_his_groups():
    assert User("oidc:alice", ("oidc-group:ops",)).principals == ("oidc:alice", "oidc-group:ops")
