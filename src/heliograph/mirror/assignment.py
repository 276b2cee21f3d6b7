"""Who copies which partitions, where several workers share a flow. Pure: whoever asks twice gets the same answer.

Three rules, in this order. A lane that somebody has stays with him as long as the work is shared evenly enough, so that
a worker who comes or goes disturbs few. A lane that nobody has goes to the worker with the least to do. And where one
worker has clearly more to do than another, as few lanes as will do move over.

What a lane costs is measured: bytes per second and records per second count the same, and each lane costs a little for
being there. Where hardly anything flows, nothing but the number of lanes counts, so that chance moves nothing.

A lane never has two owners. It is taken from one worker in one generation of the group, and given to the other in a
later one, when the first no longer claims it (KIP-429 calls that cooperative).
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

TopicPartition = tuple[str, int]

IDLE_BYTES_S = 64 << 10
"""A flow with less than this is shared by the number of lanes alone, unless it has many small records."""
IDLE_RECORDS_S = 200.0
COUNT_SHARE = 0.1
"""Part of what a lane costs that is the same for all."""
UNEVEN = 0.2
"""Lanes move where a worker has so much more than its share, as a part of it."""
EVEN = 0.05
"""They move until nobody has more than that above its share."""
LEAST_GAIN = 1e-6
"""A move that gains less, as a part of a share, is a rounding error."""


@dataclass(frozen=True, slots=True)
class Load:
    """What flows through one lane."""

    bytes_s: float
    records_s: float


@dataclass(frozen=True, slots=True)
class Claims:
    """What a worker says it has when it joins."""

    lanes: frozenset[TopicPartition] = frozenset()
    able: bool = True
    """False: it cannot reach the source, and gives its lanes to others while any can."""
    takes: bool = True
    """False: it has another configuration, so it keeps what it has and is given nothing more, while others can be."""
    generation: int = -1
    """The group's generation in which it was given them."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What each worker is given."""

    granted: Mapping[str, frozenset[TopicPartition]]
    """By worker, for every worker: what it may copy from now on. What it has beyond that it gives up."""
    moving: Mapping[TopicPartition, str]
    """Lanes that are to go to a worker once the one that has them has given them up."""


def share(
    workers: Mapping[str, Claims],
    lanes: Collection[TopicPartition],
    loads: Mapping[TopicPartition, Load],
    workers_max: int | None = None,
) -> Shares:
    """Share ``lanes`` among ``workers``, of whom at most ``workers_max`` get any.

    ``loads`` has what was measured, also of lanes that nobody has at the moment.
    """
    owners = _owners(workers)
    costs = _costs(lanes, loads)
    chosen = _chosen(workers, owners, costs, workers_max)
    wanted = _wanted(chosen, frozenset(each for each in chosen if workers[each].takes), owners, costs)
    granted: dict[str, set[TopicPartition]] = {worker: set() for worker in workers}
    moving: dict[TopicPartition, str] = {}
    for lane, worker in wanted.items():
        if owners.get(lane, worker) == worker and not _claimed_by_another(workers, lane, worker):
            granted[worker].add(lane)
        else:
            moving[lane] = worker
    return Shares({worker: frozenset(each) for worker, each in granted.items()}, moving)


def _claimed_by_another(workers: Mapping[str, Claims], lane: TopicPartition, worker: str) -> bool:
    return any(lane in claims.lanes for each, claims in workers.items() if each != worker)


def _owners(workers: Mapping[str, Claims]) -> dict[TopicPartition, str]:
    """Say who has each lane; of two that claim one, the one to whom it was given last."""
    owners: dict[TopicPartition, str] = {}
    for worker in sorted(workers, key=lambda each: (workers[each].generation, each)):
        owners.update(dict.fromkeys(workers[worker].lanes, worker))
    return owners


def _costs(lanes: Collection[TopicPartition], measured: Mapping[TopicPartition, Load]) -> dict[TopicPartition, float]:
    """Return what each of ``lanes`` costs, as a part of the whole; a lane that was not measured costs the mean."""
    loads = {lane: measured.get(lane) for lane in sorted(lanes)}
    known = [each for each in loads.values() if each is not None]
    total_bytes, total_records = sum(each.bytes_s for each in known), sum(each.records_s for each in known)
    even = 1.0 / max(1, len(loads))
    if total_bytes < IDLE_BYTES_S and total_records < IDLE_RECORDS_S:
        return dict.fromkeys(loads, even)
    mean = Load(total_bytes / len(known), total_records / len(known))
    strangers = len(loads) - len(known)
    total_bytes += mean.bytes_s * strangers
    total_records += mean.records_s * strangers

    def cost(load: Load) -> float:
        flows = load.bytes_s / max(total_bytes, 1e-9) + load.records_s / max(total_records, 1e-9)
        return COUNT_SHARE * even + (1 - COUNT_SHARE) * flows / 2

    return {lane: cost(load or mean) for lane, load in loads.items()}


