"""A server that trickles is given up; one that is merely slow is not. Counted by a clock that nobody can set.

The time-out of a socket is for one read: a byte every few seconds would keep an operation going for ever.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

#: How often one operation may take the longest wait for an answer, and how much more for what it moves: a
#: line of 35 kbit/s is fast enough.
WAITS: Final = 5
SECONDS_PER_MIB: Final = 240.0
_MIB: Final = 1024 * 1024


class Trickling(TimeoutError):
    """An operation went on and on, and next to nothing came of it."""


class Pace:
    """One operation after the other on one line. An operation is all that is sent, and all that is then
    heard until something is sent again; connecting, with the greeting, is the first."""

    __slots__ = ("_began", "_is_heard", "_monotonic", "_moved")

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._is_heard = False
        self._moved = 0
        self._began = monotonic()

    def sends(self, wait: float | None) -> None:
        """Something is about to be sent. `wait` is the socket's time-out in seconds. Raises Trickling."""
        if self._is_heard:
            self._is_heard, self._moved, self._began = False, 0, self._monotonic()
        self._check(wait)

    def hears(self, wait: float | None) -> None:
        """More of an answer is about to be read; as above."""
        self._is_heard = True
        self._check(wait)

    def moved(self, count: int) -> None:
        """So many bytes went over the line, either way."""
        self._moved += count

    def _check(self, wait: float | None) -> None:
        if wait is None:
            return
        allowed = WAITS * wait + self._moved / _MIB * SECONDS_PER_MIB
        if self._monotonic() - self._began > allowed:
            raise Trickling


class Plain(socket.socket):
    """A paced socket before TLS: what is sent there is short, and what is heard goes through `recv_into`."""

    def __init__(self, opened: socket.socket) -> None:
        wait = opened.gettimeout()
        super().__init__(opened.family, opened.type, opened.proto, fileno=opened.detach())
        self.settimeout(wait)
        self._pace = Pace()

    def recv_into(self, *words: Any, **more: Any) -> int:
        self._pace.hears(self.gettimeout())
        count = super().recv_into(*words, **more)
        self._pace.moved(count)
        return count

    def sendall(self, *words: Any, **more: Any) -> None:
        self._pace.sends(self.gettimeout())
        super().sendall(*words, **more)


class Paced(ssl.SSLSocket):
    """A paced socket under TLS, for `SSLContext.sslsocket_class`. The library makes it without `__init__`."""

    _pace: Pace | None = None

    @property
    def pace(self) -> Pace:
        if self._pace is None:
            self._pace = Pace()
        return self._pace

    def recv_into(self, *words: Any, **more: Any) -> int:
        self.pace.hears(self.gettimeout())
        count = super().recv_into(*words, **more)
        self.pace.moved(count)
        return count

    def send(self, *words: Any, **more: Any) -> int:
        self.pace.sends(self.gettimeout())
        count = super().send(*words, **more)
        self.pace.moved(count)
        return count


def paced(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, whose sockets keep pace."""
    context.sslsocket_class = Paced
    return context
