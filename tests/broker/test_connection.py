"""One connection against a broker that keeps to a script."""

import asyncio
import itertools
import time

import pytest
from kio.schema.errors import ErrorCode

from fake_broker import Close, FakeBroker, answer, heartbeat_answer, parse, versions_answer
from heliograph.broker.connection import Connection
from heliograph.config.model import ClusterConfig, Sasl, Secret
from heliograph.errors import AuthenticationFailed, NotKafka, ProtocolError, Unreachable

HEARTBEAT = {"group_id": "g", "generation_id": 1, "member_id": "m", "group_instance_id": None}


def run(job):
    async def limited():
        async with asyncio.timeout(20):
            await job()

    asyncio.run(limited())


def beats(connection, count):
    return [
        asyncio.ensure_future(connection.call("heartbeat", {**HEARTBEAT, "generation_id": n})) for n in range(count)
    ]


async def causes(calls):
    return [each for each in await asyncio.gather(*calls, return_exceptions=True) if isinstance(each, Exception)]


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def test_answers_reach_their_askers_in_order():
    async def script(request):
        return heartbeat_answer(
            request, code=[ErrorCode.none, ErrorCode.illegal_generation][request.body.generation_id % 2]
        )

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            answers = await asyncio.gather(*beats(connection, 40))
            assert [int(each.error_code) for each in answers] == [0, 22] * 20
            assert connection.in_flight == 0
            connection.close()

    run(job)


@pytest.mark.parametrize("piece_bytes", [1, 7, None], ids=["byte by byte", "across borders", "in one piece"])
def test_answers_are_told_apart_however_they_are_cut(piece_bytes):
    held = []

    async def script(request):
        held.append(heartbeat_answer(request, code=ErrorCode(int(request.body.generation_id))))
        return b"".join(held) if len(held) == 3 else None

    async def job():
        async with FakeBroker(script, piece_bytes=piece_bytes) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            answers = await asyncio.gather(*beats(connection, 3))
            assert [int(each.error_code) for each in answers] == [0, 1, 2]
            assert connection.in_flight == 0
            connection.close()

    run(job)


def test_a_wrong_correlation_id_ends_the_connection_for_all():
    async def script(request):
        return answer(request, {"throttle_time": 0, "error_code": ErrorCode.none}, correlation_id=4_242)

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            found = await causes(beats(connection, 3))
            assert len(found) == 3
            assert all(each is connection.error for each in found)
            assert isinstance(connection.error, ProtocolError)
            assert "4242" in str(connection.error)

    run(job)


def test_an_answer_that_nobody_asked_for_ends_the_connection():
    async def script(request):
        return heartbeat_answer(request) * 2

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            await connection.call("heartbeat", HEARTBEAT)
            await until(lambda: connection.error)
            assert isinstance(connection.error, ProtocolError)

    run(job)


@pytest.mark.parametrize("kept", [1, 4, 7, 9])
def test_a_cut_answer_and_a_close_give_every_waiter_the_first_cause(kept):
    async def job():
        async def serve(reader, writer):
            size = int.from_bytes(await reader.readexactly(4), "big")
            writer.write(versions_answer(parse(await reader.readexactly(size))))
            size = int.from_bytes(await reader.readexactly(4), "big")
            writer.write(heartbeat_answer(parse(await reader.readexactly(size)))[:kept])
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        config = ClusterConfig("fake", (("127.0.0.1", port),))
        connection = await Connection.open(config, "127.0.0.1", port)
        found = await causes(beats(connection, 4))
        assert len(found) == 4
        assert all(each is connection.error for each in found)
        assert isinstance(connection.error, Unreachable)
        with pytest.raises(Unreachable):
            await connection.call("heartbeat", HEARTBEAT)
        server.close()
        await server.wait_closed()

    run(job)


def test_silence_is_noticed_at_the_first_deadline():
    async def script(_request):
        return None

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            began = time.monotonic()
            first = asyncio.ensure_future(connection.call("heartbeat", HEARTBEAT, timeout_ms=200))
            others = beats(connection, 2)
            found = await causes([first, *others])
            assert time.monotonic() - began < 4
            assert len(found) == 3
            assert all(each is connection.error for each in found)
            assert "heartbeat" in str(connection.error)

    run(job)


def test_a_throttled_connection_waits_and_does_not_fail():
    async def script(request):
        return heartbeat_answer(request, throttle_ms=300 if request.body.generation_id == 0 else 0)

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            await connection.call("heartbeat", {**HEARTBEAT, "generation_id": 0})
            assert not connection.ready
            began = time.monotonic()
            await connection.call("heartbeat", {**HEARTBEAT, "generation_id": 1})
            assert time.monotonic() - began >= 0.25
            assert connection.error is None
            connection.close()

    run(job)


def test_closing_tells_the_waiters():
    async def script(_request):
        return None

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            calls = beats(connection, 2)
            await until(lambda: connection.in_flight == 2)
            connection.close()
            assert len(await causes(calls)) == 2

    run(job)


# ---- opening ------------------------------------------------------------------------------------------------------


