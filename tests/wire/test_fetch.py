"""The Fetch codec against kio's schemas, and against answers that lie."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from kio_messages import read_request, response_frame

from heliograph.errors import ProtocolError
from heliograph.wire import fetch, messages

VERSIONS = range(4, 12)
NAMES = st.text(min_size=1, max_size=20)
INT32 = st.integers(0, 2**31 - 1)
INT64 = st.integers(-1, 2**63 - 1)


def wanted_rows():
    row = st.builds(
        fetch.Wanted, partition=INT32, offset=st.integers(0, 2**62), leader_epoch=st.integers(-1, 99), max_bytes=INT32
    )
    return st.dictionaries(NAMES, st.lists(row, max_size=3), max_size=3)


@pytest.mark.parametrize("version", VERSIONS)
@given(
    wanted=wanted_rows(),
    forgotten=st.dictionaries(NAMES, st.lists(INT32, max_size=3), max_size=2),
    rack=NAMES,
    data=st.data(),
)
def test_a_request_reads_as_kafkas_schema_says(version, wanted, forgotten, rack, data):
    raw = fetch.encode(
        version,
        correlation_id=77,
        client_id="me",
        wanted=wanted,
        forgotten=forgotten if version >= 7 else {},
        session_id=5,
        session_epoch=6,
        max_wait_ms=500,
        min_bytes=1,
        max_bytes=1 << 20,
        read_committed=data.draw(st.booleans(), "read_committed"),
        rack=rack,
    )
    header, body = read_request(load_request_schema(1, version), raw)
    assert (header.request_api_key, header.request_api_version, header.correlation_id, header.client_id) == (
        1,
        version,
        77,
        "me",
    )
    assert (body.replica_id, body.min_bytes, body.max_bytes) == (-1, 1, 1 << 20)
    assert body.max_wait.total_seconds() == 0.5
    found = {topic.topic: topic.partitions for topic in body.topics}
    assert set(found) == set(wanted)
    for topic, rows in wanted.items():
        assert [(p.partition, p.fetch_offset, p.partition_max_bytes) for p in found[topic]] == [
            (row.partition, row.offset, row.max_bytes) for row in rows
        ]
        if version >= 9:
            assert [p.current_leader_epoch for p in found[topic]] == [row.leader_epoch for row in rows]
    if version >= 7:
        assert (body.session_id, body.session_epoch) == (5, 6)
        assert {topic.topic: list(topic.partitions) for topic in body.forgotten_topics_data} == forgotten
    if version >= 11:
        assert body.rack_id == rack


def answers():
    partition = st.fixed_dictionaries(
        {
            "partition_index": INT32,
            "error_code": st.sampled_from([0, 1, 3, 6, 29]),
            "high_watermark": INT64,
            "last_stable_offset": INT64,
            "log_start_offset": INT64,
            "aborted_transactions": st.one_of(
                st.none(),
                st.lists(st.fixed_dictionaries({"producer_id": INT64, "first_offset": INT64}), max_size=3),
            ),
            "preferred_read_replica": st.integers(-1, 9),
            "records": st.one_of(st.none(), st.binary(max_size=200)),
        }
    )
    topic = st.fixed_dictionaries({"topic": NAMES, "partitions": st.lists(partition, max_size=3)})
    return st.fixed_dictionaries(
        {
            "throttle_time": st.integers(0, 10_000),
            "error_code": st.sampled_from([0, 70, 71]),
            "session_id": INT32,
            "responses": st.lists(topic, max_size=3),
        }
    )


def build_answer(version, values):
    return response_frame(_with_codes(messages._response_type("fetch", version), values))


def _with_codes(kind, values):
    """Kafka's numbers as kio's enumeration."""

    def coded(value):
        if isinstance(value, dict):
            return {key: ErrorCode(each) if key == "error_code" else coded(each) for key, each in value.items()}
        return [coded(each) for each in value] if isinstance(value, list) else value

    return messages.build(kind, coded(values))


@pytest.mark.parametrize("version", VERSIONS)
@given(values=answers())
def test_an_answer_is_read_as_kafkas_schema_writes_it(version, values):
    frame = build_answer(version, values)
    answer = fetch.decode(version, frame)
    assert answer.throttle_ms == values["throttle_time"]
    if version >= 7:
        assert (answer.error, answer.session_id) == (values["error_code"], values["session_id"])
    flat = [(topic["topic"], row) for topic in values["responses"] for row in topic["partitions"]]
    assert len(answer.partitions) == len(flat)
    for got, (topic, row) in zip(answer.partitions, flat, strict=True):
        assert (got.topic, got.partition, got.error) == (topic, row["partition_index"], row["error_code"])
        assert (got.high_watermark, got.last_stable_offset) == (row["high_watermark"], row["last_stable_offset"])
        assert frame[got.start : got.end] == (row["records"] or b"")
        aborted = row["aborted_transactions"] or []
        assert got.aborted == tuple((each["producer_id"], each["first_offset"]) for each in aborted)
        assert got.log_start_offset == (row["log_start_offset"] if version >= 5 else -1)
        assert got.preferred_replica == (row["preferred_read_replica"] if version >= 11 else -1)


@pytest.mark.parametrize("version", [4, 7, 11])
@given(values=answers(), data=st.data())
def test_a_cut_answer_is_refused(version, values, data):
    frame = build_answer(version, values)
    cut = data.draw(st.integers(0, len(frame) - 1), "cut")
    with pytest.raises(ProtocolError):
        fetch.decode(version, frame[:cut])


@pytest.mark.parametrize("version", [4, 7, 11])
@given(values=answers(), data=st.data())
def test_a_damaged_answer_is_read_or_refused_and_never_points_outside(version, values, data):
    frame = bytearray(build_answer(version, values))
    for _ in range(data.draw(st.integers(1, 4), "wounds")):
        at = data.draw(st.integers(0, len(frame) - 1), "at")
        frame[at] = data.draw(st.integers(0, 255), "byte")
    try:
        answer = fetch.decode(version, frame)
    except ProtocolError:
        return
    assert all(0 <= row.start <= row.end <= len(frame) for row in answer.partitions)


@pytest.mark.parametrize("version", [4, 7, 11])
@given(raw=st.binary(max_size=300))
def test_noise_is_read_or_refused(version, raw):
    try:
        fetch.decode(version, raw)
    except ProtocolError as error:
        assert "cannot be read" in error.message


@pytest.mark.parametrize("count", [2**31 - 1, 2**24, 1_000])
def test_counts_that_cannot_fit_are_refused_before_anything_is_made_of_them(count):
    head = struct.pack(">iihi", 1, 0, 0, 0)
    with pytest.raises(ProtocolError):
        fetch.decode(11, head + struct.pack(">i", count) + bytes(64))
    one_topic = head + struct.pack(">ih1s", 1, 1, b"t")
    with pytest.raises(ProtocolError):
        fetch.decode(11, one_topic + struct.pack(">i", count) + bytes(64))
    partition = one_topic + struct.pack(">iihqqq", 1, 0, 0, 9, 9, 0)
    with pytest.raises(ProtocolError):
        fetch.decode(11, partition + struct.pack(">i", count) + bytes(64))
    with pytest.raises(ProtocolError):
        fetch.decode(11, partition + struct.pack(">iii", 0, -1, count) + bytes(64))


def test_negative_counts_mean_nothing():
    answer = fetch.decode(11, struct.pack(">iihii", 1, 0, 0, 0, -1))
    assert answer.partitions == []
