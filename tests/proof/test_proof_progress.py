"""How far a proof is, as it tells itself."""

from types import SimpleNamespace

from heliograph.proof.progress import ProofProgress


def lane(topic, partition, first, following):
    source = SimpleNamespace(first=first, next=following)
    return SimpleNamespace(topic=topic, partition=partition, ends=SimpleNamespace(source=source))


def test_it_only_goes_on():
    seen = []
    progress = ProofProgress(lambda now: seen.append((now.done, now.total, now.read_bytes)))
    watch, one, two = progress.watch, lane("t", 0, 10, 30), lane("t", 1, 0, 5)
    watch.planned([one, two])
    watch.passed(one, 15)
    watch.read_bytes(100)
    watch.passed(one, 12)
    watch.passed(two, 99)
    watch.read_bytes(50)
    watch.proved(one, None)
    assert seen == [(0, 25, 0), (5, 25, 100), (10, 25, 150), (25, 25, 150)]
