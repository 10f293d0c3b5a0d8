"""A line before any server on which, from a moment on, answers come in small pieces with a pause before each.

It ends TLS on both sides, so each piece is a record of its own, as a server's own small writes would be.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority

_CHUNK = 64 * 1024


class Trickle:
    """Stands before the server on `upstream` (a port of 127.0.0.1) while the context is open."""

    host = "127.0.0.1"

    def __init__(self, upstream: int, authority: Authority) -> None:
        self.ca_file = authority.ca_file
        self.port = 0
        self.connections = 0
        self._upstream = upstream
        self._authority = authority
        self._piece, self._pause = 0, 0.0
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10), "the line did not start"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def trickle(self, piece: int, pause: float) -> None:
        """From here on answers come in pieces of so many bytes, with a pause (seconds) before each.
        `connections` counts those that are made from here on."""
        self._piece, self._pause, self.connections = piece, pause, 0

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _loop, _context: None)
        context = self._authority.server_context()
        server = await asyncio.start_server(self._accept, self.host, 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._end.wait()
        server.close()

    async def _accept(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        self.connections += 1
        context = self._authority.client_context()
        from_server, to_server = await asyncio.open_connection(self.host, self._upstream, ssl=context)
        try:
            await asyncio.gather(
                self._carry(from_client, to_server, is_answer=False),
                self._carry(from_server, to_client, is_answer=True),
            )
        finally:
            to_client.transport.abort()
            to_server.transport.abort()

    async def _carry(self, source: StreamReader, sink: StreamWriter, *, is_answer: bool) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                while data:
                    is_slow = is_answer and self._piece > 0
                    size = self._piece if is_slow else len(data)
                    if is_slow:
                        await asyncio.sleep(self._pause)
                    sink.write(data[:size])
                    await sink.drain()
                    data = data[size:]
        sink.transport.abort()
