import struct
import time

import pytest
from kio_messages import write
from test_messages import ANSWERS, METADATA, versions

from heliograph.wire import messages
from heliograph.wire.bounds import checked, unsigned_varint

CASES = [(api, version) for api in ANSWERS for version in versions(api)]


def entity_of(api, version, values):
    kind = messages._response_type(api, version)
    return kind, write(messages.build(kind, values))


@pytest.mark.parametrize(("api", "version"), CASES)
def test_a_sound_answer_passes_as_it_is(api, version):
    kind, raw = entity_of(api, version, ANSWERS[api])
    assert checked(kind, b"head" + raw, 4) == (b"head" + raw, 4)


@pytest.mark.parametrize(("api", "version"), CASES)
def test_every_cut_is_noticed(api, version):
    kind, raw = entity_of(api, version, ANSWERS[api])
    for cut in range(len(raw)):
        with pytest.raises((ValueError, IndexError, struct.error)):
            checked(kind, raw[:cut], 0)


def test_unsigned_varints():
    assert unsigned_varint(b"\x00", 0) == (0, 1)
    assert unsigned_varint(b"x\xac\x02", 1) == (300, 3)
    with pytest.raises(ValueError, match="too long"):
        unsigned_varint(b"\xff" * 6, 0)
    with pytest.raises(IndexError):
        unsigned_varint(b"\x80", 0)


@pytest.mark.parametrize("version", [8, 12])
def test_ten_thousand_partitions_take_a_moment(version):
    topic = METADATA["topics"][0]
    many = {**METADATA, "topics": [{**topic, "partitions": topic["partitions"] * 10_000}]}
    kind, raw = entity_of("metadata", version, many)
    began = time.process_time()
    checked(kind, raw, 0)
    assert time.process_time() - began < 0.5
