"""The ground of the contract on the stand-in Exchange, and an account as the configuration would have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from retentiond.config import Access, Auth, ExchangeAccount, SecretReference, Source
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.ews import EwsMailbox
from retentiond.mailbox.likeness import likeness
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.grounds import MARKER, Ground, Seen
from tests.servers.exchange import Exchange, FolderHandle

_ANSWERED = ("tag", 0x1081)


def exchange_account(server: Exchange, **changes: Any) -> ExchangeAccount:
    """An account as the configuration would have it, with the service's login."""
    settings: dict[str, Any] = {
        "name": "mail",
        "endpoint": server.url,
        "ca_file": Path(server.ca_file),
        "auth": Auth.BASIC,
        "user": server.service.name,
        "client_id": "",
        "token_url": "",
        "secret": SecretReference("mail", Source.ENV, "NOBODY_ASKS"),
        "access": Access.DELEGATE,
        "timeout": 20,
        "patience": 20,
        "has_recoverable_items": True,
        "looks_in_archive": True,
        "single_item_recovery": None,
        "hold_category": "Retention hold",
    }
    return ExchangeAccount(**{**settings, **changes})


class ExchangeGround(Ground):
    """Two fresh mailboxes on a stand-in. A keyword is a category there, and nothing is marked deleted."""

    lacks = frozenset({"deletion-flag", "sizes", "remake"})

    def __init__(self, server: Exchange, **changes: Any) -> None:
        self.server = server
        self.names = {"inbox": "inbox", "sent": "sentitems", "trash": "deleteditems"}
        self.account = exchange_account(server, **changes)
        self.patience = Patience(20, sleep=lambda seconds: None)
        self.secret = server.service.password
        self._keys: dict[str, str] = {}
        for where in ("here", "there"):
            server.mailbox(self.address(where))

    @staticmethod
    def address(where: str) -> str:
        return f"{where}@relay.example"

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        secret = Secret(lambda: self.secret)
        return EwsMailbox(self.account, scope, MARKER, self.address(where), secret, self.patience)

    def folder(self, name: str, where: str = "here") -> FolderHandle:
        return self.server.mailbox(self.address(where)).folder(self.names.get(name, name))

    def put(
        self,
        folder: str,
        content: bytes,
        received: datetime,
        flags: Sequence[str] = (),
        where: str = "here",
    ) -> Any:
        handle = self.folder(folder, where)
        id_ = handle.add(
            content,
            received,
            "\\Seen" in flags,
            categories=[flag for flag in flags if not flag.startswith("\\")],
            is_draft="\\Draft" in flags,
            flag="Flagged" if "\\Flagged" in flags else "NotFlagged",
        )
        if "\\Answered" in flags:
            handle._item(id_).extended[_ANSWERED] = "102"
        return self._key(next(item for item in handle.items() if item.id == id_))

    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        return [
            Seen(self._key(item), item.content, item.received, _flags(item))
            for item in self.folder(folder, where).items()
            if item.received is not None
        ]

    def flag(self, folder: str, uid: Any, *flags: str) -> None:
        handle = self.folder(folder)
        id_ = str(uid).partition(" ")[0]
        before = next(item.categories for item in handle.items() if item.id == id_)
        handle.mark(id_, categories=[*before, *flags])

    def remake(self, folder: str) -> None:
        self.server.mailbox(self.address("here")).drop_folder(folder)
        self.folder(folder)

    def absent(self, key: Any) -> Any:
        """The key of a message that was there once."""
        here = self.folder("Gone")
        id_ = here.add(b"Subject: gone\r\n\r\n", None)
        gone = self._key(next(item for item in here.items() if item.id == id_))
        here.remove(id_)
        return gone

    def digest(self, content: bytes) -> bytes:
        return likeness(content)

    def _key(self, item: Any) -> Any:
        """The key that the item had when it was first seen: a change key is another after each change."""
        return self._keys.setdefault(item.id, f"{item.id} {item.change_key}")


def _flags(item: Any) -> frozenset[str]:
    flags = {category.lower() for category in item.categories}
    flags |= {"\\seen"} if item.is_read else set()
    flags |= {"\\draft"} if item.is_draft else set()
    flags |= {"\\flagged"} if item.flag == "Flagged" else set()
    flags |= {"\\answered"} if item.extended.get(_ANSWERED) == "102" else set()
    return frozenset(flags)


@contextmanager
def exchange_ground(server: Exchange, **changes: Any) -> Iterator[ExchangeGround]:
    yield ExchangeGround(server, **changes)
