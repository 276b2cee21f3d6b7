"""Batches that lie, on both kernels: the same answer or the same error from each, soon, and never another error."""

import struct
from contextlib import contextmanager

import pytest
from mutations import mutant, rounds, truncations
from sealing import mutant_inside, sealed
from trials import tried

from heliograph.errors import DamagedBatch, TooLarge
from heliograph.records import Codec, _reference, parcels, reading
from heliograph.records.codecs import Malformed
from heliograph.wire import fetch

ALLOWED = (DamagedBatch, TooLarge)
LIMIT_BYTES = 700
"""Small enough that the corpus's batches are split and merged into several."""


@contextmanager
def running_on(kernel):
    """Make the records room use ``kernel``."""
    before = parcels.kernel, reading.kernel
    parcels.kernel = reading.kernel = kernel
    try:
        yield
    finally:
        parcels.kernel, reading.kernel = before


@pytest.fixture(scope="module")
def stored(answers):
    """Batches and messages as brokers store them, by the answer that brought them."""
    found = {}
    for answer in answers:
        if answer.api == "fetch":
            rows = fetch.decode(answer.version, answer.frame).partitions
            found[answer.name] = b"".join(answer.frame[row.start : row.end] for row in rows)
    assert len(found) >= 16
    return found


def told(result):
    """Return a result in a form that can be compared: errors by class and by the offset they name."""
    if isinstance(result, Exception):
        return type(result), str(result).split(" is damaged")[0]
    if isinstance(result, parcels.Parcel):
        body = bytes(result.body)
        return result.header, body, result.records, result.segments, result.next_offset, result.base_timestamp
    if isinstance(result, list):
        return [told(each) for each in result]
    return result


def journey(buffer, position, aborted, codec_limit_bytes):
    """Do with ``buffer`` all that the program may do with fetched bytes; gives what came of it, step by step."""
    steps = []

    def step(work, *arguments, **options):
        result = tried(lambda: work(*arguments, **options), allowed=ALLOWED, of=buffer.hex())
        steps.append(told(result))
        return result

    found = step(parcels.scan, buffer, 0, len(buffer), position, aborted=aborted, small_bytes=400, limit_bytes=600)
    step(lambda: list(reading.decode(buffer, 0, len(buffer))))
    step(lambda: list(reading.decode(buffer, 0, len(buffer), control=True)))
    if isinstance(found, Exception):
        return steps
    for run in found.runs:
        step(parcels.verify, buffer, run)
        if run.kind is parcels.Kind.FORWARD:
            forwarded = step(parcels.forward, buffer, run)
            step(parcels.stamp, forwarded, 4711, 3, 2**31 - 1)
            step(parcels.split, forwarded, LIMIT_BYTES // 3)
        made = step(parcels.rewrite, [(buffer, run)], position=position, limit_bytes=codec_limit_bytes)
        for parcel in made if isinstance(made, list) else ():
            step(parcels.stamp, parcel, 1, 1, 1, transactional=True)
        step(reading.canonical, buffer, run, position)
    step(parcels.rewrite, [(buffer, run) for run in found.runs], position=position, limit_bytes=100_000)
    return steps


def check(buffer, compiled, *, position=0, aborted=(), limit_bytes=LIMIT_BYTES):
    """Hold both kernels' journeys against each other."""
    with running_on(_reference):
        twin = journey(buffer, position, aborted, limit_bytes)
    if compiled is None:
        return twin
    with running_on(compiled):
        mine = journey(buffer, position, aborted, limit_bytes)
    for number, (first, second) in enumerate(zip(mine, twin, strict=False)):
        assert first == second, f"step {number} of {buffer.hex()} from {position}, aborted {aborted}"
    assert len(mine) == len(twin)
    return twin


def test_the_corpus_itself_is_sound(stored, compiled):
    for name, buffer in stored.items():
        steps = check(buffer, compiled)
        assert not any(isinstance(step, tuple) and step and step[0] in ALLOWED for step in steps[:3]), name


def test_every_length_of_a_real_answer(stored, compiled):
    for buffer in stored.values():
        for cut in truncations(buffer):
            check(cut, compiled)


@pytest.mark.parametrize("kind", ["as it is", "with true checksums", "inside", "spliced"])
def test_mutants_of_real_batches(stored, compiled, kind):
    names = sorted(stored)
    for seed in rounds(45):
        for number, name in enumerate(names):
            buffer, other = stored[name], stored[names[(number + seed) % len(names)]]
            if kind == "as it is":
                hostile = mutant((kind, name, seed), buffer, other)
            elif kind == "with true checksums":
                hostile = sealed(mutant((kind, name, seed), buffer, other))
            elif kind == "inside":
                hostile = mutant_inside((name, seed), buffer, other)
            else:
                hostile = sealed(buffer + mutant((kind, name, seed), other, buffer) + buffer)
            check(hostile, compiled, position=(0, 0, 3, 12)[seed % 4], aborted=[(0, 2), (1, 0), (-1, 5)][: seed % 4])


@pytest.mark.parametrize("codec", [Codec.SNAPPY, Codec.LZ4, Codec.ZSTD, Codec.GZIP])
def test_compressed_bytes_that_were_changed(stored, compiled, codec):
    """Damage below the checksum and below the records: what the codecs themselves read."""
    (name,) = (each for each in stored if each.endswith(f"v11.{codec.name.lower()}.bin"))
    buffer = stored[name]
    length = struct.unpack_from(">i", buffer, 8)[0] + 12
    batch, more = buffer[:length], buffer[length:]
    for seed in rounds(350):
        hostile = mutant((codec, seed), batch, more, keep=61)
        hostile = hostile[:8] + struct.pack(">i", len(hostile) - 12) + hostile[12:]
        check(sealed(hostile) + (more if seed % 3 == 0 else b""), compiled)
    for cut in range(61, length):
        check(sealed(batch[:8] + struct.pack(">i", cut - 12) + batch[12:cut]), compiled)


def test_plain_bodies_of_mutated_records(stored, compiled):
    """The record readers by themselves, which verification and tables use."""
    bodies = [buffer[61:] for name, buffer in stored.items() if name.endswith(("none.bin", "transactions.bin"))]
    for seed in rounds(600):
        body = mutant(("plain", seed), bodies[seed % len(bodies)], bodies[0])
        for count in (0, 1, 3, 12, -1, 2**31 - 1):
            outcomes = [
                tried(each, body, count, allowed=(Malformed,), of=(seed, count))
                for each in (compiled.read_records, _reference.read_records)
            ]
            assert told(outcomes[0]) == told(outcomes[1]) or all(isinstance(each, Malformed) for each in outcomes)
            outcomes = [
                tried(each, body, count, 1_700_000_000_000, True, allowed=(Malformed,), of=(seed, count))
                for each in (compiled.canonical, _reference.canonical)
            ]
            assert outcomes[0] == outcomes[1] or all(isinstance(each, Malformed) for each in outcomes)
