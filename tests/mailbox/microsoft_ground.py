"""The ground of the contract on Exchange, here or in the cloud, through a stand-in and its other client."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from retentiond.mailbox.likeness import likeness
from tests.mailbox.grounds import Ground, Seen
from tests.servers.mailstore.handles import FolderHandle

_ANSWERED = ("tag", 0x1081)


class MicrosoftGround(Ground):
    """Two fresh mailboxes on a stand-in. A keyword is a category there, and nothing is marked deleted."""

    lacks = frozenset({"deletion-flag", "sizes", "remake"})
    #: The stand-in.
    server: Any

    def __init__(self) -> None:
        self.names = {"inbox": "inbox", "sent": "sentitems", "trash": "deleteditems"}
        self._keys: dict[str, str] = {}

    @staticmethod
    def address(where: str) -> str:
        return f"{where}@relay.example"

    @abstractmethod
    def id_of(self, item: Any) -> str:
        """The id by which this server's clients name an item."""

    def folder(self, name: str, where: str = "here") -> FolderHandle:
        found: FolderHandle = self.server.mailbox(self.address(where)).folder(self.names.get(name, name))
        return found

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
        item = next(item for item in handle.items() if self.id_of(item) == str(uid).partition(" ")[0])
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
        return self._keys.setdefault(self.id_of(item), f"{self.id_of(item)} {item.change_key}")


def _flags(item: Any) -> frozenset[str]:
    flags = {category.lower() for category in item.categories}
    flags |= {"\\seen"} if item.is_read else set()
    flags |= {"\\draft"} if item.is_draft else set()
    flags |= {"\\flagged"} if item.flag == "Flagged" else set()
    flags |= {"\\answered"} if item.extended.get(_ANSWERED) == "102" else set()
    return frozenset(flags)
