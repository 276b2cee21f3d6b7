import pytest

from heliograph.errors import ProtocolError
from heliograph.wire.messages import API_KEYS
from heliograph.wire.versions import FETCH, PRODUCE, Versions


def broker(**ranges):
    return Versions.of((API_KEYS[api], low, high) for api, (low, high) in ranges.items())


def test_the_highest_that_both_know():
    assert broker(metadata=(0, 5)).choose("metadata") == 5
    assert broker(metadata=(0, 99)).choose("metadata") == 12


@pytest.mark.parametrize(("api", "ceiling"), [(FETCH, 11), (PRODUCE, 8)])
def test_our_own_codecs_have_ceilings(api, ceiling):
    assert broker(**{api: (0, 99)}).choose(api) == ceiling
    assert broker(**{api: (4, ceiling)}).choose(api) == ceiling


def test_nothing_in_common_is_said_with_both_ranges():
    with pytest.raises(ProtocolError, match=r"fetch: the broker speaks versions 50 to 60, Heliograph 4 to 11"):
        broker(fetch=(50, 60)).choose(FETCH)
    with pytest.raises(ProtocolError, match="does not know it"):
        broker().choose(FETCH)


def test_knows():
    versions = broker(produce=(0, 7))
    assert versions.knows(PRODUCE)
    assert versions.knows(PRODUCE, 7)
    assert not versions.knows(PRODUCE, 8)
    assert not versions.knows(FETCH)
