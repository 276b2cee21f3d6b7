"""What a person may write about a proof."""

from datetime import UTC, datetime

import pytest

from heliograph.cluster.pace import Pace
from heliograph.errors import ConfigError
from heliograph.proof.places import Sample
from heliograph.proof.wishes import pace_of, sample_of, since_of

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOW_MS = 1_782_907_200_000


def test_samples():
    assert sample_of("5%", 3) == Sample(share=0.05, seed=3)
    assert sample_of("0.5%", 3) == Sample(share=0.005, seed=3)
    assert sample_of("1000", 3) == Sample(records=1000, seed=3)


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-5", "5 %", "many", "1e3", "٣", "9" * 30, "nan%", "%"])
def test_what_is_no_sample(text):
    with pytest.raises(ConfigError, match="--sample"):
        sample_of(text, 0)


def test_times():
    assert since_of("2h", NOW) == NOW_MS - 7_200_000
    assert since_of("30m", NOW) == NOW_MS - 1_800_000
    assert since_of("7d", NOW) == NOW_MS - 7 * 86_400_000
    assert since_of("2026-07-01T11:00", NOW) == NOW_MS - 3_600_000
    assert since_of("2026-07-01T13:00+02:00", NOW) == NOW_MS - 3_600_000
    assert since_of("2026-07-01", NOW) == NOW_MS - 12 * 3_600_000
    assert since_of("1900-01-01", NOW) == 0
    assert since_of("999999999d", NOW) == 0


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2w", "yesterday", "2026-13-01", "1234567890d", "-2h"])
def test_what_is_no_time(text):
    with pytest.raises(ConfigError, match="--since"):
        since_of(text, NOW)


def test_paces():
    assert pace_of("20") == Pace(bytes_per_s=20e6)
    assert pace_of("0.5") == Pace(bytes_per_s=0.5e6)
    assert pace_of("50%") == Pace(share=0.5)


@pytest.mark.parametrize("text", ["", "0", "0%", "150%", "fast", "-1", "inf", "20MB"])
def test_what_is_no_pace(text):
    with pytest.raises(ConfigError, match="--bandwidth"):
        pace_of(text)
