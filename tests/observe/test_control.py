"""What the process can be asked and told, and that the supervisor can do all of it in the same words."""

import inspect

import pytest

from heliograph.observe.control import Control
from heliograph.worker.supervisor import Supervisor

COMMANDS = [name for name, _ in inspect.getmembers(Control, inspect.isfunction) if not name.startswith("_")]


def test_a_view_and_commands():
    assert COMMANDS == ["reload", "run_job", "set_log_level", "start_flow", "stop", "stop_flow", "view"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_supervisor_takes_what_the_protocol_promises(name):
    promised, done = getattr(Control, name), getattr(Supervisor, name)
    assert inspect.signature(done) == inspect.signature(promised)
    assert inspect.iscoroutinefunction(done) == inspect.iscoroutinefunction(promised)
