import pytest

from heliograph.cluster.pace import Pace


def test_a_share_of_the_time():
    assert Pace(share=0.5).rest_s(10.0, 1_000, 0.2) == pytest.approx(0.2)
    assert Pace(share=0.25).rest_s(10.0, 1_000, 0.2) == pytest.approx(0.6)
    assert Pace(share=1.0).rest_s(10.0, 1_000, 0.2) == 0
    assert Pace(share=0.01).rest_s(10.0, 1_000, 2.0) == 5.0, "never for long"


def test_a_rate_for_all_readers_together():
    pace = Pace(bytes_per_s=1e6)
    assert pace.rest_s(0.1, 1_000_000, 0.1) == pytest.approx(0.9)
    assert pace.rest_s(0.2, 1_000_000, 0.1) == pytest.approx(1.8), "another reader at the same time"
    assert pace.rest_s(9.0, 1_000_000, 0.1) == pytest.approx(0.9), "time that nobody used is not made up for"


def test_a_small_fetch_counts_as_more():
    pace = Pace(bytes_per_s=1e6, bytes_min=100_000)
    assert pace.rest_s(0.1, 10, 0.0) == pytest.approx(0.1)
    assert pace.rest_s(0.3, 10, 0.1) == pytest.approx(0.0), "it took as long by itself"
