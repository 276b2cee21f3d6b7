"""Messages by name and version: what we write, kio reads; what is damaged, is refused and costs nothing."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from kio_messages import read_request, response_frame, write

from heliograph.errors import ProtocolError
from heliograph.wire import messages
from heliograph.wire.versions import CEILINGS

METADATA = {
    "throttle_time": 0,
    "brokers": [{"node_id": 1, "host": "h", "port": 9092, "rack": None}],
    "cluster_id": "c",
    "controller_id": 1,
    "topics": [
        {
            "error_code": ErrorCode.none,
            "name": "t",
            "topic_id": None,
            "is_internal": False,
            "partitions": [
                {
                    "error_code": ErrorCode.none,
                    "partition_index": 0,
                    "leader_id": 1,
                    "leader_epoch": 3,
                    "replica_nodes": [1],
                    "isr_nodes": [1],
                    "offline_replicas": [],
                }
            ],
        }
    ],
}
JOIN = {
    "throttle_time": 0,
    "error_code": ErrorCode.none,
    "generation_id": 4,
    "protocol_type": "p",
    "protocol_name": "n",
    "leader": "m",
    "skip_assignment": False,
    "member_id": "m",
    "members": [{"member_id": "m", "group_instance_id": None, "metadata": b"abc"}],
}
ANSWERS = {"metadata": METADATA, "join_group": JOIN}


def versions(api):
    low, high = messages.known_versions(api)
    return range(low, min(high, CEILINGS.get(api, high)) + 1)


def frame_of(api, version):
    kind = messages._response_type(api, version)
    entity = messages.build(kind, ANSWERS[api])
    if kind.__flexible__:
        return (1).to_bytes(4, "big") + b"\0" + write(entity)
    return response_frame(entity)


@pytest.mark.parametrize("version", versions("metadata"))
def test_a_request_in_every_version(version):
    values = {
        "topics": [{"name": "t", "topic_id": None}],
        "allow_auto_topic_creation": False,
        "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": False,
    }
    raw = messages.encode("metadata", version, values, correlation_id=5, client_id="me")
    header, body = read_request(load_request_schema(3, version), raw)
    assert (header.request_api_version, header.correlation_id, header.client_id) == (version, 5, "me")
    assert [topic.name for topic in body.topics] == ["t"]
    assert getattr(body, "allow_auto_topic_creation", False) is False


@pytest.mark.parametrize(("api", "version"), [(api, version) for api in ANSWERS for version in versions(api)])
def test_an_answer_in_every_version(api, version):
    answer = messages.decode(api, version, frame_of(api, version))
    if api == "metadata":
        assert [(b.node_id, b.host, b.port) for b in answer.brokers] == [(1, "h", 9092)]
        assert answer.topics[0].partitions[0].leader_id == 1
    else:
        assert (answer.generation_id, answer.members[0].metadata) == (4, b"abc")


def test_tagged_fields_of_an_answers_header_are_stepped_over():
    frame = frame_of("metadata", 9)
    tagged = frame[:4] + b"\x01\x07\x03abc" + frame[5:]
    assert messages.decode("metadata", 9, tagged).brokers[0].node_id == 1


def test_tagged_fields_that_we_do_not_know_are_left_out():
    """A newer broker may send them (KIP-482)."""
    frame = frame_of("metadata", 12)
    assert frame[-1] == 0, "the answer ends with an empty list of tagged fields"
    tagged = frame[:-1] + b"\x02\x63\x03abc\x64\x00"
    assert messages.decode("metadata", 12, tagged) == messages.decode("metadata", 12, frame)


CASES = [("metadata", 1), ("metadata", 8), ("metadata", 12), ("join_group", 2), ("join_group", 7)]


@pytest.mark.parametrize(("api", "version"), CASES)
def test_a_cut_answer_is_refused(api, version):
    frame = frame_of(api, version)
    for cut in range(len(frame)):
        with pytest.raises(ProtocolError):
            messages.decode(api, version, frame[:cut])


@pytest.mark.parametrize(("api", "version"), CASES)
@given(data=st.data())
def test_a_damaged_answer_is_read_or_refused(api, version, data):
    frame = bytearray(frame_of(api, version))
    for _ in range(data.draw(st.integers(1, 5), "wounds")):
        frame[data.draw(st.integers(4, len(frame) - 1), "at")] = data.draw(st.integers(0, 255), "byte")
    try:
        messages.decode(api, version, frame)
    except ProtocolError as error:
        assert api in error.message


@pytest.mark.parametrize(
    "api", ["metadata", "join_group", "list_offsets", "describe_configs", "sync_group", "heartbeat"]
)
@given(raw=st.binary(max_size=120), data=st.data())
def test_noise_is_read_or_refused(api, raw, data):
    version = data.draw(st.sampled_from(list(versions(api))), "version")
    try:
        messages.decode(api, version, raw)
    except ProtocolError as error:
        assert api in error.message


@pytest.mark.parametrize(
    ("version", "head"), [(1, b"\x7f\xff\xff\xff"), (12, b"\0" + bytes(4) + b"\xff\xff\xff\xff\x0f")]
)
def test_an_absurd_count_takes_no_memory(version, head):
    frame = bytes(4) + head + bytes(64)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            messages.decode("metadata", version, frame)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_fields_that_a_version_lacks_are_left_out():
    raw = messages.encode(
        "join_group",
        2,
        {
            "group_id": "g",
            "session_timeout": 10_000,
            "rebalance_timeout": 60_000,
            "member_id": "",
            "group_instance_id": "only from version 5 on",
            "protocol_type": "p",
            "protocols": [{"name": "n", "metadata": b"m"}],
        },
        correlation_id=1,
        client_id="",
    )
    _, body = read_request(load_request_schema(11, 2), raw)
    assert body.group_id == "g"
    assert body.session_timeout.total_seconds() == 10
