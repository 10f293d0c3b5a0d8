"""One JSON document a line over a Unix socket, bounded in size and in time; who is at its other end.

Nothing of it is ever logged: a document may hold what a person typed.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, Final

#: The version of what is said; two that differ do not talk to each other.
VERSION: Final = 1
#: The largest document, in bytes, of somebody who has not been asked for anything yet.
SMALL: Final = 256 * 1024
#: The largest answer: a reviewed plan of a million messages is smaller.
LARGE: Final = 32 * 1024 * 1024
#: For how long a reader that does not read is waited for, in seconds.
PATIENCE: Final = 10.0

_SO_PEERGROUPS: Final = 59  # unix(7) has it since Linux 4.13; Python's socket module has no name for it
_CREDENTIALS: Final = struct.Struct("iII")
_GROUP: Final = struct.Struct("I")
#: As much as Python hands over: 256 groups. Of who is in more of them only the first counts.
_GROUPS: Final = 1024


class Gone(Exception):
    """Nobody is at the other end any more, or nobody reads there."""


class Nonsense(Exception):
    """What came is no document of ours: too large, too slow, cut off, no JSON, or no object."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected, by the kernel's word at that moment (SO_PEERCRED, SO_PEERGROUPS)."""

    pid: int
    uid: int
    groups: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    """The process at the other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    try:
        groups = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS)
    except OSError:
        groups = b""
    return Peer(pid, uid, frozenset((gid, *(group for (group,) in _GROUP.iter_unpack(groups)))))


class Talk:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._read = bytearray()

    def say(self, **document: Any) -> None:
        """Sends one document. Raises Gone."""
        line = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        try:
            self._connection.settimeout(PATIENCE)
            self._connection.sendall(line)
        except OSError:
            raise Gone from None

    def hear(self, seconds: float | None = None, largest: int = SMALL) -> dict[str, Any]:
        """The next document, within so many seconds in all. Raises Gone at the end, and Nonsense."""
        line = self._line(None if seconds is None else time.monotonic() + seconds, largest)
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            raise Nonsense from None
        if not isinstance(document, dict):
            raise Nonsense
        return document

    def is_gone(self) -> bool:
        """Whether the other end has hung up already."""
        self._connection.setblocking(False)
        try:
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _line(self, deadline: float | None, largest: int) -> bytes:
        while (end := self._read.find(b"\n")) < 0:
            if len(self._read) > largest:
                raise Nonsense
            self._read += self._more(deadline)
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line

    def _more(self, deadline: float | None) -> bytes:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Nonsense
        try:
            self._connection.settimeout(left)
            more = self._connection.recv(65536)
        except TimeoutError:
            raise Nonsense from None
        except OSError:
            raise Gone from None
        if not more:
            raise Nonsense if self._read else Gone
        return more
