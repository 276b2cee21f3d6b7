"""Answers that lie, and streams that are no answers: every decoder of the wire, the framing, and SASL's exchanges."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import MULTIPLIER, mutant, relaxed, rounds, truncations
from trials import growing_less_than, tried

from heliograph.broker import sasl
from heliograph.broker.framing import FRAME_BYTES_AT_ONCE, FRAME_BYTES_MAX, Framer
from heliograph.config.model import Sasl, Secret
from heliograph.errors import AuthenticationFailed, ClusterError, ProtocolError
from heliograph.wire import fetch, messages, produce

CORPUS = Path(__file__).parent / "corpus"
ABSURD = (2**31 - 1, 2**31, 2**32 - 1, 10**8, 70_000)
"""Counts and lengths that no small answer can hold."""
STEP = max(1, 11 // MULTIPLIER)
"""Every so many bytes such a number is put; measuring memory is slow."""


def decode(api, version, frame):
    if api == "fetch":
        return fetch.decode(version, frame)
    if api == "produce":
        return produce.decode(version, frame)
    return messages.decode(api, version, frame)


def test_the_corpus_itself_is_read(answers):
    for answer in answers:
        decode(answer.api, answer.version, answer.frame)


def test_every_length_of_a_real_answer(answers):
    for answer in answers:
        for cut in truncations(answer.frame):
            tried(decode, answer.api, answer.version, cut, allowed=(ProtocolError,), of=answer.name)


def test_mutants_of_real_answers(answers):
    for seed in rounds(250):
        for number, answer in enumerate(answers):
            other = answers[(number + seed) % len(answers)].frame
            hostile = mutant((answer.name, seed), answer.frame, other)
            tried(decode, answer.api, answer.version, hostile, allowed=(ProtocolError,), of=(answer.name, seed))


def test_answers_read_in_another_version(answers):
    """A broker that mixes the versions up: what one version calls a text is another one's count."""
    for answer in answers:
        if answer.api in ("fetch", "produce"):
            versions = range(4, 12) if answer.api == "fetch" else range(3, 9)
        else:
            low, high = messages.known_versions(answer.api)
            versions = range(low, high + 1)
        for version in versions:
            tried(decode, answer.api, version, answer.frame, allowed=(ProtocolError,), of=(answer.name, version))


def test_absurd_numbers_take_no_memory(answers):
    """Any place of an answer may be a count or a length; none may be believed before the bytes are there."""
    with growing_less_than(8 << 20):
        for place, answer in enumerate(answers):
            for at in range(4 + place % STEP, len(answer.frame) - 4, STEP):
                number = ABSURD[at % len(ABSURD)] & 0xFFFFFFFF
                for raw in (number.to_bytes(4, "big"), b"\xff\xff\xff\xff\x0f"):
                    hostile = answer.frame[:at] + raw + answer.frame[at + 4 :]
                    tried(decode, answer.api, answer.version, hostile, allowed=(ProtocolError,), of=(answer.name, at))


@relaxed(150)
@given(raw=st.binary(max_size=200), chance=st.integers(0, 10_000))
def test_noise(answers, raw, chance):
    answer = answers[chance % len(answers)]
    tried(decode, answer.api, answer.version, raw, allowed=(ProtocolError,), of=answer.name)


@pytest.mark.parametrize("here", [0, 1, 2, 127, 128, 254])
def test_a_nullable_part_is_there_unless_it_is_null(here):
    """kio's reader takes every number but -1 for "there"; the walk before it must not skip what that reader reads."""
    head = bytes(4) + b"\0" + bytes(4) + bytes(2) + b"\0\0" + bytes(8)
    frame = head + bytes((here,)) + b"\xff\xff\xff\xff\x0f" + bytes(3)
    with pytest.raises(ProtocolError):
        messages.decode("consumer_group_heartbeat", 0, frame)


# --- Framing ----------------------------------------------------------------------------------------------------------


def receive(stream, chance):
    """Feed a stream in pieces; gives the sizes of the frames, none of which may exceed what was received."""
    framer, at, frames = Framer(), 0, []
    while at < len(stream):
        room = framer.buffer()
        assert 0 < len(room) <= FRAME_BYTES_AT_ONCE * 2
        count = min(len(room), len(stream) - at, chance.choice((1, 3, 100, 5000)))
        room[:count] = stream[at : at + count]
        at += count
        frames += [len(frame) for frame in framer.received(count)]
        assert sum(frames) <= at
        assert 0 <= framer.missing_bytes <= FRAME_BYTES_MAX
    return frames


def test_mutants_of_streams(answers):
    stream = b"".join(len(each.frame).to_bytes(4, "big") + each.frame for each in answers[:12])
    for seed in rounds(300):
        hostile = mutant(("stream", seed), stream, stream)
        tried(receive, hostile, Random(seed), allowed=(ClusterError,), of=seed)


def test_a_mere_announcement_takes_little_memory():
    with growing_less_than(FRAME_BYTES_AT_ONCE + (1 << 20)):
        framer = Framer()
        framer.buffer()[:4] = FRAME_BYTES_MAX.to_bytes(4, "big")
        assert framer.received(4) == []
    for length in (-1, -(2**31), 0, 3, FRAME_BYTES_MAX + 1, 2**31 - 1):
        framer = Framer()
        framer.buffer()[:4] = (length & 0xFFFFFFFF).to_bytes(4, "big")
        with pytest.raises(ClusterError):
            framer.received(4)


# --- SASL -------------------------------------------------------------------------------------------------------------


def converse(mechanism, first, final):
    """Run a client's side of an exchange against the messages that ``first`` and ``final`` make."""
    steps = sasl.exchange(Sasl(mechanism, "user", Secret("pencil")))
    nonce = next(steps).decode().split("r=")[1]
    steps.send(first(nonce))
    try:
        steps.send(final)
    except StopIteration:
        return "content"
    return "unfinished"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_mutants_of_scram_messages(mechanism):
    real = (CORPUS / "scram.first.bin").read_bytes()
    good = b"more" + real[real.index(b",s=") :]
    final = (CORPUS / "scram.final.bin").read_bytes()
    for seed in rounds(150):

        def first(nonce, seed=seed):
            whole = b"r=" + nonce.encode() + good
            return mutant((mechanism, seed), whole, final, keep=0 if seed % 2 else len(nonce) + 2)

        last = mutant((mechanism, "final", seed), final, good)
        outcome = tried(converse, mechanism, first, last, allowed=(AuthenticationFailed,), of=seed)
        assert outcome != "content", "nobody without the password is believed"
        if isinstance(outcome, Exception):
            assert "pencil" not in str(outcome)


@pytest.mark.parametrize("iterations", [200_001, 1_000_000, 9_999_999, 2**31, 10**30])
def test_a_broker_may_not_ask_for_minutes_of_work(iterations):
    def first(nonce):
        return f"r={nonce}more,s=cDg5NDdoMXJ3Y3d6c3I0Z2VrY2JhaXA1dw==,i={iterations}".encode()

    error = tried(converse, "SCRAM-SHA-512", first, b"", allowed=(AuthenticationFailed,))
    assert isinstance(error, AuthenticationFailed)


@relaxed(100)
@given(first=st.binary(max_size=100), final=st.binary(max_size=100))
def test_noise_instead_of_scram(first, final):
    outcome = tried(converse, "SCRAM-SHA-256", lambda _: first, final, allowed=(AuthenticationFailed,))
    assert isinstance(outcome, AuthenticationFailed)
