import math

import pytest

from heliograph.observe import text


@pytest.mark.parametrize(
    ("function", "number", "written"),
    [
        (text.count, 0, "0"),
        (text.count, 3200, "3,200"),
        (text.count, 9_999_999, "9,999,999"),
        (text.count, 12_345_678, "12.3 M"),
        (text.count, 250_000_000, "250 M"),
        (text.count, 2_500_000_000, "2.5 G"),
        (text.size, 0, "0 B"),
        (text.size, 812, "812 B"),
        (text.size, 999.4, "999 B"),
        (text.size, 999.6, "1.0 kB"),
        (text.size, 1_234_567, "1.2 MB"),
        (text.size, 84_000_000, "84 MB"),
        (text.size, 36e9, "36 GB"),
        (text.size, 36e21, "36,000 EB"),
        (text.byte_rate, 1_234_567, "1.2 MB/s"),
        (text.record_rate, 3200, "3,200 records/s"),
        (text.record_rate, 0.4, "0.4 records/s"),
        (text.record_rate, 0, "0 records/s"),
        (text.rate, 9.96, "10"),
        (text.rate, 0.01, "0"),
        (text.megabytes, 0, "0"),
        (text.megabytes, 1_240_000, "1.24"),
        (text.megabytes, 9_996_000, "10.0"),
        (text.megabytes, 77_130_000, "77.1"),
        (text.megabytes, 310e6, "310"),
        (text.megabytes, 3100e6, "3,100"),
        (text.duration, 0.42, "0.4 s"),
        (text.duration, 9.96, "10 s"),
        (text.duration, 42.4, "42 s"),
        (text.duration, 60, "1 min"),
        (text.duration, 185, "3 min 5 s"),
        (text.duration, 3599.6, "1 h"),
        (text.duration, 7830, "2 h 10 min"),
        (text.duration, 4 * 86_400 + 3 * 3600, "4 d 3 h"),
        (text.latency, 1.84, "1.8 ms"),
        (text.latency, 42.4, "42 ms"),
        (text.latency, 9_999, "9,999 ms"),
        (text.latency, 12_000, "12 s"),
        (text.share, 0, "0 %"),
        (text.share, 0.004, "0.4 %"),
        (text.share, 0.034, "3 %"),
        (text.share, 1.5, "150 %"),
    ],
)
def test_numbers(function, number, written):
    assert function(number) == written


@pytest.mark.parametrize(
    "function",
    [
        text.count,
        text.size,
        text.byte_rate,
        text.record_rate,
        text.rate,
        text.megabytes,
        text.duration,
        text.latency,
        text.share,
    ],
)
@pytest.mark.parametrize("number", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_known_is_a_dash(function, number):
    assert function(number) == "-"


def test_plurals():
    assert text.plural(1, "topic") == "1 topic"
    assert text.plural(0, "topic") == "0 topics"
    assert text.plural(1200, "partition") == "1,200 partitions"
    assert (text.plural(1, "process"), text.plural(2, "process")) == ("1 process", "2 processes")
    assert text.plural(12_345_678, "record") == "12,345,678 records", "a proof counts exactly"
