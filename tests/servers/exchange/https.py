"""HTTP over TLS on this machine, carried by Werkzeug; connections can be cut from outside."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from retentiond.demo.authority import Authority

#: A socket from which nothing more comes.
_AT_ITS_END, _other = socket.socketpair()
_other.close()


class HttpsServer(ThreadedWSGIServer):
    """A thread for each connection. A client that is slow in its handshake holds up itself alone."""

    def __init__(
        self,
        host: str,
        application: Callable[..., Any],
        authority: Authority,
        now: Callable[[], datetime],
    ) -> None:
        self.now = now
        self._connections: set[socket.socket] = set()
        super().__init__(host, 0, application, _Handler, ssl_context=authority.server_context())
        # The handshake then happens at the first read, in the connection's own thread.
        self.socket.do_handshake_on_connect = False  # type: ignore[attr-defined]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends every connection, so that nobody speaks to a server that is gone."""
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that broke off, or spoke no TLS, is its own affair."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing: the record of requests is `Exchange.requests`."""


class _Handler(WSGIRequestHandler):
    """Keeps connections open; sends an answer's head and body without waiting in between."""

    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def send_header(self, keyword: str, value: str) -> None:
        """Werkzeug ends each connection, lest unread parts of a request stand in the way of the next.
        Here a request is always read whole; and a client may take a closed connection for a sign."""
        if (keyword, value) != ("Connection", "close"):
            super().send_header(keyword, value)

    def make_environ(self) -> Any:
        """After an answer Werkzeug throws away what it can still read, and with it the next request of a
        quick client. It is given an empty stream to read from instead, while the answer is made."""
        environ = super().make_environ()
        self.rfile, self.connection = io.BytesIO(), _AT_ITS_END
        return environ

    def run_wsgi(self) -> None:
        rfile, connection = self.rfile, self.connection
        try:
            super().run_wsgi()
        finally:
            self.rfile, self.connection = rfile, connection

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header: by the server's own clock, which a test may have set."""
        assert isinstance(self.server, HttpsServer)
        return format_datetime(self.server.now().replace(microsecond=0), usegmt=True)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing, as above."""
