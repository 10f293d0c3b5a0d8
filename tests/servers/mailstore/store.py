"""Mailboxes, folders and items as a server holds them, with ids that change on a move and change keys.

Nothing here knows of SOAP, of rights or of retention. Every instant is aware.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from tests.servers.mailstore.clock import Clock
from tests.servers.mailstore.content import Content
from tests.servers.mailstore.names import ARCHIVE, STANDARD, Known, element_of

#: A property set by a client: its value as text, or several values.
Value = str | tuple[str, ...]

#: Exchange writes ids in the common alphabet of base64, Graph in the one for addresses.
FOR_ADDRESSES = str.maketrans("+/", "-_")
_FROM_ADDRESS = str.maketrans("-_", "+/")


@dataclass(eq=False, repr=False)
class Item:
    """One item. `received` is None where it has no date; `dumped` is when it came to Recoverable Items."""

    content: Content
    item_class: str
    received: datetime | None
    sent: datetime | None
    created: datetime
    modified: datetime
    is_read: bool = False
    is_draft: bool = False
    categories: tuple[str, ...] = ()
    flag: str = "NotFlagged"
    importance: str = "Normal"
    sensitivity: str = "Normal"
    subject_override: str | None = None
    extended: dict[tuple[object, ...], Value] = field(default_factory=dict)
    receipt_pending: bool = False
    element_override: str = ""
    is_from_me: bool = False
    #: Stays with an item wherever it is moved or copied.
    search_key: bytes = field(default_factory=lambda: os.urandom(16))
    number: int = 0
    #: Stays with an item while it is in this mailbox (an immutable id); `number` changes with each move.
    lasting: int = 0
    change: int = 0
    born: int = 0
    dumped: datetime | None = None
    folder: Folder | None = None

    @property
    def element(self) -> str:
        return self.element_override or element_of(self.item_class)

    @property
    def subject(self) -> str:
        return self.content.subject if self.subject_override is None else self.subject_override

    @property
    def home(self) -> Folder:
        assert self.folder, "the item is in no folder"
        return self.folder

    @property
    def id(self) -> str:
        return self.home.mailbox.id_of("I", self.number)

    @property
    def lasting_id(self) -> str:
        """An id that outlives moves within the mailbox, as Graph gives it to those who prefer it."""
        return self.home.mailbox.id_of("L", self.lasting).translate(FOR_ADDRESSES)

    @property
    def change_key(self) -> str:
        return change_key(self.change)

    def twin(self) -> Item:
        """A copy of everything but its place."""
        values = {name: getattr(self, name) for name in Item.__dataclass_fields__}
        values |= {"extended": dict(self.extended), "number": 0, "lasting": 0, "folder": None, "dumped": None}
        return Item(**values)


class Folder:
    """A folder; its items by number, in the order in which they came."""

    def __init__(self, mailbox: Mailbox, known: Known, parent: Folder | None, number: int) -> None:
        self.mailbox = mailbox
        self.known = known
        self.name = known.name
        self.parent = parent
        self.number = number
        self.children: list[Folder] = []
        self.items: dict[int, Item] = {}
        self.gone: list[tuple[int, str]] = []
        #: Sorted views, forgotten with each change.
        self.views: dict[object, list[Item]] = {}
        self.change = 0
        self.is_hidden = False
        #: How many items the server says that there are, where that is wrong; -1: it does not say.
        self.miscount: int | None = None

    @cached_property
    def id(self) -> str:
        return self.mailbox.id_of("F", self.number)

    @property
    def told_count(self) -> int:
        """How many items the server says that there are."""
        return len(self.items) if self.miscount is None else self.miscount

    @property
    def distinguished(self) -> str:
        return self.known.id

    @property
    def path(self) -> str:
        above = self.parent.path if self.parent and self.parent.name else ""
        return f"{above}/{self.name}" if above else self.name

    @property
    def is_recoverable(self) -> bool:
        return "recoverableitems" in self.known.id

    def below(self) -> Iterator[Folder]:
        for child in self.children:
            yield child
            yield from child.below()


class Mailbox:
    """One mailbox with its folders. Retention is set by the attributes; `retention.py` acts on them.

    `keeps_purges` is single item recovery, `is_held` any hold, `delayed_until` the end of the delay hold
    that follows one in the cloud; `refuses_purges` says how a kept item in
    Purges answers a deletion: with an error, or with a success after which it is still there.
    """

    def __init__(self, store: Store, address: str, name: str, has_archive: bool) -> None:
        self.store = store
        self.address = address
        self.name = name
        self.has_archive = has_archive
        self.guid = hashlib.sha256(address.encode()).digest()[:16]
        self.folders: dict[int, Folder] = {}
        self.by_number: dict[int, Item] = {}
        self.by_lasting: dict[int, Item] = {}
        self.keeps_purges = False
        self.is_held = False
        self.delayed_until: datetime | None = None
        self.refuses_purges = False
        self.retention = timedelta(days=14)
        for known in (*STANDARD, *(ARCHIVE if has_archive else ())):
            self.make(known, self.known(known.parent) if known.parent else None)

    @property
    def is_on_hold(self) -> bool:
        """Whether a hold keeps everything now, or the delay that follows its end does."""
        is_delayed = self.delayed_until is not None and self.store.clock.now() < self.delayed_until
        return self.is_held or is_delayed

    def make(self, known: Known, parent: Folder | None) -> Folder:
        folder = Folder(self, known, parent, self.store.next_number())
        folder.change = self.store.next_change()
        self.folders[folder.number] = folder
        if parent:
            parent.children.append(folder)
        return folder

    def known(self, distinguished: str) -> Folder:
        """A folder by its distinguished id. Raises KeyError where the mailbox has none."""
        for folder in self.folders.values():
            if folder.known.id == distinguished:
                return folder
        raise KeyError(distinguished)

    def id_of(self, kind: str, number: int) -> str:
        """An opaque id; as long as Exchange's, so that requests weigh what they would."""
        raw = self.guid + kind.encode() + number.to_bytes(8, "big")
        return ("AAkA" if kind == "L" else "AAMk") + base64.b64encode(raw.ljust(87, b"\0")).decode()

    def bin_of(self, folder: Folder, name: str) -> Folder:
        """`deletions`, `purges` or `versions` behind a folder: the archive's for a folder of the archive."""
        top = folder
        while top.parent:
            top = top.parent
        start = "archive" if top.known.id == "archiveroot" else ""
        return self.known(f"{start}recoverableitems{name}")

    def trash_of(self, folder: Folder) -> Folder:
        """Deleted Items of the mailbox, or of the archive for a folder of the archive."""
        is_archived = self.bin_of(folder, "purges").known.id.startswith("archive")
        return self.known("archivedeleteditems" if is_archived else "deleteditems")


