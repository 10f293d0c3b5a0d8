"""How items leave: the three kinds of deletion, Recoverable Items behind them, and what is sent on the way.

What is modelled, after Microsoft's pages on Recoverable Items: a HardDelete puts an item into Purges, a
SoftDelete into Deletions. What is deleted in Recoverable Items goes for good, unless single item
recovery or a hold keeps it: then it stands in Purges until its days there are over, or for ever. Deleting
an unread message that asked for a receipt mails its sender, unless the request suppresses it (KB 2544246).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.servers.mailstore.content import Content
from tests.servers.mailstore.store import Folder, Item, Mailbox, Store

NOT_READ = "REPORT.IPM.Note.IPNNRN"


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that the server mailed to somebody of its own accord."""

    what: str
    mailbox: str
    at: datetime


class Kept(Exception):
    """The server keeps the item and says so."""


class Retention:
    """Removes items from a store. `sent` is what went out on the way; it should stay empty."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sent: list[Sent] = []
        #: False: without single item recovery and hold, a HardDelete destroys at once and Purges stays empty.
        self.hard_delete_fills_purges = True

    def delete(self, item: Item, kind: str, *, suppress_receipts: bool, cancels: bool) -> None:
        """A DeleteItem of one item. Raises Kept where the server refuses."""
        folder = item.home
        mailbox = folder.mailbox
        if folder.is_recoverable:
            self._delete_recoverable(item, suppress_receipts)
            return
        self._mails(item, "not-read receipt", suppress_receipts)
        if cancels and item.item_class.startswith(("IPM.Appointment", "IPM.Schedule")):
            self.tell("meeting cancellation", mailbox)
        match kind:
            case "MoveToDeletedItems":
                self.store.move(item, mailbox.trash_of(folder))
            case "SoftDelete":
                self.dump(item, mailbox.bin_of(folder, "deletions"))
            case "Purge":
                self.dump(item, mailbox.bin_of(folder, "purges"))
            case _ if self._keeps(mailbox) or self.hard_delete_fills_purges:
                self.dump(item, mailbox.bin_of(folder, "purges"))
            case _:
                self.store.take(item)

    def _delete_recoverable(self, item: Item, suppress_receipts: bool) -> None:
        folder = item.home
        mailbox = folder.mailbox
        purges = mailbox.bin_of(folder, "purges")
        if self.is_kept(item):
            if folder is purges or folder.known.id.endswith("discoveryholds"):
                if suppress_receipts:
                    item.receipt_pending = False
                if mailbox.refuses_purges:
                    raise Kept
                return
            self._mails(item, "not-read receipt", suppress_receipts)
            self.store.move(item, purges)
            return
        self._mails(item, "not-read receipt", suppress_receipts)
        self.store.take(item)

    def destroy(self, item: Item, *, suppress_receipts: bool) -> None:
        """An item goes for good, past every bin."""
        self._mails(item, "not-read receipt", suppress_receipts)
        self.store.take(item)

    def dump(self, item: Item, folder: Folder) -> None:
        """Puts an item into Recoverable Items; its days there count from now."""
        item.dumped = self.store.clock.now()
        self.store.move(item, folder)

    def is_kept(self, item: Item) -> bool:
        """Whether single item recovery or a hold keeps an item of Recoverable Items now."""
        mailbox = item.home.mailbox
        return mailbox.is_on_hold or (mailbox.keeps_purges and not self.is_over(item))

    def read(self, item: Item, *, suppress_receipts: bool) -> None:
        """Marks an item read; the receipt that it asked for goes out unless it is suppressed."""
        item.is_read = True
        if item.receipt_pending and not suppress_receipts:
            self.tell("read receipt", item.home.mailbox)
        item.receipt_pending = False

    def assistant(self) -> int:
        """One pass of the managed folder assistant: what has been in Recoverable Items for its days, and
        is not held, goes for good. The number of items destroyed."""
        count = 0
        for mailbox in self.store.mailboxes.values():
            for folder in mailbox.folders.values():
                if not folder.is_recoverable or mailbox.is_on_hold:
                    continue
                for item in [each for each in folder.items.values() if self.is_over(each)]:
                    self._mails(item, "not-read receipt", suppressed=False)
                    self.store.take(item)
                    count += 1
        return count

    def tell(self, what: str, mailbox: Mailbox) -> None:
        """Writes down that the server mailed something."""
        self.sent.append(Sent(what, mailbox.address, self.store.clock.now()))

    def _mails(self, item: Item, what: str, suppressed: bool) -> None:
        if item.receipt_pending and not item.is_read and not suppressed:
            self.tell(what, item.home.mailbox)
            self._deliver(item)
        item.receipt_pending = False

    def _deliver(self, item: Item) -> None:
        """ "Not read" comes to whoever asked, where that mailbox is of this store."""
        for person in item.content.people("Disposition-Notification-To"):
            asker = self.store.mailboxes.get(person.address.lower())
            if asker:
                now = self.store.clock.now()
                mime = f"Subject: Not read: {item.subject}\r\nTo: {person.address}\r\n\r\nNot read.\r\n"
                report = Item(Content(mime.encode()), NOT_READ, now, now, now, now, is_read=False)
                self.store.place(report, asker.known("inbox"))

    def is_over(self, item: Item) -> bool:
        """Whether an item has been in Recoverable Items for its days."""
        mailbox = item.home.mailbox
        return item.dumped is not None and item.dumped + mailbox.retention <= self.store.clock.now()

    def _keeps(self, mailbox: Mailbox) -> bool:
        return mailbox.keeps_purges or mailbox.is_on_hold
