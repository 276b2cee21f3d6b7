"""The Produce codec against kio's schemas, and against answers that lie."""

import datetime as dt
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from kio_messages import read_request, response_frame

from heliograph.errors import ProtocolError
from heliograph.wire import messages, produce

VERSIONS = range(3, 9)
NAMES = st.text(min_size=1, max_size=20)
INT32 = st.integers(0, 2**31 - 1)
INT64 = st.integers(-1, 2**62)


@pytest.mark.parametrize("version", VERSIONS)
@given(
    batches=st.dictionaries(
        NAMES,
        st.lists(st.tuples(INT32, st.binary(min_size=61, max_size=61), st.binary(max_size=99)), max_size=3),
        max_size=3,
    ),
    transactional_id=st.one_of(st.none(), NAMES),
)
def test_a_request_reads_as_kafkas_schema_says(version, batches, transactional_id):
    buffers = produce.encode(
        version,
        correlation_id=9,
        client_id="me",
        batches=batches,
        timeout_ms=30_000,
        transactional_id=transactional_id,
    )
    header, body = read_request(load_request_schema(0, version), b"".join(buffers))
    assert (header.request_api_key, header.request_api_version, header.correlation_id) == (0, version, 9)
    assert (body.acks, body.timeout, body.transactional_id) == (-1, dt.timedelta(seconds=30), transactional_id)
    found = {topic.name: [(p.index, bytes(p.records)) for p in topic.partition_data] for topic in body.topic_data}
    assert found == {topic: [(p, head + rest) for p, head, rest in rows] for topic, rows in batches.items()}


def test_bodies_are_passed_on_and_not_copied():
    body = bytearray(b"body")
    buffers = produce.encode(8, correlation_id=1, client_id="", batches={"t": [(0, bytes(61), body)]}, timeout_ms=1)
    assert any(each is body for each in buffers)


def answers():
    error = st.fixed_dictionaries({"batch_index": INT32, "batch_index_error_message": st.one_of(st.none(), NAMES)})
    partition = st.fixed_dictionaries(
        {
            "index": INT32,
            "error_code": st.sampled_from([ErrorCode.none, ErrorCode.message_too_large, ErrorCode.invalid_record]),
            "base_offset": INT64,
            "log_append_time": st.none(),
            "log_start_offset": INT64,
            "record_errors": st.lists(error, max_size=2),
            "error_message": st.one_of(st.none(), NAMES),
        }
    )
    topic = st.fixed_dictionaries({"name": NAMES, "partition_responses": st.lists(partition, max_size=3)})
    return st.fixed_dictionaries({"responses": st.lists(topic, max_size=3), "throttle_time": st.integers(0, 10_000)})


def build_answer(version, values):
    return response_frame(messages.build(messages._response_type("produce", version), values))


@pytest.mark.parametrize("version", VERSIONS)
@given(values=answers())
def test_an_answer_is_read_as_kafkas_schema_writes_it(version, values):
    rows, throttle_ms = produce.decode(version, build_answer(version, values))
    assert throttle_ms == values["throttle_time"]
    flat = [(topic["name"], row) for topic in values["responses"] for row in topic["partition_responses"]]
    assert len(rows) == len(flat)
    for got, (topic, row) in zip(rows, flat, strict=True):
        assert (got.topic, got.partition, got.error) == (topic, row["index"], int(row["error_code"]))
        assert (got.base_offset, got.log_append_time) == (row["base_offset"], -1)
        assert got.log_start_offset == (row["log_start_offset"] if version >= 5 else -1)
        said = [each["batch_index_error_message"] for each in row["record_errors"] if each["batch_index_error_message"]]
        words = (said[0] if said else row["error_message"] or "") if version >= 8 else ""
        assert got.message == words


@pytest.mark.parametrize("version", VERSIONS)
@given(values=answers(), data=st.data())
def test_a_cut_answer_is_refused(version, values, data):
    frame = build_answer(version, values)
    with pytest.raises(ProtocolError):
        produce.decode(version, frame[: data.draw(st.integers(0, len(frame) - 1), "cut")])


@pytest.mark.parametrize("version", VERSIONS)
@given(values=answers(), data=st.data())
def test_a_damaged_answer_is_read_or_refused(version, values, data):
    frame = bytearray(build_answer(version, values))
    for _ in range(data.draw(st.integers(1, 4), "wounds")):
        frame[data.draw(st.integers(0, len(frame) - 1), "at")] = data.draw(st.integers(0, 255), "byte")
    try:
        produce.decode(version, frame)
    except ProtocolError as error:
        assert "cannot be read" in error.message


@pytest.mark.parametrize("count", [2**31 - 1, 2**24, 1_000])
def test_counts_that_cannot_fit_are_refused(count):
    with pytest.raises(ProtocolError):
        produce.decode(8, struct.pack(">ii", 1, count) + bytes(64))
    with pytest.raises(ProtocolError):
        produce.decode(8, struct.pack(">iih1si", 1, 1, 1, b"t", count) + bytes(64))
