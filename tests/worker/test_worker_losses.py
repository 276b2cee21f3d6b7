"""Losses are counted for the life of the process, within bounds."""

from heliograph.config.model import LossKind
from heliograph.mirror.losses import Loss
from heliograph.observe.model import LossCount, LossView
from heliograph.worker.losses import COUNTERS_MAX, KEPT, Losses

RETENTION = Loss(LossKind.RETENTION, "t", 3, "A.t", 3, source_offsets=(10, 15), goes_on_at=15)


def test_each_loss_is_kept_and_counted_where_it_happened():
    losses = Losses(clock=lambda: 7.0)
    losses.add(RETENTION)
    losses.add(RETENTION)
    losses.add(Loss(LossKind.FOREIGN_WRITE, "t", 3, "A.t", 4, target_offsets=(2, 3)))
    assert losses.newest[0] == LossView("foreign-write", "A.t", 4, 2, 3, 7.0, None, on_target=True)
    assert losses.newest[1] == LossView("retention", "t", 3, 10, 15, 7.0, 15)
    assert losses.counts == (
        LossCount("foreign-write", "A.t", 4, times=1, offsets=1),
        LossCount("retention", "t", 3, times=2, offsets=10),
    )


def test_neither_list_nor_counters_grow_without_end():
    losses = Losses()
    for number in range(COUNTERS_MAX + 5):
        losses.add(Loss(LossKind.RETENTION, f"t{number}", 0, "A.t", 0, source_offsets=(0, 2)))
    assert len(losses.newest) == KEPT
    assert len(losses.counts) == COUNTERS_MAX + 1
    assert LossCount("retention", "", -1, times=5, offsets=10) in losses.counts
