"""A real datagram socket that hears what a service tells systemd."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Listener:
    """`heard` is every assignment so far, in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[str] = []
        self._read = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address[0] == "@" else address)

    def hear(self, seconds: float = 0) -> list[str]:
        """What has come, waiting at most so long for the first of it."""
        new: list[str] = []
        while select.select([self._socket], [], [], 0 if new else seconds)[0]:
            new += self._socket.recv(65536).decode().split("\n")
        self.heard += new
        return new

    def until(self, is_it: Callable[[str], bool], seconds: float = 60) -> str:
        """The next assignment of which this is true, after the last that was asked for."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            while self._read < len(self.heard):
                self._read += 1
                if is_it(self.heard[self._read - 1]):
                    return self.heard[self._read - 1]
            self.hear(left)
        raise AssertionError(f"not heard within {seconds} seconds; heard were: {self.heard}")

    def close(self) -> None:
        self._socket.close()


@contextmanager
def listening(address: Path | str) -> Iterator[Listener]:
    """A listener at a path, or at an abstract address that begins with @."""
    listener = Listener(str(address))
    try:
        yield listener
    finally:
        listener.close()
