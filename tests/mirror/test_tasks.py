"""Partitions as tasks: each once, every worker's own, as many as are allowed."""

from hypothesis import given
from hypothesis import strategies as some

from heliograph.mirror.tasks import tasks_of

LANES = some.frozensets(some.tuples(some.sampled_from(["a", "b"]), some.integers(0, 30)), max_size=40)


def dealt(lanes: frozenset[tuple[str, int]], workers: int) -> dict[str, list[tuple[str, int]]]:
    return {f"w{number}": sorted(lanes)[number::workers] for number in range(workers)}


@given(LANES, some.integers(1, 5), some.integers(1, 12))
def test_each_partition_belongs_to_one_task_of_its_worker(lanes, workers, tasks_max):
    shares = dealt(lanes, workers)
    tasks = tasks_of(shares, tasks_max)
    assert sorted(lane for task in tasks for lane in task.lanes) == sorted(lanes)
    assert all(set(task.lanes) <= set(shares[task.worker]) and task.lanes for task in tasks)
    busy = sum(bool(each) for each in shares.values())
    assert busy <= len(tasks) <= max(tasks_max, busy)
    assert {task.worker for task in tasks} == {worker for worker, each in shares.items() if each}


@given(LANES, some.integers(1, 12))
def test_one_worker_has_as_many_as_are_allowed(lanes, tasks_max):
    assert len(tasks_of({"w": lanes}, tasks_max)) == min(len(lanes), tasks_max)


def test_a_workers_partitions_go_round():
    lanes = [("a", number) for number in range(5)]
    assert [task.lanes for task in tasks_of({"w": lanes}, 2)] == [
        (("a", 0), ("a", 2), ("a", 4)),
        (("a", 1), ("a", 3)),
    ]
