"""The socket under a session: verified TLS, bounded reads, no Nagle, and not a word remembered or logged.

imaplib names open, read, readline, send and shutdown as the methods to override.
"""

from __future__ import annotations

import imaplib
import io
import socket
import ssl
from contextlib import suppress
from typing import Any

from retentiond.config import ImapAccount, Tls
from retentiond.mailbox.pace import Plain, paced

#: The longest line and the longest literal that are read from a server, in bytes.
LONGEST_LINE = 16 * 1024 * 1024
LONGEST_LITERAL = 256 * 1024 * 1024

_SEND_BUFFER = 256 * 1024
_READ_BUFFER = 64 * 1024


class Stream(imaplib.IMAP4):
    """imaplib over a socket of ours: no Nagle, a large buffer, bounded reads, and not a word logged."""

    def __init__(self, account: ImapAccount, context: ssl.SSLContext) -> None:
        self._account = account
        self._context = paced(context)
        super().__init__(account.host, account.port, account.timeout)

    def open(self, host: str = "", port: int = 993, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        self.sock: Any = Plain(socket.create_connection((host, port), timeout))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Room for two whole commands: a server that waits for us to read never makes us wait to write.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._reader: io.BufferedReader = self._buffered()
        if self._account.tls is Tls.IMPLICIT:
            self.protect()

    def protect(self) -> None:
        """TLS from here on. What was read ahead in cleartext is forgotten with its buffer."""
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
        self._reader = self._buffered()

    def _buffered(self) -> io.BufferedReader:
        return self.sock.makefile("rb", _READ_BUFFER)  # type: ignore[no-any-return]

    def read(self, size: int) -> bytes:
        if size > LONGEST_LITERAL:
            raise self.error("too long")
        data = self._reader.read(size)
        if len(data) < size:
            raise self.abort("cut")
        return data

    def readline(self) -> bytes:
        line = self._reader.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise self.error("too long") if len(line) >= LONGEST_LINE else self.abort("cut")
        return line

    def readline_behind(self, dull: bytes) -> bytes:
        """The next line that does not begin and end like one of 75,000 EXPUNGEs."""
        line = self.readline()
        while line.startswith(dull) and line[2:3].isdigit() and not line.endswith(b"}\r\n"):
            line = self.readline()
        return line

    def send(self, data: Any) -> None:
        self.sock.sendall(data)

    def shutdown(self) -> None:
        for each in (self._reader, self.sock):
            with suppress(OSError, ValueError):
                each.close()

    def _mesg(self, s: str, secs: float | None = None) -> None:
        """Nothing is printed."""

    def _log(self, line: str) -> None:
        """Nothing is remembered: imaplib keeps the last ten commands, LOGIN among them."""
