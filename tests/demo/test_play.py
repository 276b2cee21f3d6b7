"""What the demo counts and says, without its clusters."""

import os

import pytest

from heliograph.demo import play, sample
from heliograph.demo.play import Copying, Narrator, Outcome, Play
from heliograph.demo.proof import Proved
from heliograph.errors import HeliographError

ORDERS = 10


class Arrivals:
    """Counts one more at each look, up to a number."""

    def __init__(self, most):
        self.seen, self.most = 0, most

    def count(self):
        self.seen = min(self.seen + 1, self.most)
        return self.seen


class Replicator:
    """Runs, and says something."""

    pid = os.getpid()

    def check(self):
        return None

    def last_line(self):
        return "waiting for a cluster"


@pytest.fixture
def waited(monkeypatch):
    """Wait for all records of a play while ``most`` arrive."""
    monkeypatch.setattr(play, "LOOK_S", 0.0)
    monkeypatch.setattr(play, "STILL_S_MAX", 0.05)

    def run(most):
        narrator = Narrator(quiet=True)
        with Play(ORDERS, narrator) as one, narrator.bars() as shown:
            one._replicator = Replicator()
            return one._wait_for_all(Arrivals(most), shown)

    return run


def test_it_waits_for_the_records_of_both_topics(waited):
    copying = waited(ORDERS + sample.PRODUCTS)
    assert 0 < copying.first_s <= copying.all_s
    assert copying.cpu_s > 0


def test_records_that_do_not_come_end_it_with_the_replicators_last_words(waited):
    with pytest.raises(HeliographError, match=r"Only 14 of 15 records arrived; heliograph says: waiting for a cluster"):
        waited(ORDERS + sample.PRODUCTS - 1)


def test_an_outcome_counts_what_was_compared():
    proofs = tuple(
        Proved(pair, records, records * 100, "ab", "ab") for pair, records in zip(play.PAIRS, (5, 10), strict=True)
    )
    outcome = Outcome("4.3.1", Copying(0.5, 2.0, 1.0), proofs)
    assert (outcome.records, outcome.size_bytes, outcome.bytes_per_s) == (15, 1_500, 750.0)
    assert [pair.copy for pair in play.PAIRS] == ["source.products", "source.orders"]


def test_a_quiet_narrator_leaves_the_output_to_the_document(capsys):
    for quiet in (True, False):
        narrator = Narrator(quiet=quiet)
        narrator.title("1  Clusters")
        narrator.say("source")
    assert capsys.readouterr().out == "1  Clusters\n   source\n"
