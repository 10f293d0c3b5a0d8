"""A proxy that reads the wire between a client and a server, and breaks it where it is told to.

It ends TLS on both sides, so it sees commands as they are sent (`troubles.py` says what is kept of them).
"""

from __future__ import annotations

import asyncio
import re
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from retentiond.demo.authority import Authority
from tests.servers.client import Server
from tests.servers.troubles import Action, Armed, Trouble, is_intrusion, record, verb

_LIMIT = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r?\n$")


class Proxy:
    """Stands before `upstream` while the context is open; `host`, `port`, `ca_file` as any server.

    `commands` is what clients sent, in order, without tags; `struck` the actions that have happened.
    `hide` takes abilities out of what the server tells; `replace` maps regular expressions to what
    answers shall say instead (lines only, never literals). Both leave the server as able as it was.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        upstream: Server,
        authority: Authority,
        *troubles: Trouble,
        hide: Sequence[str] = (),
        replace: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.ca_file = authority.ca_file
        self.port = 0
        self.commands: list[str] = []
        self.struck: list[Action] = []
        self.failures: list[Exception] = []
        self._upstream = upstream
        self._authority = authority
        self._troubles = [Armed(trouble) for trouble in troubles]
        self._swaps = [(re.compile(b" " + re.escape(word.encode()) + rb"(?=[\s\]])"), b"") for word in hide]
        self._swaps += [(re.compile(pattern), by) for pattern, by in (replace or {}).items()]
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10), "the proxy did not start"
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        if exc is None:
            assert not self.failures, f"a deed failed: {self.failures}"

    def expect(self, *troubles: Trouble) -> None:
        """Adds troubles; their counting begins now."""
        self._troubles += [Armed(trouble) for trouble in troubles]

    def forget(self) -> None:
        """Empties the record, so that the next look at it is about what comes."""
        self.commands.clear()

    def verbs(self) -> set[str]:
        """The commands that were sent, by name: "EXAMINE", "UID STORE"."""
        return {verb(command) for command in self.commands}

    def intrusions(self) -> list[str]:
        """What was sent that may leave a trace: other verbs than the harmless, and FETCH without PEEK."""
        return [command for command in self.commands if is_intrusion(command)]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop.set_exception_handler(lambda _loop, _context: None)
        server = await asyncio.start_server(
            self._accept, self.host, 0, ssl=self._authority.server_context(), limit=_LIMIT
        )
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stop.wait()
        server.close()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(
                self._upstream.host, self._upstream.port, ssl=self._authority.client_context(), limit=_LIMIT
            )
        except OSError:
            writer.transport.abort()
            return
        await _Line(self, (reader, writer), upstream).run()

    def note(self, command: str) -> Trouble | None:
        """Writes a command down; gives the trouble that is due with it."""
        self.commands.append(command)
        due = [armed for armed in self._troubles if armed.is_due(command)]
        if not due:
            return None
        self.struck.append(due[0].trouble.action)
        return due[0].trouble

    def reworded(self, line: bytes) -> bytes:
        """A line of the server's as the client is to see it."""
        for pattern, by in self._swaps:
            line = pattern.sub(by, line)
        return line


class _Line:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[StreamReader, StreamWriter],
        server: tuple[StreamReader, StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._trouble: Action | None = None
        self._tag = b""
        #: Whether the server lets a synchronising literal come: True, or False where it refused.
        self._go_ahead: asyncio.Queue[bool] = asyncio.Queue()

    async def run(self) -> None:
        sides = [asyncio.create_task(side()) for side in (self._commands, self._answers)]
        await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        for writer in (self._to_client, self._to_server):
            if self._trouble:
                writer.transport.abort()
            else:
                writer.close()

    # ── from the client ──────────────────────────────────────────────────────────────────────────

    async def _commands(self) -> None:
        while line := await self._from_client.readline():
            tag, _blank, text = line.partition(b" ")
            if not text:  # DONE, or a step of AUTHENTICATE
                await _send(self._to_server, line)
                continue
            self._tag = tag
            self._go_ahead = asyncio.Queue()
            trouble = self._proxy.note(record(text))
            if trouble:
                await self._prepare(trouble)
            if self._trouble == "cut-before":
                return
            await self._carry(line)
            if self._trouble == "half":
                return
            if self._trouble:
                # What was written behind the broken command shall not reach the server.
                await asyncio.Event().wait()

    async def _prepare(self, trouble: Trouble) -> None:
        if trouble.action != "call":
            self._trouble = trouble.action
        elif trouble.deed:
            try:
                await asyncio.get_running_loop().run_in_executor(None, trouble.deed)
            except Exception as error:
                self._proxy.failures.append(error)

    async def _carry(self, line: bytes) -> None:
        """Takes a command to the server, with its literals as far as the server lets them come."""
        is_half = self._trouble == "half"
        while literal := _LITERAL.search(line):
            await _send(self._to_server, line)
            if not literal[2] and not await self._go_ahead.get():
                return
            size = int(literal[1])
            await _relay(self._from_client, self._to_server, size // 2 if is_half else size)
            if is_half:
                return
            line = await self._from_client.readline()
        await _send(self._to_server, line[: len(line) // 2] if is_half else line)

    # ── from the server ──────────────────────────────────────────────────────────────────────────

    async def _answers(self) -> None:
        while line := await self._from_server.readline():
            is_last = bool(self._tag) and line.startswith(self._tag + b" ")
            if line.startswith(b"+"):
                self._go_ahead.put_nowait(True)
            elif is_last:
                self._go_ahead.put_nowait(False)
            if is_last and self._trouble == "cut-after":
                return
            if self._trouble == "half-reply" and not line.startswith(b"+"):
                await _send(self._to_client, line[: len(line) // 2])
                return
            await self._tell(line)

    async def _tell(self, line: bytes) -> None:
        literal = _LITERAL.search(line)
        is_withheld = self._trouble in {"cut-after", "stall"} and not line.startswith(b"+")
        if not is_withheld:
            await _send(self._to_client, self._proxy.reworded(line))
        if literal:
            await _relay(self._from_server, None if is_withheld else self._to_client, int(literal[1]))


async def _send(writer: StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _relay(reader: StreamReader, writer: StreamWriter | None, size: int) -> None:
    while size:
        data = await reader.read(min(size, _CHUNK))
        if not data:
            raise ConnectionError
        size -= len(data)
        if writer:
            await _send(writer, data)
