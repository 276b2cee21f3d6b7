"""Batches that are too large or damaged, and refusals in words."""

import pytest

from heliograph import records
from heliograph.errors import BrokerError, NotAuthorized
from heliograph.flow.refusals import divided, error_of, is_damaged
from heliograph.records import Record
from heliograph.wire import errors as codes


def parcel(*sizes):
    return records.encode([Record(i, 1_700_000_000_000, b"k", b"x" * size) for i, size in enumerate(sizes)])


def numbers(parcels):
    return [segment for each in parcels for segment in each.segments]


def test_a_batch_is_divided_into_parts_that_fit():
    parts = divided(parcel(*[100] * 20), 1_200)
    assert len(parts) > 1
    assert all(part.size <= 1_200 for part in parts)
    assert sum(part.records for part in parts) == 20
    assert numbers(parts)[0][0] == 0


def test_one_large_record_among_small_ones_is_set_apart():
    parts = divided(parcel(10, 5_000, 10), 1_000)
    assert len(parts) > 1
    assert sum(part.records for part in parts) == 3


def test_what_cannot_be_divided_stays_what_it_is():
    single = parcel(5_000)
    assert divided(single, 1_000) == [single]


def test_damage_is_seen_by_the_checksum():
    whole = parcel(100, 100)
    assert not is_damaged(whole)
    whole.body = bytes(whole.body[:-1]) + b"?"
    assert is_damaged(whole)


@pytest.mark.parametrize("said", ["", "the broker's own words"])
def test_a_refusal_names_the_place_and_the_right(said):
    error = error_of(codes.TOPIC_AUTHORIZATION_FAILED, said, "one.t", 3)
    assert isinstance(error, NotAuthorized)
    assert "Grant Write on topic one.t on the target" in str(error)
    assert said in str(error)
    error = error_of(codes.NOT_LEADER_OR_FOLLOWER, said, "one.t", 3)
    assert isinstance(error, BrokerError)
    assert error.code == codes.NOT_LEADER_OR_FOLLOWER
    assert "one.t-3" in str(error)
