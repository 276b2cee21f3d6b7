"""What MM2's keys for exactly-once delivery come to."""

import pytest

from heliograph.config.model import TransactionConfig
from heliograph.errors import ConfigError

ENABLED = "B.exactly.once.source.support=enabled\n"
MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("B.exactly.once.source.support=disabled", None),
        ("B.exactly.once.source.support=preparing", None),
        (ENABLED, TransactionConfig(None, MINUTE_MS)),
        (f"{ENABLED}A->B.exactly.once.support=required", TransactionConfig(None, MINUTE_MS)),
        (f"{ENABLED}A->B.transaction.boundary=poll", TransactionConfig(None, MINUTE_MS)),
        (f"{ENABLED}A->B.transaction.boundary=INTERVAL", TransactionConfig(10_000, MINUTE_MS)),
        (
            f"{ENABLED}A->B.transaction.boundary=interval\nB.offset.flush.interval.ms=45000",
            TransactionConfig(45_000, 75_000),
        ),
        (
            f"{ENABLED}A->B.transaction.boundary=interval\nA->B.transaction.boundary.interval.ms=250",
            TransactionConfig(250, MINUTE_MS),
        ),
    ],
)
def test_how_transactions_are_made(load_text, text, wanted):
    (flow,) = load_text(text).flows
    assert flow.transactions == wanted


def test_the_transactional_id_is_that_of_mm2s_first_task(load_text):
    (flow,) = load_text(f"{ENABLED}B.group.id=mine").flows
    assert flow.transactional_id() == "mine-MirrorSourceConnector-0"


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        (
            "A->B.exactly.once.support=required",
            "which is not switched on",
            "Set B.exactly.once.source.support=enabled",
        ),
        (
            f"{ENABLED}A->B.exactly.once.support=required\nA.consumer.isolation.level=read_uncommitted",
            "cannot be kept while records of aborted transactions are read",
            "isolation.level=read_committed",
        ),
        (f"{ENABLED}A->B.transaction.boundary=connector", "must be one of poll, interval", ""),
        (f"{ENABLED}A->B.transaction.boundary.interval.ms=0", "must be at least 1", ""),
    ],
)
def test_what_cannot_be_kept_is_refused(load_text, text, problem, remedy):
    with pytest.raises(ConfigError, match=problem) as refusal:
        load_text(text)
    assert remedy in refusal.value.remedy


def test_preparing_is_told_to_be_like_disabled(load_text):
    (warning,) = load_text("B.exactly.once.source.support=preparing").warnings
    assert warning.message.startswith("B.exactly.once.source.support is like disabled here")
