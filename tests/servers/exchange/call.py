"""One request on its way: who asks, and how ids become folders and items that one may touch."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.servers.exchange import soap
from tests.servers.exchange.rights import Right, Rights
from tests.servers.exchange.soap import Element, EwsError
from tests.servers.mailstore.retention import Retention
from tests.servers.mailstore.store import Folder, Item, Mailbox, Store

#: One response message in the making: does the deed and gives what follows the response code.
Part = Callable[[], Iterable[Element]]


@dataclass(frozen=True, slots=True)
class Call:
    """`user` is whose rights count: the one impersonated, where somebody is."""

    store: Store
    rights: Rights
    retention: Retention
    user: str
    is_impersonating: bool
    body: Element
    rewrites_mime: bool
    takes_foreign_streams: bool

    def mailbox(self, address: str) -> Mailbox:
        found = self.store.mailboxes.get(address.strip().lower())
        if found is None:
            raise EwsError("ErrorNonExistentMailbox")
        return found

    def folder(self, element: Element, need: Right) -> Folder:
        """The folder of a FolderId or a DistinguishedFolderId."""
        if soap.local(element) == "DistinguishedFolderId":
            folder = self._distinguished(element)
        else:
            mailbox, kind, number = self._found(str(element.get("Id")))
            if kind != "F" or number not in mailbox.folders:
                raise EwsError("ErrorFolderNotFound")
            folder = mailbox.folders[number]
        self.require(folder, need)
        return folder

    def _distinguished(self, element: Element) -> Folder:
        address = soap.find(element, "t:Mailbox/t:EmailAddress")
        mailbox = self.mailbox(self.user if address is None else str(address.text))
        name = str(element.get("Id"))
        if name == "publicfoldersroot":
            raise EwsError("ErrorNoPublicFolderReplicaAvailable")
        try:
            return mailbox.known(name)
        except KeyError:
            raise EwsError("ErrorFolderNotFound") from None

    def require(self, folder: Folder, need: Right) -> None:
        if self.rights.on_folder(self.user, folder) < need:
            raise EwsError("ErrorAccessDenied")

    def right(self, folder: Folder) -> Right:
        return self.rights.on_folder(self.user, folder)

    def item(self, element: Element, need: Right) -> Item:
        """The item of an ItemId; its change key is not looked at."""
        return self.item_by(str(element.get("Id")), need)

    def item_by(self, id_: str, need: Right) -> Item:
        mailbox, kind, number = self._found(id_)
        item = mailbox.by_number.get(number) if kind == "I" else None
        if item is None:
            raise EwsError("ErrorItemNotFound")
        self.require(item.home, need)
        return item

    def attachment(self, id_: str) -> tuple[Item, int]:
        mailbox, kind, number = self._found(id_)
        if kind != "A":
            raise EwsError("ErrorInvalidAttachmentId")
        item = self.item_by(mailbox.id_of("I", number >> 12), Right.READ)
        if number & 0xFFF >= len(item.content.attachments):
            raise EwsError("ErrorItemNotFound")
        return item, number & 0xFFF

    def _found(self, id_: str) -> tuple[Mailbox, str, int]:
        try:
            return self.store.found(id_)
        except (ValueError, binascii.Error):
            raise EwsError("ErrorInvalidIdMalformed") from None
        except KeyError:
            raise EwsError("ErrorItemNotFound") from None


def opaque(data: bytes) -> str:
    return base64.b64encode(data).decode()
