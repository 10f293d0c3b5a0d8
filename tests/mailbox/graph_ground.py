"""The ground of the contract on the stand-in Graph, and an account as the configuration would have it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from retentiond.config import GraphAccount, Proof, SecretReference, Source
from retentiond.mailbox.base import Mailbox
from retentiond.mailbox.graph import GraphMailbox
from retentiond.mailbox.graph_badge import Badge
from retentiond.mailbox.graph_gate import Gate
from retentiond.mailbox.likeness import likeness
from retentiond.mailbox.patience import Patience
from retentiond.mailbox.scope import Scope
from retentiond.mailbox.secret import Secret
from tests.mailbox.grounds import MARKER, Ground, Seen
from tests.servers.graph import FolderHandle, Graph

_ANSWERED = ("tag", 0x1081)


def graph_account(server: Graph, **changes: Any) -> GraphAccount:
    """An account as the configuration would have it, of the stand-in's own application."""
    settings: dict[str, Any] = {
        "name": "mail",
        "tenant": server.tenant.id,
        "client_id": server.app.client_id,
        "auth": Proof.CERTIFICATE,
        "secret": SecretReference("mail", Source.ENV, "NOBODY_ASKS"),
        "endpoint": server.url,
        "authority": server.endpoint,
        "ca_file": Path(server.ca_file),
        "timeout": 20,
        "patience": 20,
        "has_recoverable_items": True,
        "tells_of_archive": True,
        "single_item_recovery": None,
        "reviews_receipts": True,
        "hold_category": "Retention hold",
    }
    return GraphAccount(**{**settings, **changes})


class GraphGround(Ground):
    """Two fresh mailboxes on a stand-in. A keyword is a category there, and nothing is marked deleted."""

    lacks = frozenset({"deletion-flag", "sizes", "remake"})

    def __init__(self, server: Graph, *, recovers: bool = False, **changes: Any) -> None:
        self.server = server
        self.names = {"inbox": "inbox", "sent": "sentitems", "trash": "deleteditems"}
        self.account = graph_account(server, **changes)
        self.patience = Patience(20, sleep=lambda seconds: None)
        credential = server.credential
        self.secret = Secret(lambda: credential.key_pem + credential.certificate_pem)
        self.badge = Badge(self.account, self.secret)
        self.gate = Gate()
        self._keys: dict[str, str] = {}
        for where in ("here", "there"):
            server.mailbox(self.address(where), recovers=recovers)

    @staticmethod
    def address(where: str) -> str:
        return f"{where}@relay.example"

    def mailbox(self, scope: Scope, where: str) -> Mailbox:
        return GraphMailbox(
            self.account, scope, MARKER, self.address(where), self.badge, self.patience, self.gate
        )

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
            extended={_ANSWERED: "102"} if "\\Answered" in flags else None,
        )
        return self._key(next(item for item in handle.items() if item.id == id_))

    def messages(self, folder: str, where: str = "here") -> list[Seen]:
        return [
            Seen(self._key(item), item.content, item.received, _flags(item))
            for item in self.folder(folder, where).items()
            if item.received is not None
        ]

    def flag(self, folder: str, uid: Any, *flags: str) -> None:
        handle = self.folder(folder)
        item = next(item for item in handle.items() if _id(item) == str(uid).partition(" ")[0])
        handle.mark(item.id, categories=[*item.categories, *flags])

    def remake(self, folder: str) -> None:
        raise NotImplementedError

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
        return self._keys.setdefault(item.lasting_id, f"{_id(item)} {item.change_key}")


def _id(item: Any) -> str:
    """An immutable id as Graph writes it."""
    return str(item.lasting_id).translate(str.maketrans("+/", "-_"))


def _flags(item: Any) -> frozenset[str]:
    flags = {category.lower() for category in item.categories}
    flags |= {"\\seen"} if item.is_read else set()
    flags |= {"\\draft"} if item.is_draft else set()
    flags |= {"\\flagged"} if item.flag == "Flagged" else set()
    flags |= {"\\answered"} if item.extended.get(_ANSWERED) == "102" else set()
    return frozenset(flags)
