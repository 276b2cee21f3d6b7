"""What Heliograph wants to reach, and whether it did: pure arithmetic over the results.

A goal is a ratio to a rival or a limit. A figure that was not measured has no verdict.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from contenders import FRANZ, HELIOGRAPH, MM2, MM2_QUICK, MM2_TUNED
from measure import Flow
from results import LoadResult, Results, median_flow

LARGE = ("json-lz4", "json-snappy", "json-zstd", "json-gzip")
SMALL, SMALL_LZ4 = ("ones", "tens"), ("ones-lz4", "tens-lz4")

CPU_BELOW_TUNED = {
    **dict.fromkeys(LARGE, 25.0),
    "raw": 15.0,
    **dict.fromkeys(SMALL, 15.0),
    **dict.fromkeys(SMALL_LZ4, 8.0),
}
"""How many times less CPU than tuned MirrorMaker 2."""

CPU_BELOW_FRANZ = {
    "raw": 2.0,
    "json-lz4": 5.0,
    "json-snappy": 5.0,
    "json-zstd": 12.0,
    **dict.fromkeys(SMALL, 2.5),
    **dict.fromkeys(SMALL_LZ4, 1.5),
}
"""How many times less CPU than the mirror on franz-go."""

WALL_BELOW_TUNED = 3.0
MEMORY_BELOW_FRANZ = 3.0
FLOOR_TIMES_MAX = 3.0
MEMORY_MB_MAX = 120.0
START_S_MAX = 2.0
IDLE_PERCENT_MAX = 0.5
MANY_START_S_MAX = 5.0
MANY_MEMORY_MB_MAX = 200.0
STARVED_S = 3.0
LATENCY_SHARE_MAX = {"p50": 1 / 3, "p99": 1 / 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One goal and what came of it."""

    what: str
    """The load and the figure."""
    ours: str
    """Heliograph's figure, with its unit."""
    theirs: str
    """The rival's name and figure, or nothing for a limit."""
    reached: str
    """The ratio, where there is one."""
    goal: str
    """In words."""
    met: bool
    """Whether it was reached."""


def findings(results: Results) -> list[Finding]:
    """Judge everything that was measured."""
    found: list[Finding] = []
    for result in results.loads:
        found += _of_load(result)
    return [*found, *_memory(results), *_quiet(results), *_latency(results), *_many(results)]


def _ratio(
    what: str, ours: float, rival: tuple[str, float], goal: float, *, unit: str = "s", verb: str = "less"
) -> Finding:
    """Judge "at least ``goal`` times less than a rival"."""
    name, theirs = rival
    times = theirs / ours if ours else float("inf")
    sizes = f"{ours:.3g} {unit}", f"{name} {theirs:.3g} {unit}"
    return Finding(what, *sizes, f"{times:.1f} times {verb}", f"at least {goal:g}", times >= goal)


def _limit(what: str, ours: float, limit: float, unit: str) -> Finding:
    return Finding(what, f"{ours:.3g} {unit}", "", "", f"under {limit:g} {unit}", ours < limit)


def _medians(result: LoadResult) -> dict[str, Flow]:
    return {name: median_flow(flows) for name, flows in result.flows.items() if flows}


def _of_load(result: LoadResult) -> Iterator[Finding]:
    """Judge CPU, wall time and memory of one load."""
    name, title = result.load.name, result.load.title
    medians = _medians(result)
    ours = medians.get(HELIOGRAPH)
    if ours is None:
        return
    if tuned := medians.get(MM2_TUNED):
        goal = CPU_BELOW_TUNED.get(name)
        if goal:
            yield _ratio(f"{title}: CPU", ours.cpu_s, (MM2_TUNED, tuned.cpu_s), goal)
        yield _ratio(f"{title}: time", ours.wall_s, (MM2_TUNED, tuned.wall_s), WALL_BELOW_TUNED, verb="faster")
    if rival := medians.get(FRANZ):
        goal = CPU_BELOW_FRANZ.get(name)
        if goal:
            yield _ratio(f"{title}: CPU", ours.cpu_s, (FRANZ, rival.cpu_s), goal)
        memory = FRANZ, rival.memory_mb
        yield _ratio(f"{title}: memory", ours.memory_mb, memory, MEMORY_BELOW_FRANZ, unit="MB")
    if name == "raw" and result.floor:
        times = ours.cpu_s / result.floor.cpu_s
        sizes = f"{ours.cpu_s:.3g} s", f"bare relay {result.floor.cpu_s:.3g} s"
        goal_words = f"at most {FLOOR_TIMES_MAX:g}"
        yield Finding(f"{title}: CPU", *sizes, f"{times:.1f} times the floor", goal_words, times <= FLOOR_TIMES_MAX)


def _memory(results: Results) -> Iterator[Finding]:
    """Judge the peak over all loads and repetitions."""
    peaks = [flow.memory_mb for result in results.loads for flow in result.flows.get(HELIOGRAPH, [])]
    if peaks:
        yield _limit("peak memory over all loads", max(peaks), MEMORY_MB_MAX, "MB")


def _quiet(results: Results) -> Iterator[Finding]:
    ours = results.quiet.get(HELIOGRAPH)
    if ours:
        yield _limit("first record on existing topics, from process start", ours.start_s, START_S_MAX, "s")
        yield _limit("idle, 4 partitions", ours.idle_percent, IDLE_PERCENT_MAX, "% of a core")


def _latency(results: Results) -> Iterator[Finding]:
    """Judge against MirrorMaker 2 with its defaults, and again with no linger."""
    ours = {each.rate: each.percentiles_ms for each in results.latency.get(HELIOGRAPH, [])}
    for name in (MM2, MM2_QUICK):
        for rival in results.latency.get(name, []):
            for point, share_max in LATENCY_SHARE_MAX.items():
                if rival.rate in ours:
                    what = f"latency at {rival.rate:,} records/s, {point}"
                    theirs = name, rival.percentiles_ms[point]
                    yield _ratio(what, ours[rival.rate][point], theirs, 1 / share_max, unit="ms")


def _many(results: Results) -> Iterator[Finding]:
    ours = results.many.get(HELIOGRAPH)
    if ours:
        yield _limit("2,000 partitions: all busy ones copied, from process start", ours.start_s, MANY_START_S_MAX, "s")
        yield _limit("2,000 partitions: memory", ours.memory_mb, MANY_MEMORY_MB_MAX, "MB")
        yield _limit("2,000 partitions: longest silence of a busy one", ours.silence_s, STARVED_S, "s")


def relation(results: Results, rival: str, what: str) -> float | None:
    """Return the geometric mean over all loads of a rival's figure by ours; None when nothing was measured twice."""
    ratios = []
    for result in results.loads:
        medians = _medians(result)
        if HELIOGRAPH in medians and rival in medians:
            ratios.append(getattr(medians[rival], what) / max(getattr(medians[HELIOGRAPH], what), 1e-9))
    return statistics.geometric_mean(ratios) if ratios else None
