"""The map is held against a list of all records, which knows everything."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from heliograph.mirror.offset_map import OffsetMap, Span, Translation
from heliograph.mirror.runs import OffsetRun


def history(steps):
    """Make a history of single records as pairs of offsets from (records, hole, foreign) steps."""
    pairs, up, down = [], 0, 0
    for count, hole, foreign in steps:
        for _ in range(count):
            pairs.append((up, down))
            up, down = up + 1, down + 1
        up, down = up + hole, down + foreign
    return pairs


def right(pairs, upstream):
    """Return the target offset of the first record at or behind ``upstream``; the end where there is none."""
    at = bisect_left(pairs, (upstream, -1))
    return pairs[at][1] if at < len(pairs) else pairs[-1][1] + 1


STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.just(0)), min_size=1, max_size=30)
FOREIGN_STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=20)


def check_all(known, pairs):
    """No answer may be beyond the right one, and an exact one must be right."""
    for upstream in range(pairs[-1][0] + 4):
        found = known.translate(upstream)
        assert found.offset <= right(pairs, upstream), upstream
        if found.exact:
            assert found.offset == right(pairs, upstream), upstream
        else:
            assert found.span is not None or found.ahead


@given(steps=STEPS, data=st.data())
def test_acknowledgements_make_an_exact_map(steps, data):
    pairs = history(steps)
    known = OffsetMap()
    known.acknowledged(0, 0, 0)
    left = list(pairs)
    while left:
        size = data.draw(st.integers(1, 4))
        count = 1
        while count < min(size, len(left)) and left[count][0] == left[0][0] + count:
            count += 1
        known.acknowledged(*left[0], count)
        del left[:count]
    check_all(known, pairs)
    for upstream in range(pairs[-1][0] + 2):
        assert known.translate(upstream).exact
    for downstream in range(len(pairs)):
        found = known.inverse(downstream)
        assert (found.offset, found.exact) == (pairs[downstream][0], True)
    assert len(known) <= 1 + len({up - down for up, down in pairs})


@given(steps=STEPS, kept=st.sets(st.integers(0, 200)), runs_max=st.sampled_from([4, 7, 1000]))
def test_thinned_syncs_give_lower_bounds(steps, kept, runs_max):
    pairs = history(steps)
    known = OffsetMap(runs_max)
    for index, pair in enumerate(pairs):
        if index in kept or index == len(pairs) - 1:
            known.synced(*pair)
    assert len(known) <= runs_max
    check_all(known, pairs)
    for downstream in range(len(pairs)):
        found = known.inverse(downstream)
        assert found.offset <= pairs[downstream][0]
        passed_over = [up for up, _ in pairs[:downstream] if up >= found.offset]
        assert not (found.exact and passed_over)


@given(steps=FOREIGN_STEPS, runs_max=st.sampled_from([4, 9, 1000]))
def test_other_writers_make_no_answer_skip(steps, runs_max):
    pairs = history(steps)
    known = OffsetMap(runs_max)
    for pair in pairs:
        known.acknowledged(*pair, 1)
    for upstream in range(pairs[-1][0] + 2):
        assert known.translate(upstream).offset <= right(pairs, upstream)


def test_the_three_kinds_of_gaps():
    known = OffsetMap()
    known.acknowledged(0, 0, 10)
    known.acknowledged(20, 10, 5)
    assert known.translate(14) == Translation(10, exact=True, reason="it lies in a hole: the next record copied")
    known.synced(30, 20)
    assert len(known) == 2
    known.synced(50, 30)
    found = known.translate(45)
    assert (found.offset, found.exact, found.span) == (25, False, Span(31, 21, 50, 30))
    assert known.translate(33).offset == 21
    known.acknowledged(51, 40, 2)
    assert known.translate(51).offset == 40
    assert known.translate(52).exact


def test_before_the_first_and_beyond_the_last():
    known = OffsetMap()
    assert known.translate(5) is None
    assert known.inverse(5) is None
    known.synced(100, 80)
    assert known.translate(90) == Translation(
        0, exact=False, reason="it lies before the first known pair of offsets", span=Span(90, 0, 100, 80)
    )
    assert known.inverse(70).span == Span(0, 70, 100, 80)
    assert known.translate(101) == Translation(81, exact=True, reason="copied")
    assert known.translate(105) == Translation(81, exact=False, reason="it lies 4 beyond what is copied", ahead=4)
    known.reached(103)
    assert known.translate(103).exact
    assert known.translate(105).ahead == 2
    assert known.inverse(84) == Translation(101, exact=False, reason="it lies 3 behind the last record copied", ahead=3)


def test_where_a_lane_begins_is_known_before_its_first_record():
    known = OffsetMap()
    known.acknowledged(40, 7, 0)
    assert known.translate(40).offset == 7
    known.acknowledged(45, 7, 5)
    assert known.translate(42) == Translation(7, exact=True, reason="it lies in a hole: the next record copied")
    assert known.translate(50).offset == 12


def test_records_that_somebody_else_wrote_before_the_first():
    known = OffsetMap()
    known.acknowledged(40, 7, 0)
    known.acknowledged(40, 9, 1)
    assert known.translate(40).offset == 9
    assert known.inverse(8).exact is False


def test_records_copied_twice_count_where_they_are_newest():
    known = OffsetMap()
    known.acknowledged(0, 0, 100)
    known.acknowledged(60, 100, 40)
    assert known.translate(59).offset == 59
    assert known.translate(60).offset == 100
    assert known.translate(100).offset == 140


def test_a_target_that_was_cut_off_is_forgotten_from_there():
    known = OffsetMap()
    known.acknowledged(0, 0, 100)
    known.acknowledged(100, 50, 10)
    assert known.translate(20).offset == 20
    assert known.translate(105).offset == 55
    assert known.translate(70).offset <= 50


def test_a_sync_that_goes_back_forgets_all_before():
    known = OffsetMap()
    known.synced(100, 100)
    known.synced(200, 200)
    known.synced(50, 260)
    assert list(known.runs()) == [OffsetRun(50, 260, 1)]
    known.synced(60, 10)
    assert list(known.runs()) == [OffsetRun(60, 10, 1)]
    known.reset()
    assert known.end is None


def test_syncs_read_before_a_lane_begins_say_nothing_of_what_lies_between():
    known = OffsetMap()
    known.synced(100, 100)
    known.acknowledged(200, 150, 1)
    found = known.translate(120)
    assert (found.offset, found.span) == (101, Span(101, 101, 200, 150))


def test_a_stored_position_adds_one_pair_to_what_is_known():
    known = OffsetMap()
    known.anchored(9, 5)
    known.anchored(9, 5)
    assert list(known.runs()) == [OffsetRun(9, 5, 1)]
    known.anchored(12, 8)
    assert list(known.runs()) == [OffsetRun(9, 5, 4)]


def test_what_lies_before_the_first_copy_stands_at_it():
    known = OffsetMap()
    known.acknowledged(100, 0, 0)
    known.acknowledged(100, 0, 50)
    found = known.translate(50)
    assert (found.offset, found.exact) == (0, True)
    later = OffsetMap()
    later.synced(100, 7)
    found = later.translate(50)
    assert (found.offset, found.exact) == (0, False)
    home = OffsetMap()
    home.synced(0, 40)
    found = home.inverse(3)
    assert (found.offset, found.exact) == (0, True)
