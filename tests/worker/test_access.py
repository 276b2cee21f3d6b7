"""Whether clusters let us in: an id, or nothing where none answers; what is refused, scenarios show on real brokers."""

import asyncio
from dataclasses import replace

import pytest

from fake_cluster import FakeCluster
from heliograph.worker.access import probe

pytestmark = pytest.mark.usefixtures("program_log")


def test_a_cluster_that_answers_tells_its_id():
    with FakeCluster("one") as fake:
        assert list(asyncio.run(probe([fake.config]))) == ["one"]
        assert "metadata" in fake.asked


def test_one_that_does_not_answer_is_told_and_taken(capsys):
    with FakeCluster("one") as fake:
        gone = replace(fake.config, bootstrap=(("127.0.0.1", 1),))
    assert asyncio.run(probe([gone])) == {"one": None}
    assert "a cluster does not answer with its new configuration" in capsys.readouterr().err
