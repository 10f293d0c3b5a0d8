"""How the tests themselves speak IMAP: verified TLS, aware dates, no waiting for Nagle."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from imapclient import IMAPClient


class Person(Protocol):
    """Who signs in: `User` and the embedded server's `Account` alike."""

    @property
    def name(self) -> str: ...

    @property
    def password(self) -> str: ...


class Server(Protocol):
    """What every server and proxy here tells of itself."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def ca_file(self) -> Path: ...


def connect(server: Server) -> IMAPClient:
    """A connection that has not signed in yet. Its certificate was checked."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    client = IMAPClient(server.host, server.port, ssl_context=context, timeout=30)
    client.normalise_times = False
    # Nagle's algorithm and delayed acknowledgements cost 40 ms for each APPEND.
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


@contextmanager
def signed_in(server: Server, user: Person) -> Iterator[IMAPClient]:
    """A connection of this user, closed at the end, however it went."""
    client = connect(server)
    try:
        client.login(user.name, user.password)
        yield client
        with suppress(Exception):
            client.logout()
    finally:
        with suppress(Exception):
            client.shutdown()
