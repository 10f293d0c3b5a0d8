"""HTTPS on this machine, carried by uvicorn in a thread of its own; connections can be cut from outside."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from retentiond.demo.authority import Authority

#: The open connections of one server by the client's address.
Connections = dict[tuple[str, int], asyncio.Transport]


class _Protocol(H11Protocol):
    """Remembers its connection, so that an application can end it."""

    by_client: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            self.by_client[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client:
            self.by_client.pop(self.client, None)
        super().connection_lost(exc)


async def hang_up(connections: Connections, client: tuple[str, int], *, at_once: bool) -> None:
    """Ends a client's connection: at once, or after what has been written to it."""
    transport = connections.get(client)
    if transport:
        transport.abort() if at_once else transport.close()
    while client in connections:
        await asyncio.sleep(0.001)


class Wire:
    """Serves an ASGI application on a random port of 127.0.0.1 from `open` to `close`."""

    def __init__(self, application: Any, connections: Connections, authority: Authority, host: str) -> None:
        config = uvicorn.Config(
            application,
            http=type("Protocol", (_Protocol,), {"by_client": connections}),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=120,
            ssl_certfile=authority.certificate_file,
            ssl_keyfile=authority.key_file,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._socket = socket.create_server((host, 0), backlog=128)
        # Heads and bodies are written apart: without this each answer waits 40 ms for the client's ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def open(self) -> None:
        self._thread.start()
        assert self._ready.wait(10), "the stand-in did not start"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        """As uvicorn serves, but it ends when told; its own loop looks ten times a second."""
        await self._server.startup(sockets=[self._socket])
        self._ready.set()
        await self._end.wait()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        tasks = tuple(self._server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._server.server_state.connections:
            await asyncio.sleep(0.001)
        for server in self._server.servers:
            server.close()
        self._socket.close()
