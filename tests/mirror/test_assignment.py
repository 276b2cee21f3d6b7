"""Lanes shared among workers: evenly, with few moves, and never with two owners."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from heliograph.mirror.assignment import Claims, Load, Shares, TopicPartition, share

MB = 1 << 20


def lanes_of(count: int, topic: str = "t") -> list[TopicPartition]:
    return [(topic, partition) for partition in range(count)]


def settle(
    workers: Mapping[str, Claims],
    lanes: list[TopicPartition],
    loads: Mapping[TopicPartition, Load] | None = None,
    workers_max: int | None = None,
) -> tuple[dict[str, Claims], int]:
    """Let generations pass, each worker claiming what it was granted, until nothing changes; says how many it took."""
    now = dict(workers)
    for generation in range(10):
        shares = share(now, lanes, loads or {}, workers_max)
        check_single_owner(now, shares)
        after = {worker: Claims(granted, generation=generation) for worker, granted in shares.granted.items()}
        if not shares.moving and {w: c.lanes for w, c in after.items()} == {w: c.lanes for w, c in now.items()}:
            return now, generation
        now = after
    raise AssertionError("it does not come to rest")


def settle_with(workers: Mapping[str, Claims], lanes: list[TopicPartition], others: set[str]):
    """Let generations pass; ``others`` have another configuration."""
    for generation in range(10):
        shares = share(workers, lanes, {})
        check_single_owner(workers, shares)
        workers = {
            worker: Claims(granted, takes=worker not in others, generation=generation)
            for worker, granted in shares.granted.items()
        }
        if not shares.moving and generation:
            return workers, generation
    raise AssertionError("it does not come to rest")


def check_single_owner(workers: Mapping[str, Claims], shares: Shares) -> None:
    """What is granted to one is claimed by nobody else, and granted to nobody else."""
    seen: set[TopicPartition] = set()
    for worker, granted in shares.granted.items():
        assert not seen & granted
        seen |= granted
        for other, claims in workers.items():
            assert other == worker or not granted & claims.lanes


def test_lanes_without_load_are_shared_by_number():
    found, _ = settle(dict.fromkeys("abc", Claims()), lanes_of(10))
    assert sorted(len(each.lanes) for each in found.values()) == [3, 3, 4]


def test_a_worker_that_comes_is_given_its_share_and_nothing_else_moves():
    lanes = lanes_of(12)
    before, _ = settle(dict.fromkeys("ab", Claims()), lanes)
    after, generations = settle({**before, "c": Claims()}, lanes)
    assert sorted(len(each.lanes) for each in after.values()) == [4, 4, 4]
    assert sum(len(before[each].lanes - after[each].lanes) for each in "ab") == 4
    assert generations <= 2


def test_a_worker_that_goes_leaves_its_lanes_to_those_with_the_least_to_do():
    lanes = lanes_of(12)
    before, _ = settle(dict.fromkeys("abc", Claims()), lanes)
    after, generations = settle({each: before[each] for each in "ab"}, lanes)
    assert [len(each.lanes) for each in after.values()] == [6, 6]
    assert all(before[each].lanes <= after[each].lanes for each in "ab")
    assert generations == 1


def test_what_a_lane_costs_is_measured():
    lanes = lanes_of(8)
    loads = {lane: Load(10 * MB, 1000) if lane[1] == 0 else Load(MB, 100) for lane in lanes}
    found, _ = settle(dict.fromkeys("ab", Claims()), lanes, loads)
    alone = next(each for each in found.values() if ("t", 0) in each.lanes)
    assert alone.lanes == {("t", 0)}, "it carries more than all others together"


def test_many_small_records_count_as_much_as_bytes():
    lanes = lanes_of(4)
    loads = dict(
        zip(lanes, [Load(10 * MB, 10), Load(10 * MB, 10), Load(1000, 50_000), Load(1000, 50_000)], strict=True)
    )
    found, _ = settle(dict.fromkeys("ab", Claims()), lanes, loads)
    for each in found.values():
        assert len(each.lanes & {("t", 0), ("t", 1)}) == 1
        assert len(each.lanes & {("t", 2), ("t", 3)}) == 1


def test_small_differences_move_nothing():
    lanes = lanes_of(8)
    loads = {lane: Load(MB * (1.1 if lane[1] < 4 else 1.0), 1000) for lane in lanes}
    workers = {"a": Claims(frozenset(lanes[:4]), generation=1), "b": Claims(frozenset(lanes[4:]), generation=1)}
    assert not share(workers, lanes, loads).moving


def test_where_hardly_anything_flows_chance_moves_nothing():
    lanes = lanes_of(8)
    loads = {lane: Load(1000.0 if lane[1] < 2 else 0.0, 1.0 if lane[1] < 2 else 0.0) for lane in lanes}
    workers = {"a": Claims(frozenset(lanes[:4]), generation=1), "b": Claims(frozenset(lanes[4:]), generation=1)}
    assert not share(workers, lanes, loads).moving


def test_a_lane_is_given_only_when_its_owner_has_let_go_of_it():
    lanes = lanes_of(2)
    first = share({"a": Claims(frozenset(lanes), generation=1), "b": Claims()}, lanes, {})
    ((moving, worker),) = first.moving.items()
    assert worker == "b"
    assert first.granted == {"a": frozenset(lanes) - {moving}, "b": frozenset()}
    second = share({"a": Claims(first.granted["a"], generation=2), "b": Claims(frozenset(), generation=2)}, lanes, {})
    assert second.granted["b"] == {moving}


def test_of_two_that_claim_a_lane_neither_gets_it_anew():
    """It cannot happen; should it, one lets go before the other is confirmed."""
    lanes = lanes_of(1)
    both = {"a": Claims(frozenset(lanes), generation=4), "b": Claims(frozenset(lanes), generation=5)}
    shares = share(both, lanes, {})
    assert shares.granted == {"a": frozenset(), "b": frozenset()}
    assert shares.moving == {lanes[0]: "b"}


def test_no_more_workers_than_allowed_get_lanes():
    lanes = lanes_of(12)
    found, _ = settle(dict.fromkeys("abcd", Claims()), lanes, workers_max=2)
    assert sorted(len(each.lanes) for each in found.values()) == [0, 0, 6, 6]
    one, _ = settle({**found, "e": Claims()}, lanes, workers_max=2)
    assert {each: claims.lanes for each, claims in one.items() if claims.lanes} == {
        each: claims.lanes for each, claims in found.items() if claims.lanes
    }, "who copies goes on"


def test_a_worker_that_cannot_reach_the_source_gives_everything_to_those_who_can():
    lanes = lanes_of(6)
    before, _ = settle(dict.fromkeys("abc", Claims()), lanes)
    cut_off = {**before, "b": Claims(before["b"].lanes, able=False, generation=9)}
    shares = share(cut_off, lanes, {})
    assert shares.granted["b"] == frozenset()
    assert set(shares.moving) == before["b"].lanes
    nobody = {worker: Claims(claims.lanes, able=False, generation=9) for worker, claims in before.items()}
    assert share(nobody, lanes, {}).granted == {worker: claims.lanes for worker, claims in before.items()}


def test_a_worker_with_another_configuration_keeps_what_it_has_and_gets_no_more():
    lanes = lanes_of(6)
    workers = {"a": Claims(frozenset(lanes[:2]), takes=False, generation=3), "b": Claims(), "c": Claims()}
    found, _ = settle_with(workers, lanes, {"a"})
    assert found["a"].lanes == frozenset(lanes[:2])
    assert [len(found[worker].lanes) for worker in "bc"] == [2, 2]
    alone, _ = settle_with({"a": Claims(takes=False)}, lanes, {"a"})
    assert alone["a"].lanes == frozenset(lanes), "there is nobody else"


def test_what_is_no_longer_wanted_is_given_up():
    shares = share({"a": Claims(frozenset(lanes_of(3)), generation=1)}, lanes_of(2), {})
    assert shares.granted == {"a": frozenset(lanes_of(2))}


def test_nobody_and_nothing():
    assert share({}, lanes_of(3), {}) == Shares({}, {})
    assert share({"a": Claims()}, [], {}) == Shares({"a": frozenset()}, {})


def test_ten_thousand_lanes_are_shared_at_once():
    lanes = [(f"topic-{number % 500}", number // 500) for number in range(10_000)]
    loads = {lane: Load(1000.0 + 37 * (hash(lane[1]) % 100), 10.0) for lane in lanes}
    before, _ = settle({"a": Claims()}, lanes, loads)
    after, generations = settle({**before, "b": Claims(), "c": Claims()}, lanes, loads)
    counts = sorted(len(each.lanes) for each in after.values())
    assert counts[0] > 3000
    assert generations <= 2


names = st.sampled_from(["a", "b", "c", "d", "e"])
keys = st.tuples(st.sampled_from(["t", "u", "v"]), st.integers(0, 12))
rates = st.floats(0, 1e9, allow_nan=False)


@st.composite
def situations(draw):
    lanes = draw(st.lists(keys, unique=True, max_size=40))
    workers = draw(st.lists(names, unique=True, min_size=1))
    pool = draw(st.permutations(draw(st.lists(keys, unique=True, max_size=40))))
    claims = {}
    for worker in workers:
        mine = draw(st.integers(0, len(pool)))
        claims[worker] = Claims(frozenset(pool[:mine]), generation=draw(st.integers(0, 3)))
        pool = pool[mine:]
    loads = draw(st.dictionaries(st.sampled_from(lanes), st.builds(Load, rates, rates))) if lanes else {}
    return claims, lanes, loads, draw(st.none() | st.integers(1, 4))


@given(situations())
def test_each_lane_is_somewhere_once_and_all_comes_to_rest_soon(situation):
    workers, lanes, loads, workers_max = situation
    first = share(workers, lanes, loads, workers_max)
    assert first == share(workers, list(reversed(lanes)), loads, workers_max), "the same answer, however it is asked"
    placed = [lane for each in first.granted.values() for lane in each] + list(first.moving)
    assert sorted(placed) == sorted(lanes), "each lane is granted or on its way, once"
    found, generations = settle(workers, lanes, loads, workers_max)
    assert generations <= 3
    assert sorted(lane for each in found.values() for lane in each.lanes) == sorted(lanes)
    if workers_max is not None:
        assert sum(bool(each.lanes) for each in found.values()) <= workers_max


@given(situations())
def test_no_single_move_would_make_an_uneven_share_better(situation):
    """Balance: nobody has 1.2 times the fair share and a lane whose move would help."""
    workers, lanes, loads, _ = situation
    found, _ = settle(workers, lanes, loads)
    if sum(each.bytes_s for each in loads.values()) or not lanes:
        return
    counts = [len(each.lanes) for each in found.values()]
    fair = len(lanes) / len(counts)
    assert max(counts) <= max(fair * 1.2, min(counts) + 1)
