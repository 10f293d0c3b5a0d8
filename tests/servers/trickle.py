"""A line before any server on which, from a moment on, answers come in small pieces with a pause before each.

It ends TLS on both sides, so each piece is a record of its own, as a server's own small writes would be.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority

_CHUNK = 64 * 1024


class Trickle:
    """Stands before the server on `upstream` (a port of 127.0.0.1) while the context is open."""

    host = "127.0.0.1"

    def __init__(self, upstream: int, authority: Authority) -> None:
        self.ca_file = authority.ca_file
        self.connections = 0
        self._upstream = upstream
        self._authority = authority
        self._piece, self._pause = 0, 0.0
        self._end = threading.Event()
        self._lines = ExitStack()
        self._listener = socket.create_server((self.host, 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._lines.close()

    def trickle(self, piece: int, pause: float) -> None:
        """From here on answers come in pieces of so many bytes, with a pause (seconds) before each.
        `connections` counts those that are made from here on."""
        self._piece, self._pause, self.connections = piece, pause, 0

    def _start(self, deed: Callable[..., None], *words: object) -> None:
        threading.Thread(target=deed, args=words, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            client = self._authority.server_context().wrap_socket(connection, server_side=True)
            plain = socket.create_connection((self.host, self._upstream), 30)
            server = self._authority.client_context().wrap_socket(plain, server_hostname=self.host)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines.callback(_hang_up, each)
            self._start(self._carry, client, server)
            self._carry(server, client, is_answer=True)

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool = False) -> None:
        with suppress(OSError, ValueError):
            while data := source.recv(_CHUNK):
                while data:
                    is_slow = is_answer and self._piece > 0
                    size = self._piece if is_slow else len(data)
                    if is_slow and self._end.wait(self._pause):
                        return
                    sink.sendall(data[:size])
                    data = data[size:]
        for each in (source, sink):
            _hang_up(each)


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
