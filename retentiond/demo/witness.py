"""A plain IMAP client of seven commands, which shares no line of code with what it bears witness to.

It lays the invented mail down before the story and counts what is there after it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from retentiond.demo.server import EmbeddedServer
from retentiond.demo.world import Letter

_TIMEOUT_SECONDS = 30.0
_ITEM = re.compile(
    rb'\* \d+ FETCH \((?=.*?UID (\d+))(?=.*?INTERNALDATE "([^"]+)")(?=.*?FLAGS \(([^)]*)\))', re.DOTALL
)
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """A message as it lies on the server now. `flags` are without `\\Recent`."""

    mailbox: str
    folder: str
    uid: int
    content: bytes
    received: datetime
    flags: frozenset[str]


class Witness:
    """One signed-in connection to one mailbox of the embedded server."""

    def __init__(self, server: EmbeddedServer, alias: str, user: str, password: str) -> None:
        self._alias = alias
        plain = socket.create_connection((server.host, server.port), _TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=str(server.ca_file))
        self._socket = context.wrap_socket(plain, server_hostname=server.host)
        self._answers = self._socket.makefile("rb")
        self._answers.readline()  # the greeting
        self._ask(f'LOGIN "{user}" "{password}"'.encode("ascii"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._answers.close()
        self._socket.close()

    def lay(self, folder: str, letters: Iterable[Letter], *, is_new: bool) -> None:
        """Lays letters down in one command (MULTIAPPEND, RFC 3502), with their dates and flags."""
        if is_new:
            self._ask(f'CREATE "{folder}"'.encode("ascii"))
        parts = [f'APPEND "{folder}"'.encode("ascii")]
        for letter in letters:
            date = letter.received.strftime("%d-%b-%Y %H:%M:%S %z")
            head = f' ({" ".join(letter.flags)}) "{date}" {{{len(letter.content)}+}}\r\n'
            parts += [head.encode("ascii"), letter.content]
        self._ask(b"".join(parts))

    def look(self) -> list[Found]:
        """Every message of every folder, whole. Marks nothing read (EXAMINE, BODY.PEEK)."""
        found: list[Found] = []
        for line, _ in self._ask(b'LIST "" "*"'):
            folder = line.rpartition(b' "/" ')[2].strip().strip(b'"').decode("ascii")
            self._ask(f'EXAMINE "{folder}"'.encode("ascii"))
            for head, content in self._ask(b"UID FETCH 1:* (UID INTERNALDATE FLAGS BODY.PEEK[])"):
                found.append(self._found(folder, head, content))
        return found

    def _found(self, folder: str, head: bytes, content: bytes) -> Found:
        match = _ITEM.match(head)
        assert match is not None, "the embedded server answers FETCH in one known form"
        received = datetime.strptime(match[2].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")
        flags = frozenset(match[3].decode("ascii").split()) - {"\\Recent"}
        return Found(self._alias, folder, int(match[1]), content, received, flags)

    def _ask(self, command: bytes) -> list[tuple[bytes, bytes]]:
        """Sends one command; the untagged LIST and FETCH answers as text and literal. Raises
        RuntimeError unless the server says OK."""
        self._socket.sendall(b"w " + command + b"\r\n")
        answers: list[tuple[bytes, bytes]] = []
        while True:
            text, literal = self._answer()
            if text.startswith(b"w "):
                if not text.startswith(b"w OK"):
                    raise RuntimeError("the embedded mail server refused a command of the demo")
                return answers
            if not text:
                raise RuntimeError("the embedded mail server hung up")
            if text.startswith(b"* LIST ") or b" FETCH (" in text[:24]:
                answers.append((text, literal))

    def _answer(self) -> tuple[bytes, bytes]:
        """One answer: its text without the literal, and the literal."""
        text, literal = self._answers.readline(), b""
        while match := _LITERAL.search(text):
            literal = self._answers.read(int(match[1]))
            text = text[: match.start()] + self._answers.readline()
        return text, literal
