"""The grounds on which the one contract is held: a server, two mailboxes on it, and another client.

The other client is a plain imapclient: what it sees is what a person sees.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from retentiond.config import ImapAccount, Login, SecretReference, Source, Tls
from retentiond.core.model import Kind
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.imap import ImapMailbox
from retentiond.mailbox.marker import Marker
from retentiond.mailbox.memory import Folder, MemoryMailbox, MemoryServer
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.servers.client import Server, signed_in
from tests.servers.dovecot import Dovecot
from tests.servers.seed import Seed, append_all
from tests.servers.users import User

MARKER = Marker(b"a key for tests, 32 bytes long...")
HELPLINE = "helpline@relay.example"


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as another client sees it; flags without \\Recent, in lower case."""

    uid: int
    content: bytes
    received: datetime
    flags: frozenset[str]


class Ground(ABC):
    """Mailboxes "here" and "there" on one server. Folders are named by the words in `names`."""

    names: dict[str, str]
    #: What the server lacks that a promise needs, by the names used in `needs`.
    lacks: frozenset[str] = frozenset()

    def open(self, kind: Kind = Kind.HELPLINE, where: str = "here", **scope: Any) -> Mailbox:
        """A mailbox for a target, not yet connected."""
        return self.mailbox(Scope(where, kind, **{"identities": (HELPLINE,), **scope}), where)

    @abstractmethod
    def mailbox(self, scope: Scope, where: str) -> Mailbox: ...

    @abstractmethod
    def put(
        self,
        folder: str,
        content: bytes,
        received: datetime,
        flags: Sequence[str] = (),
        where: str = "here",
    ) -> int:
        """Another client stores a message; its UID."""

    @abstractmethod
    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        """What another client sees, in order."""

    @abstractmethod
    def flag(self, folder: str, uid: int, *flags: str) -> None:
        """Another client adds flags."""

    def absent(self, key: Any) -> Any:
        """A key like this one, of a message that is not there."""
        return key + 1

    def digest(self, content: bytes) -> bytes:
        """By what this server's messages are compared."""
        return sha256(content).digest()

    @abstractmethod
    def remake(self, folder: str) -> None:
        """Another client deletes a folder and makes it anew: UIDs begin again."""


class ImapGround(Ground):
    """Two fresh users of a server, as an administrator would configure them."""

    def __init__(self, server: Server, here: User, there: User, lacks: Sequence[str] = ()) -> None:
        self.server = server
        self.users = {"here": here, "there": there}
        self.names = {"inbox": "INBOX", "sent": "Sent", "trash": "Deleted Items"}
        self.lacks = frozenset(lacks)
        self._stack = ExitStack()
        self._clients: dict[str, IMAPClient] = {}

    def close(self) -> None:
        self._stack.close()

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        user = self.users[where]
        return ImapMailbox(account(self.server), scope, MARKER, user.name, Secret(lambda: user.password))

    def client(self, where: str = "here") -> IMAPClient:
        if where not in self._clients:
            self._clients[where] = self._stack.enter_context(signed_in(self.server, self.users[where]))
        return self._clients[where]

    def put(
        self,
        folder: str,
        content: bytes,
        received: datetime,
        flags: Sequence[str] = (),
        where: str = "here",
    ) -> int:
        client = self.client(where)
        name = self.names.get(folder, folder)
        if not client.folder_exists(name):
            client.create_folder(name)
        uid = int(client.folder_status(name, ["UIDNEXT"])[b"UIDNEXT"])
        append_all(client, name, [Seed(content, received, tuple(flags))])
        return uid

    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        client = self.client(where)
        client.select_folder(self.names.get(folder, folder), readonly=True)
        client.noop()
        found = client.fetch(client.search(), ["BODY.PEEK[]", "INTERNALDATE", "FLAGS"])
        _leave(client)
        return [
            Seen(uid, row[b"BODY[]"], row[b"INTERNALDATE"], _flags(row[b"FLAGS"]))
            for uid, row in sorted(found.items())
        ]

    def flag(self, folder: str, uid: int, *flags: str) -> None:
        client = self.client()
        client.select_folder(self.names.get(folder, folder))
        client.add_flags(uid, flags)
        client.select_folder(self.names.get(folder, folder), readonly=True)
        _leave(client)

    def remake(self, folder: str) -> None:
        client = self.client()
        client.delete_folder(folder)
        client.create_folder(folder)


class MemoryGround(Ground):
    """The same in memory."""

    def __init__(self) -> None:
        self.server = MemoryServer()
        self.names = {"inbox": "INBOX", "sent": "Sent", "trash": "Trash"}
        self.lacks = frozenset({"days"})

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        return MemoryMailbox(self.server, where, scope, MARKER)

    def _folder(self, name: str, where: str = "here") -> Folder:
        return self.server.mailbox(where).setdefault(self.names.get(name, name), Folder())

    def put(
        self,
        folder: str,
        content: bytes,
        received: datetime,
        flags: Sequence[str] = (),
        where: str = "here",
    ) -> int:
        return self._folder(folder, where).put(content, received, flags)

    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        found = self._folder(folder, where).messages.items()
        return [
            Seen(uid, stored.content, stored.received, frozenset(flag.lower() for flag in stored.flags))
            for uid, stored in found
            if stored.received is not None
        ]

    def flag(self, folder: str, uid: int, *flags: str) -> None:
        self._folder(folder).messages[uid].flags |= set(flags)

    def remake(self, folder: str) -> None:
        old = self._folder(folder)
        self.server.mailbox("here")[folder] = Folder(version=old.version + 1)


def account(server: Server, **changes: Any) -> ImapAccount:
    """An account as the configuration would have it."""
    settings: dict[str, Any] = {
        "name": "mail",
        "host": server.host,
        "port": server.port,
        "tls": Tls.IMPLICIT,
        "ca_file": Path(server.ca_file),
        "user": None,
        "login": Login.DIRECT,
        "master_separator": "*",
        "shared_prefix": None,
        "secret": SecretReference("mail", Source.ENV, "NOBODY_ASKS"),
        "timeout": 20,
        "server_keeps": None,
        "roles": {},
    }
    return ImapAccount(**{**settings, **changes})


def dovecot_ground(server: Dovecot, lacks: Sequence[str] = ()) -> Iterator[ImapGround]:
    """Two users nobody used before on a Dovecot, which makes today of a date that lies ahead."""
    ground = ImapGround(server, server.new_user("here"), server.new_user("there"), ["future", *lacks])
    yield ground
    ground.close()


def _flags(flags: Sequence[bytes]) -> frozenset[str]:
    return frozenset(flag.decode().lower() for flag in flags) - {"\\recent"}


def _leave(client: IMAPClient) -> None:
    """Leaves a folder that is open for reading only: there CLOSE expunges nothing."""
    with suppress(client.Error):  # pymap says NO to it, and leaves
        client.close_folder()
