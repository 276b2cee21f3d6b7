"""What runs beside the flows ends with them, and its defect is not lost."""

import asyncio
import logging
from pathlib import Path

import pytest

from heliograph.config.load import make_config
from heliograph.config.properties import parse_properties
from heliograph.observe.control import Control
from heliograph.observe.model import FlowState
from heliograph.worker.supervisor import Supervisor

FILE = """clusters=one,two
one.bootstrap.servers=127.0.0.1:1
two.bootstrap.servers=127.0.0.1:2
one->two.enabled=true
"""


def supervise(*companions):
    """Run a process whose clusters do not answer until a companion stops it."""

    async def main():
        config = make_config(parse_properties(FILE.encode("latin-1"), Path("mm2.properties")), environ={})
        supervisor = Supervisor(config)

        async def stop(_control: Control) -> None:
            while not any(flow.state is FlowState.WAITING for flow in supervisor.view().flows):
                await asyncio.sleep(0)
            supervisor.stop()

        async with asyncio.timeout(30):
            await supervisor.run([*companions, stop])

    asyncio.run(main())


def test_a_companion_that_waits_for_ever_ends_with_the_process():
    ended = []

    async def wait(control: Control) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append([flow.name for flow in control.view().flows])

    supervise(wait)
    assert ended == [["one->two"]]


def test_the_defect_of_a_companion_leaves_the_flows_running_is_told_and_is_raised_at_the_end(caplog):
    async def fail(_control: Control) -> None:
        raise ZeroDivisionError("defect")

    caplog.set_level(logging.INFO, "heliograph")
    with pytest.raises(ZeroDivisionError, match="defect"):
        supervise(fail)
    told = [each.getMessage() for each in caplog.records]
    failed = "a part beside the flows has failed; copying goes on"
    assert told.index(failed) < told.index("stopping")
    assert caplog.records[told.index(failed)].fields["cause"] == "ZeroDivisionError('defect')"
