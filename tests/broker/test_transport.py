"""A bare socket driven by the loop: order, back pressure, frames received where they belong, and the ends."""

import asyncio
import socket

import pytest

from heliograph.broker.transport import (
    GATHER_MAX,
    RECEIVE_LOW_WATER_BYTES,
    SEND_HIGH_WATER_BYTES,
    PlainTransport,
)

LIMIT_S = 30


class Receiver:
    """Keeps what comes; of one frame it knows the size."""

    def __init__(self, size=0):
        self.came = bytearray()
        self.size = size
        self.lost_with: list[BaseException | None] = []
        self._place = bytearray(1 << 16)

    def buffer(self):
        return memoryview(self._place)

    def received(self, count):
        self.came += self._place[:count]
        return max(0, self.size - len(self.came))

    def lost(self, error):
        self.lost_with.append(error)


@pytest.fixture
def scene():
    """Run ``act(transport, receiver, peer)`` on one end of a pair of sockets."""

    def run(act, size=0):
        async def main():
            ours, theirs = socket.socketpair()
            for each in (ours, theirs):
                each.setblocking(False)
            receiver = Receiver(size)
            transport = PlainTransport(ours, receiver)
            try:
                async with asyncio.timeout(LIMIT_S):
                    await act(transport, receiver, theirs)
            finally:
                transport.close()
                theirs.close()

        asyncio.run(main())

    return run


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


async def read(peer, size):
    loop, found = asyncio.get_running_loop(), bytearray()
    while len(found) < size and (more := await loop.sock_recv(peer, 1 << 20)):
        found += more
    return bytes(found)


def test_what_is_sent_arrives_in_order_however_many_pieces(scene):
    async def act(transport, _receiver, peer):
        pieces = [b"%d," % number for number in range(3 * GATHER_MAX)]
        transport.send(pieces[:-1])
        transport.send([b"", pieces[-1]])
        whole = b"".join(pieces)
        assert await read(peer, len(whole)) == whole
        assert transport.unsent_bytes == 0

    scene(act)


def test_senders_wait_while_much_is_unsent(scene):
    async def act(transport, _receiver, peer):
        whole = bytes(range(256)) * (2 * SEND_HIGH_WATER_BYTES // 256)
        transport.send([whole])
        assert transport.unsent_bytes > SEND_HIGH_WATER_BYTES
        waiting = asyncio.create_task(transport.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await read(peer, len(whole)) == whole
        await waiting
        assert transport.unsent_bytes < SEND_HIGH_WATER_BYTES

    scene(act)


def test_a_large_frame_wakes_it_rarely_and_the_next_small_one_at_once(scene):
    size = 4 * RECEIVE_LOW_WATER_BYTES

    async def act(transport, receiver, peer):
        def low_water():
            return transport._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)

        loop = asyncio.get_running_loop()
        await loop.sock_sendall(peer, b"x" * 1_000)
        await until(lambda: receiver.came)
        assert low_water() > 1
        await loop.sock_sendall(peer, b"y" * (size - 1_000))
        await until(lambda: len(receiver.came) == size)
        assert receiver.came == b"x" * 1_000 + b"y" * (size - 1_000)
        assert low_water() == 1
        await loop.sock_sendall(peer, b"z")
        await until(lambda: len(receiver.came) == size + 1)

    scene(act, size)


def test_the_end_of_the_peer_is_told_once(scene):
    async def act(transport, receiver, peer):
        peer.close()
        await until(lambda: receiver.lost_with)
        assert receiver.lost_with == [None]
        transport.send([b"into the void"])
        await transport.drained()
        assert (transport.unsent_bytes, receiver.lost_with) == (0, [None])

    scene(act)


def test_an_error_while_sending_is_told_with_its_cause(scene):
    async def act(transport, receiver, peer):
        transport._loop.remove_reader(transport._socket.fileno())  # else the end would be read first
        peer.close()
        transport.send([b"into the void"])
        (error,) = receiver.lost_with
        assert isinstance(error, BrokenPipeError)

    scene(act)


def test_who_closes_it_is_told_nothing(scene):
    async def act(transport, receiver, peer):
        transport.send([b"x" * (2 * SEND_HIGH_WATER_BYTES)])
        waiting = asyncio.create_task(transport.drained())
        transport.close()
        await waiting
        await asyncio.sleep(0)
        assert receiver.lost_with == []
        assert len(await read(peer, 3 * SEND_HIGH_WATER_BYTES)) < 2 * SEND_HIGH_WATER_BYTES, "the rest is given up"

    scene(act)
