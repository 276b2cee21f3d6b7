"""Batches that are too large or damaged, and refusals in words."""

import pytest

from heliograph import records
from heliograph.errors import BrokerError, NotAuthorized
from heliograph.flow.refusals import RESEND_S_MAX, Names, divided, is_damaged, resend_pause_s
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


NAMES = Names("one", "t-3", "two", "one.t", 3)


@pytest.mark.parametrize("said", ["", "the broker's own words"])
def test_a_refusal_names_the_place_and_the_right(said):
    error = NAMES.refused(codes.TOPIC_AUTHORIZATION_FAILED, said)
    assert isinstance(error, NotAuthorized)
    assert "Grant Write on topic one.t on two" in str(error)
    assert said in str(error)
    error = NAMES.refused(codes.NOT_LEADER_OR_FOLLOWER, said)
    assert isinstance(error, BrokerError)
    assert error.code == codes.NOT_LEADER_OR_FOLLOWER
    assert str(error).startswith("Cannot write to one.t-3 on two: ")
    assert said in str(error)


def test_a_record_that_is_too_large_says_where_it_is_and_what_to_raise():
    error = NAMES.too_large(parcel(5_000))
    assert str(error).startswith("The record at offset 0 of t-3 on one takes ")
    assert "Raise max.message.bytes of topic one.t on two" in str(error)


def test_damage_names_the_source_and_who_found_it():
    error = NAMES.damaged(parcel(10))
    assert str(error).startswith("The batch at offset 0 of t-3 on one is damaged")
    assert "two refused it" in str(error)


@pytest.mark.parametrize(
    ("failures", "pause_s"), [(1, 0.1), (2, 0.2), (4, 0.8), (5, RESEND_S_MAX), (10_000, RESEND_S_MAX)]
)
def test_the_pause_before_a_batch_is_sent_again_doubles_up_to_its_limit(failures, pause_s):
    assert resend_pause_s(failures) == pytest.approx(pause_s)
