"""What a test holds: a mailbox and its folders, filled and read past the protocol, as by another client.

Every look and every change takes the server's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.servers.mailstore.content import Content
from tests.servers.mailstore.mapi import Key
from tests.servers.mailstore.names import Known, short
from tests.servers.mailstore.store import Folder, Item, Mailbox, Store


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """An item as it stands: what is stored, not what a protocol makes of it."""

    id: str
    lasting_id: str
    change_key: str
    content: bytes
    received: datetime | None
    sent: datetime | None
    is_read: bool
    is_draft: bool
    categories: tuple[str, ...]
    item_class: str
    flag: str
    extended: dict[Key, str | tuple[str, ...]]
    receipt_pending: bool


class FolderHandle:
    """One folder of a mailbox."""

    def __init__(self, store: Store, lock: threading.RLock, folder: Folder) -> None:
        self._store = store
        self._lock = lock
        self._folder = folder

    def __len__(self) -> int:
        return len(self._folder.items)

    @property
    def id(self) -> str:
        return self._folder.id

    @property
    def path(self) -> str:
        return short(self._folder.path)

    def add(
        self,
        mime: bytes,
        received: datetime | None,
        is_read: bool = True,
        *,
        categories: Sequence[str] = (),
        item_class: str = "IPM.Note",
        element: str = "",
        sent: datetime | None = None,
        is_draft: bool = False,
        flag: str = "NotFlagged",
        wants_receipt: bool | None = None,
        dumped: datetime | None = None,
        extended: Mapping[Key, str | tuple[str, ...]] | None = None,
    ) -> str:
        """Stores an item and gives its id. `received` None: an item without a date; fractions are kept.

        `element` renders it as another element than its class has. `wants_receipt` None: by its
        headers. `dumped` is when it came, for a folder of Recoverable Items; now unless told.
        `extended` are MAPI properties: `{("tag", 0x1081): "102"}`.
        """
        content = Content(mime)
        now = self._store.clock.now()
        item = Item(
            content=content,
            item_class=item_class,
            received=received,
            sent=sent or received,
            created=received or now,
            modified=received or now,
            is_read=is_read,
            is_draft=is_draft,
            categories=tuple(categories),
            flag=flag,
            element_override=element,
            extended=dict(extended or {}),
        )
        if wants_receipt is None:
            wants_receipt = b"disposition-notification-to:" in mime[:4096].lower()
        item.receipt_pending = wants_receipt and not is_read
        if self._folder.is_recoverable:
            item.dumped = dumped or now
        with self._lock:
            self._store.place(item, self._folder)
            return item.id

    def fill(self, messages: Iterable[tuple[bytes, datetime]], is_read: bool = True) -> int:
        """Stores many: pairs of bytes and date. The number stored."""
        return sum(1 for mime, received in messages if self.add(mime, received, is_read))

    def items(self) -> list[Seen]:
        """What stands in the folder, in the order in which it came."""
        with self._lock:
            return [_seen(item) for item in self._folder.items.values()]

    def mark(self, id_: str, *, categories: Sequence[str] | None = None, is_read: bool | None = None) -> None:
        """Another client changes an item; its change key is another one then."""
        with self._lock:
            item = self._item(id_)
            if categories is not None:
                item.categories = tuple(categories)
            if is_read is not None:
                item.is_read = is_read
            self._store.altered(item)

    def remove(self, id_: str) -> None:
        """Another client makes an item vanish, past every bin."""
        with self._lock:
            self._store.take(self._item(id_))

    def move(self, id_: str, to: FolderHandle) -> str:
        """Another client moves an item; its new id."""
        with self._lock:
            return self._store.move(self._item(id_), to._folder).id

    def clear(self) -> None:
        """Everything vanishes, past every bin."""
        with self._lock:
            for item in list(self._folder.items.values()):
                self._store.take(item)

    def _item(self, id_: str) -> Item:
        return self._store.item(id_)


def _seen(item: Item) -> Seen:
    return Seen(
        id=item.id,
        lasting_id=item.lasting_id,
        change_key=item.change_key,
        content=item.content.mime,
        received=item.received,
        sent=item.sent,
        is_read=item.is_read,
        is_draft=item.is_draft,
        categories=item.categories,
        item_class=item.item_class,
        flag=item.flag,
        extended=dict(item.extended),
        receipt_pending=item.receipt_pending,
    )


class MailboxHandle:
    """One mailbox. Folders are named by distinguished id or by path: "sentitems", "Inbox/Cases"."""

    def __init__(self, store: Store, lock: threading.RLock, mailbox: Mailbox, password: str) -> None:
        self._store = store
        self._lock = lock
        self._mailbox = mailbox
        self.password = password

    @property
    def address(self) -> str:
        return self._mailbox.address

    def folder(
        self, name: str, *, folder_class: str = "IPF.Note", element: str = "Folder", hidden: bool = False
    ) -> FolderHandle:
        """The folder of this name; one that is missing is made, with its parents, `hidden` or not."""
        with self._lock:
            found = self._find(name)
            if found is None:
                above, _slash, last = name.rpartition("/")
                parent = self.folder(above)._folder if above else self._mailbox.known("msgfolderroot")
                found = self._mailbox.make(Known("", last, "", folder_class, element), parent)
                found.is_hidden = hidden
            return FolderHandle(self._store, self._lock, found)

    def drop_folder(self, name: str) -> None:
        """Another client deletes a folder with all that is in it."""
        with self._lock:
            folder = self._find(name)
            assert folder, f"there is no folder {name}"
            assert folder.parent, "a root cannot be deleted"
            folder.parent.children.remove(folder)
            for gone in (folder, *folder.below()):
                for item in list(gone.items.values()):
                    self._store.take(item)
                del self._mailbox.folders[gone.number]

    def items(self) -> Iterator[tuple[str, Seen]]:
        """Everything in every folder, Recoverable Items and the archive included, with the folder's path."""
        with self._lock:
            everything = [
                (short(folder.path), _seen(item))
                for folder in self._mailbox.folders.values()
                for item in folder.items.values()
            ]
        yield from everything

    def recover_single_items(self, days: int = 14, *, refuses: bool = False) -> None:
        """Turns single item recovery on: Purges keeps for `days`. `refuses`: deletions there are refused
        with ErrorCannotDeleteObject, else they are answered with success and the item stays."""
        with self._lock:
            self._mailbox.keeps_purges = True
            self._mailbox.retention = timedelta(days=days)
            self._mailbox.refuses_purges = refuses

    def forget_deleted(self) -> None:
        """Turns single item recovery off."""
        with self._lock:
            self._mailbox.keeps_purges = False

    def hold(self, on: bool = True, *, refuses: bool = False, delay: int = 0) -> None:
        """Sets or lifts a hold of the server's (litigation hold, In-Place Hold). `delay`: for how many days
        a lifted one still keeps everything (30 in the cloud)."""
        with self._lock:
            self._mailbox.is_held = on
            ends = self._store.clock.now() + timedelta(days=delay)
            self._mailbox.delayed_until = ends if delay and not on else None
            self._mailbox.refuses_purges = refuses

    def _find(self, name: str) -> Folder | None:
        for folder in self._mailbox.folders.values():
            is_archive = folder.known.id.startswith("archive") and folder.known.id != "archive"
            if folder.known.id == name or (not is_archive and short(folder.path) == name):
                return folder
        return None