def _chosen(
    workers: Mapping[str, Claims],
    owners: Mapping[TopicPartition, str],
    costs: Mapping[TopicPartition, float],
    workers_max: int | None,
) -> list[str]:
    """Return the workers that get lanes: those who have most of them, where there may not be so many."""
    able = [worker for worker in sorted(workers) if workers[worker].able] or sorted(workers)
    if workers_max is None or len(able) <= workers_max:
        return able
    has = dict.fromkeys(workers, 0.0)
    for lane, cost in costs.items():
        if lane in owners:
            has[owners[lane]] += cost
    return sorted(sorted(able, key=lambda each: (-has[each], each))[: max(1, workers_max)])


def _wanted(
    workers: Iterable[str],
    takers: frozenset[str],
    owners: Mapping[TopicPartition, str],
    costs: Mapping[TopicPartition, float],
) -> dict[TopicPartition, str]:
    """Say where each lane should be; only ``takers`` are given any, unless there are none."""
    plates = {worker: _Plate(worker) for worker in workers}
    takers = takers or frozenset(plates)
    if not plates:
        return {}
    free: list[tuple[float, TopicPartition]] = []
    for lane, cost in costs.items():
        plate = plates.get(owners.get(lane, ""))
        if plate is None:
            free.append((-cost, lane))
        else:
            plate.lanes.append((cost, lane))
            plate.cost += cost
    for plate in plates.values():
        plate.lanes.sort()
    heap = [(plate.cost, plate.worker) for plate in plates.values() if plate.worker in takers]
    heapq.heapify(heap)
    for minus_cost, lane in sorted(free):
        _, worker = heap[0]
        plates[worker].add(-minus_cost, lane)
        heapq.heapreplace(heap, (plates[worker].cost, worker))
    _even_out(list(plates.values()), takers)
    return {lane: plate.worker for plate in plates.values() for _, lane in plate.lanes}


@dataclass(slots=True)
class _Plate:
    """What one worker is to do."""

    worker: str
    cost: float = 0.0
    lanes: list[tuple[float, TopicPartition]] = field(default_factory=list)
    """Sorted by cost."""

    def add(self, cost: float, lane: TopicPartition) -> None:
        insort(self.lanes, (cost, lane))
        self.cost += cost

    def take(self, least: float, most: float) -> tuple[float, TopicPartition] | None:
        """Take away the lane whose cost is nearest to the middle of what would help; None: no lane helps."""
        if not self.lanes:
            return None
        at = bisect_left(self.lanes, ((least + most) / 2,))
        around = [each for each in self.lanes[max(0, at - 1) : at + 1] if least < each[0] < most]
        if not around:
            return None
        best = min(around, key=lambda each: (abs(each[0] - (least + most) / 2), each[1]))
        del self.lanes[bisect_left(self.lanes, best)]
        self.cost -= best[0]
        return best


def _even_out(plates: list[_Plate], takers: frozenset[str]) -> None:
    """Move lanes from who has most to the taker who has least, where somebody has clearly more than his share."""
    fair = sum(plate.cost for plate in plates) / len(plates)
    least = fair * LEAST_GAIN
    lows = [plate for plate in plates if plate.worker in takers]
    idle = any(not plate.lanes for plate in lows) and any(len(plate.lanes) > 1 for plate in plates)
    if max(plate.cost for plate in plates) <= fair * (1 + UNEVEN) + least and not idle:
        return
    # Those that have most first; one that cannot be helped, as a single lane makes it so full, is left as it is.
    stuck: set[str] = set()
    while True:
        low = min(lows, key=lambda each: (each.cost, each.worker))
        full = [plate for plate in plates if plate.worker not in stuck and plate.cost > fair * (1 + EVEN)]
        if not full:
            return
        high = max(full, key=lambda each: (each.cost, each.worker))
        taken = high.take(least, high.cost - low.cost - least)
        if taken is None:
            stuck.add(high.worker)
        else:
            low.add(*taken)
