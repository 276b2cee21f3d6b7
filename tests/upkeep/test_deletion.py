"""A copy is deleted when everything speaks for it, and else stays."""

import uuid
from dataclasses import dataclass, field

import pytest
from kio.schema.errors import ErrorCode

from between import Noted, between
from fake_cluster import FakeCluster
from heliograph.mirror.deletions import LOOKS, Deletions
from heliograph.mirror.naming import naming_of
from heliograph.upkeep.deletion import DeletionJob

LEFT = ["left", "also-left"]


class Keeping(FakeCluster):
    """Deletes nothing, as with ``delete.topic.enable=false``."""

    def _delete_topics(self, body, _version):
        code = ErrorCode.topic_deletion_disabled
        return {"responses": [{"name": name, "error_code": code, "error_message": None} for name in body.topic_names]}


@dataclass
class Looked:
    answers: list[tuple[str, ...]] = field(default_factory=list)
    log: Noted = field(default_factory=Noted)
    topics: set[str] = field(default_factory=set)
    """Those of the target afterwards."""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def look():
    """Look until ``orders`` is gone often enough, and once more."""

    def run(*, prepare=lambda _source, _target: None, copy_id=None, other_source=False, target_type=FakeCluster):
        looked = Looked()
        with FakeCluster("one") as source, target_type("two") as target:
            made = target.create("one.orders")
            ids = [str(copy_id or made.topic_id)]
            prepare(source, target)

            async def work(flow):
                job = DeletionJob(flow.source, flow.target, Deletions(naming_of(flow.config)), looked.log)
                assert await job.look({}, ["orders", *LEFT]) == ()
                if other_source:
                    source.alias = "another"
                    await flow.source.refresh(None)
                for _ in range(LOOKS + 1):
                    await flow.target.refresh(None)
                    looked.answers.append(await job.look({"orders": ids}, LEFT))

            between(source, target, work)
            looked.topics, looked.asked = set(target.topics), target.asked
        return looked

    return run


def test_a_copy_is_deleted_once_its_topic_is_gone_for_good(look):
    looked = look()
    assert looked.answers[: LOOKS - 1] == [()] * (LOOKS - 1)
    assert looked.answers[LOOKS - 1] == ("orders",)
    assert looked.topics == set()
    assert looked.log.lines == [
        ("warning", "the copy is deleted, as its source topic is gone", {"topic": "one.orders"}),
    ]


@pytest.mark.parametrize(
    "case",
    [
        {"copy_id": uuid.UUID(int=7)},
        {"prepare": lambda source, _: source.create("orders")},
        {"other_source": True},
    ],
    ids=["another topic took its name", "the source only hides it", "the source is another cluster"],
)
def test_in_doubt_the_copy_stays(look, case):
    looked = look(**case)
    assert looked.answers == [()] * (LOOKS + 1)
    assert looked.topics == {"one.orders"}
    assert "delete_topics" not in looked.asked


def test_why_it_cannot_be_deleted_is_told_once(look):
    looked = look(target_type=Keeping)
    assert looked.answers == [()] * (LOOKS + 1)
    assert looked.asked.count("delete_topics") == 2, "it is tried again"
    ((level, message, fields),) = looked.log.lines
    assert (level, message) == ("error", "a copy whose source topic is gone cannot be deleted")
    assert fields["topic"] == "one.orders"