class Store:
    """All mailboxes. Changes are numbered over the whole store; whoever writes holds the server's lock."""

    def __init__(self) -> None:
        self.clock = Clock()
        #: Tells what this store exported from what another did.
        self.origin = os.urandom(8).hex()
        self.mailboxes: dict[str, Mailbox] = {}
        self._numbers = itertools.count(1)
        self._changes = itertools.count(1)

    def next_number(self) -> int:
        return next(self._numbers)

    def next_change(self) -> int:
        return next(self._changes)

    def found(self, id_: str) -> tuple[Mailbox, str, int]:
        """Takes an id apart: mailbox, kind ("I", "F", or "L" for a lasting one), number. It may be written in
        the alphabet for addresses. Raises ValueError for a malformed one and KeyError for one of no
        mailbox here."""
        raw = base64.b64decode(id_[4:].translate(_FROM_ADDRESS).encode("ascii"), validate=True)
        if not id_.startswith(("AAMk", "AAkA")) or len(raw) != 87:
            raise ValueError(id_)
        for mailbox in self.mailboxes.values():
            if mailbox.guid == raw[:16]:
                return mailbox, chr(raw[16]), int.from_bytes(raw[17:25], "big")
        raise KeyError(id_)

    def item(self, id_: str) -> Item:
        """The item of an id of either kind. Raises ValueError or KeyError."""
        mailbox, kind, number = self.found(id_)
        return (mailbox.by_lasting if kind == "L" else mailbox.by_number)[number]

    def place(self, item: Item, folder: Folder) -> Item:
        """Puts an item that is nowhere into a folder; it gets a new id and a new change key."""
        item.number = self.next_number()
        item.change = item.born = self.next_change()
        item.lasting = item.lasting or item.number
        item.folder = folder
        folder.items[item.number] = item
        folder.mailbox.by_number[item.number] = folder.mailbox.by_lasting[item.lasting] = item
        self._touched(folder)
        return item

    def take(self, item: Item) -> None:
        """Takes an item out of its folder; whoever knew its id finds nothing."""
        folder = item.home
        del folder.items[item.number], folder.mailbox.by_number[item.number]
        del folder.mailbox.by_lasting[item.lasting]
        folder.gone.append((self.next_change(), item.id))
        self._touched(folder)
        item.folder = None

    def move(self, item: Item, folder: Folder) -> Item:
        is_abroad = folder.mailbox is not item.home.mailbox
        self.take(item)
        item.lasting = 0 if is_abroad else item.lasting
        return self.place(item, folder)

    def altered(self, item: Item) -> None:
        """After any change to an item: another change key."""
        item.change = self.next_change()
        item.modified = self.clock.now()
        self._touched(item.home)

    def view(self, folder: Folder, order: object, sort: Callable[[list[Item]], list[Item]]) -> list[Item]:
        """The items of a folder in an order, remembered until the folder changes."""
        if order not in folder.views:
            folder.views[order] = sort(list(folder.items.values()))
        return folder.views[order]

    def _touched(self, folder: Folder) -> None:
        folder.views.clear()
        folder.change = self.next_change()


def change_key(number: int) -> str:
    """An opaque change key."""
    return base64.b64encode(b"\x09\0\0\0" + number.to_bytes(20, "big")).decode()
