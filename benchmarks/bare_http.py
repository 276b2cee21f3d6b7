"""An HTTP server that has nothing to do: how long a busy machine makes a client wait, whoever answers.

``python benchmarks/bare_http.py PORT``
"""

import asyncio
import contextlib
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)


async def main(port: int) -> None:
    """Answer until killed."""
    async with await asyncio.start_server(_answer, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
