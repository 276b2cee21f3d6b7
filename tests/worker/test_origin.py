"""What a parent has given to a worker, taken out of its environment."""

import os
import socket

import pytest

from heliograph.worker.origin import INSTANCE_VARIABLE, SOCKET_VARIABLE, take_origin


def test_what_a_parent_has_given_is_taken_out_of_the_environment():
    ours, theirs = socket.socketpair()
    with ours:
        theirs.set_inheritable(True)
        environ = {"A": "b", SOCKET_VARIABLE: str(theirs.detach()), INSTANCE_VARIABLE: "host-12ab-3"}
        origin = take_origin(environ)
        assert origin is not None
        with origin.socket as taken:
            assert (origin.instance_id, origin.number) == ("host-12ab-3", "3")
            assert environ == {"A": "b"}
            assert not os.get_inheritable(taken.fileno())


@pytest.mark.parametrize("environ", [{}, {SOCKET_VARIABLE: "x", INSTANCE_VARIABLE: "a-1"}, {SOCKET_VARIABLE: "3"}])
def test_a_process_without_a_parent_has_no_origin(environ):
    assert take_origin(environ) is None
