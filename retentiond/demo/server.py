"""A small IMAP server in this very process: TLS on loopback, mail in memory, gone at the end.

It is pymap's, taught three things by subclasses: folders with roles (SPECIAL-USE, RFC 6154),
keywords that last, and a password check that does not cost half a second. For the demo and the
tests only; the service never imports it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login, Session
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet, Message
from pymap.concurrent import Subsystem
from pymap.config import BackendCapability
from pymap.imap import IMAPServer
from pymap.interfaces.login import IdentityInterface
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import ObjectId
from pymap.parsing.specials.flag import Flag, Recent, get_system_flags
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from retentiond.demo.authority import Authority

#: What everybody has besides the INBOX, and what the server tells of it.
FOLDER_ROLES = {"Sent": b"Sent", "Deleted Items": b"Trash", "Drafts": b"Drafts", "Junk": b"Junk"}

_KEYWORDS = frozenset(Flag(word) for word in (b"$RetentionHold", b"$Forwarded", b"$MDNSent", b"$Label1"))
_PERMANENT = (get_system_flags() - {Recent}) | _KEYWORDS
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0

_Listed = tuple[Iterable[tuple[str, str | None, Sequence[bytes]]], SelectedMailbox | None]


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in at the embedded server."""

    name: str
    password: str


class EmbeddedServer:
    """Serves `users` (name to password) while the context is open; more may be added meanwhile.

    `host` and `port` (a free one) speak TLS from the first byte, with a certificate that `ca_file`
    proves. Everybody has INBOX, Sent, Deleted Items, Drafts and Junk; further folders are made over
    IMAP. Keywords that last: $RetentionHold, $Forwarded, $MDNSent, $Label1.
    """

    host = "127.0.0.1"

    def __init__(self, users: dict[str, str], authority: Authority) -> None:
        self.ca_file: Path = authority.ca_file
        self.port = 0
        self._authority = authority
        self._numbers = itertools.count(1)
        self._is_ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="embedded-imap")
        self._config = _Settings.from_args(
            _ARGUMENTS,
            hash_context=Cleartext(),
            invalid_user_sleep=0.0,
            cpu_subsystem=Subsystem.for_asyncio(),
        )
        self._login = _Login(self._config)
        for name, password in users.items():
            self.add_user(name, password)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._is_ready.wait(_START_SECONDS) or not self.port:
            raise RuntimeError("the embedded mail server did not start")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_STOP_SECONDS)

    def add_user(self, name: str, password: str) -> Account:
        """Lets somebody sign in from now on."""
        self._login.users_dict[name] = UserMetadata(self._config, name, password=password)
        return Account(name, password)

    def new_user(self, stem: str = "someone") -> Account:
        """A user nobody used before, with empty folders."""
        return self.add_user(f"{stem}{next(self._numbers)}@relay.example", "open-sesame")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        # What goes wrong on one connection ends that connection; its words may quote mail (P7).
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._config.apply_context()
        tls = self._authority.server_context()
        server = await asyncio.start_server(self._accept, self.host, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stop.wait()
        # Not awaited: since Python 3.12 that would wait for every client to hang up.
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # pymap's own way in keeps no reference to the task, and the collector then hangs up in mid-session.
        await IMAPServer(self._login, self._config)(reader, writer, SocketInfo.get(writer, None))


_ARGUMENTS = Namespace(
    host=EmbeddedServer.host,
    port=0,
    # TLS is spoken from the first byte, by asyncio; what this names is STARTTLS.
    tls=False,
    cert=None,
    key=None,
    debug=False,
    proxy_protocol=None,
    inherited_sockets=None,
    passlib_cfg=None,
    demo_data=False,
    demo_user="",
    demo_password="",
    skip_services=[],
    admin_key=None,
    token_key=None,
)


class _Settings(Config):
    @property
    def backend_capability(self) -> BackendCapability:
        return BackendCapability(idle=True, object_id=True, multi_append=True, custom=[b"SPECIAL-USE"])

    @property
    def greeting(self) -> bytes:
        # pymap asks the resolver for this machine's name here, which can take seconds.
        return b"Server ready"


class _Login(Login):
    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> Identity:
        allowed = await super().authorize(authenticated, authzid)
        return _Identity(allowed.name, self, None, allowed.roles)


class _Identity(Identity):
    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[Session]:
        await self.get()
        cache = self.config.set_cache
        if self.name not in cache:
            cache[self.name] = (_Folders(), FilterSet())
        yield _Session(self.name, self.config, *cache[self.name])


class _Session(Session):
    async def list_mailboxes(
        self, ref_name: str, filter_: str, subscribed: bool = False, selected: SelectedMailbox | None = None
    ) -> _Listed:
        entries, updates = await super().list_mailboxes(ref_name, filter_, subscribed, selected)
        return [(name, sep, (*flags, *_role(name))) for name, sep, flags in entries], updates


def _role(name: str) -> tuple[bytes, ...]:
    return (FOLDER_ROLES[name],) if name in FOLDER_ROLES else ()


class _Folders(MailboxSet):
    def __init__(self) -> None:
        super().__init__()
        self._inbox = self._new_folder()
        self._set = {name: self._new_folder() for name in FOLDER_ROLES}

    def _new_folder(self) -> MailboxData:
        return _Folder(self._content_cache, self._thread_cache)

    async def add_mailbox(self, name: str) -> ObjectId:
        await super().add_mailbox(name)
        self._set[name] = made = self._new_folder()
        return made.mailbox_id


class _Folder(MailboxData):
    @property
    def permanent_flags(self) -> frozenset[Flag]:
        return _PERMANENT

    async def append(self, append_msg: AppendMessage, **how: Any) -> Message:
        if append_msg.when is None:
            # pymap would take a naive local time, and then answer FETCH INTERNALDATE without a zone.
            now = datetime.now(UTC).replace(microsecond=0)
            append_msg = AppendMessage(append_msg.literal, now, append_msg.flag_set, append_msg.options)
        return await super().append(append_msg, **how)