async def serve_bytes(content):
    """A server that says ``content`` to whoever connects, then closes."""

    async def serve(reader, writer):
        await reader.read(64)
        writer.write(content)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotKafka, "HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x46", NotKafka, "TLS"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ProtocolError, "not be a Kafka listener"),
        (b"", Unreachable, "first request"),
        (b"\0\0\0\x06\0\0\0\x01\0\0", ProtocolError, "cannot be read"),
    ],
)
def test_what_is_not_kafka_is_said_in_words(content, error, words):
    async def job():
        server = await serve_bytes(content)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(error, match=words) as caught:
            await Connection.open(ClusterConfig("fake", (("127.0.0.1", port),)), "127.0.0.1", port)
        assert str(port) in str(caught.value) or "cannot be read" in str(caught.value)
        server.close()
        await server.wait_closed()

    run(job)


def test_a_closed_port_and_an_unknown_name():
    async def job():
        config = ClusterConfig("fake", ())
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 \(fake\)"):
            await Connection.open(config, "127.0.0.1", 1)
        with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
            await Connection.open(config, "nowhere.invalid", 9092)

    run(job)


def test_a_listener_that_says_nothing_is_given_up_in_time():
    ended = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async def job():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        config = ClusterConfig("fake", (), connect_timeout_ms=200)
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            await Connection.open(config, "127.0.0.1", port)
        assert time.monotonic() - began < 5
        await ended.wait()
        server.close()
        await server.wait_closed()

    run(job)


# ---- authentication -----------------------------------------------------------------------------------------------

PASSWORD = "do-not-show"
PLAIN = Sasl("PLAIN", "user", Secret(PASSWORD))


def sasl_script(*, offers=("PLAIN",), lifetime_ms=0, right=PASSWORD):
    async def script(request):
        if request.api == "sasl_handshake":
            fits = request.body.mechanism in offers
            code = ErrorCode.none if fits else ErrorCode.unsupported_sasl_mechanism
            return answer(request, {"error_code": code, "mechanisms": list(offers)})
        if request.api == "sasl_authenticate":
            good = request.body.auth_bytes.split(b"\0")[2] == right.encode()
            code = ErrorCode.none if good else ErrorCode.sasl_authentication_failed
            return answer(
                request,
                {"error_code": code, "error_message": None, "auth_bytes": b"", "session_lifetime": lifetime_ms},
            )
        return heartbeat_answer(request)

    return script


def test_the_right_password_opens():
    async def job():
        async with FakeBroker(sasl_script()) as broker:
            connection = await Connection.open(broker.config(sasl=PLAIN), "127.0.0.1", broker.port)
            await connection.call("heartbeat", HEARTBEAT)
            assert [each.api for each in broker.requests] == [
                "api_versions",
                "sasl_handshake",
                "sasl_authenticate",
                "heartbeat",
            ]
            connection.close()

    run(job)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (sasl_script(right="another"), "refuses the credentials of user user"),
        (sasl_script(offers=("SCRAM-SHA-512", "GSSAPI")), "SCRAM-SHA-512, GSSAPI"),
    ],
)
def test_refusals_name_the_user_or_the_mechanisms_and_no_secret(script, words):
    async def job():
        async with FakeBroker(script) as broker:
            with pytest.raises(AuthenticationFailed) as caught:
                await Connection.open(broker.config(sasl=PLAIN), "127.0.0.1", broker.port)
            assert words in str(caught.value)
            assert PASSWORD not in str(caught.value)

    run(job)


def test_a_close_during_authentication_may_pass_by_itself():
    async def script(_request):
        raise Close

    async def job():
        async with FakeBroker(script) as broker:
            with pytest.raises(Unreachable, match="during authentication as user"):
                await Connection.open(broker.config(sasl=PLAIN), "127.0.0.1", broker.port)

    run(job)


def test_a_listener_that_wants_sasl_is_guessed_when_it_hangs_up():
    async def script(_request):
        raise Close

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(), "127.0.0.1", broker.port)
            with pytest.raises(Unreachable, match="may ask for SASL"):
                await connection.call("heartbeat", HEARTBEAT)

    run(job)


def test_the_session_is_renewed_before_it_ends_and_no_request_falls_in_between():
    """KIP-368."""

    async def job():
        async with FakeBroker(sasl_script(lifetime_ms=300)) as broker:
            connection = await Connection.open(broker.config(sasl=PLAIN), "127.0.0.1", broker.port)

            def renewals():
                return sum(each.api == "sasl_authenticate" for each in broker.requests)

            while renewals() < 3:
                await connection.call("heartbeat", HEARTBEAT)
            apis = [each.api for each in broker.requests]
            pairs = list(itertools.pairwise(apis))
            assert all(after == "sasl_authenticate" for before, after in pairs if before == "sasl_handshake"), apis
            assert connection.error is None
            connection.close()

    run(job)


def test_a_renewal_that_is_refused_ends_the_connection_with_that_cause():
    passwords = iter([PASSWORD, "changed"])

    async def script(request):
        if request.api == "sasl_handshake":
            script.inner = sasl_script(lifetime_ms=300, right=next(passwords))
        return await script.inner(request)

    async def job():
        async with FakeBroker(script) as broker:
            connection = await Connection.open(broker.config(sasl=PLAIN), "127.0.0.1", broker.port)
            await until_slow(lambda: connection.error)
            assert isinstance(connection.error, AuthenticationFailed)
            with pytest.raises(AuthenticationFailed):
                await connection.call("heartbeat", HEARTBEAT)

    run(job)


async def until_slow(condition):
    while not condition():
        await asyncio.sleep(0.01)
