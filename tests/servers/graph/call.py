"""One request on its way through Graph: what is asked, of whom, and how ids become folders and items."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from tests.servers.graph.apps import App
from tests.servers.mailstore.names import Known
from tests.servers.mailstore.retention import Retention
from tests.servers.mailstore.store import FOR_ADDRESSES, Folder, Item, Mailbox, Store

IMMUTABLE = 'IdType="ImmutableId"'

#: Names of folders that the documentation of mailFolder knows, and the store's names for them.
WELL_KNOWN = frozenset(
    (
        *("archive", "deleteditems", "drafts", "inbox", "junkemail", "msgfolderroot", "outbox"),
        *("recoverableitemsdeletions", "sentitems", "syncissues", "conflicts"),
    )
)
#: Names that Exchange is said to know beside them; by switch.
UNDOCUMENTED = dict.fromkeys(
    (
        "recoverableitemspurges",
        "recoverableitemsroot",
        "recoverableitemsversions",
        "recoverableitemsdiscoveryholds",
    )
)
ARCHIVE_FOLDER = Known("archive", "Archive", "msgfolderroot")


class GraphError(Exception):
    """An error as Graph tells it."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        self.status = status
        self.code = code
        self.message = message or "The stand-in says no."
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON, or bytes for what is none; None where there is none."""

    status: int
    body: dict[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; odata.metadata=minimal; charset=utf-8"
    #: The type that the body is checked against.
    kind: str = ""


@dataclass(slots=True)
class Switches:
    """What is unknown of Graph, or differs between tenants; see the package's list of guesses."""

    #: What disposalType=hardDelete does where only single item recovery may keep an item.
    hard_delete: Literal["keeps", "destroys", "refuses"] = "keeps"
    #: Deleting an unread message that asked for a receipt mails "Not read" to its sender.
    sends_not_read: bool = True
    #: A DELETE of an immutable id that is gone answers 403, not 404.
    gone_is_forbidden: bool = True
    #: Streams exported by another server can be imported.
    takes_foreign_streams: bool = False
    #: Immutable ids hold for items of mailboxes too; the documentation names messages, not these.
    items_know_immutable_ids: bool = True
    #: internetMessageHeaders of what is in Sent Items; some say that only received mail has them.
    sent_has_headers: bool = True
    #: A message made in JSON with PidTagMessageFlags, and without its bit for "unsent", is no draft.
    json_makes_sent_mail: bool = True
    #: MIME is given in other words than it was stored in.
    rewrites_mime: bool = True
    #: Purges, Versions and the root of Recoverable Items can be named, not only found.
    names_every_bin: bool = True
    #: nextLinks carry an opaque token instead of $skip.
    skip_tokens: bool = False
    #: v1.0 answers for archive mailboxes too; the documentation gives them to beta alone.
    serves_archives: bool = False
    #: The status with which createImportSession answers; the documentation has 200 here, 201 there.
    session_status: int = 200
    session_lifetime: timedelta = timedelta(minutes=60)
    #: Every n-th request answers 429; None: none does.
    throttle_every: int | None = None
    #: What 429, 503 and 504 of the server's own tell, in seconds.
    retry_after: int = 0
    #: How long an answer to Graph waits, in seconds: so that requests sent at once are under way at once.
    takes: float = 0
    #: A national cloud: it has neither folders and items of mailboxes nor permanentDelete.
    is_national: bool = False
    #: How many requests at once an app may have under way in a mailbox.
    at_once: int = 4
    #: Pages of more items than this answer 504.
    page_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, or as it stood in a `$batch`. `path` is decoded and below the version."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None
    version: str = "v1.0"

    @property
    def is_immutable(self) -> bool:
        return IMMUTABLE.lower() in self.headers.get("prefer", "").lower()


@dataclass(frozen=True, slots=True)
class Call:
    """`keys` are the ids in the path by name; `base` is how the server's own addresses begin."""

    store: Store
    retention: Retention
    switches: Switches
    app: App
    asked: Asked
    keys: Mapping[str, str]
    mailbox: Mailbox
    base: str
    #: The path names the mailbox's archive.
    is_archive: bool = False

    def id_of(self, item: Item) -> str:
        is_lasting = self.asked.is_immutable and self._knows_lasting
        return item.lasting_id if is_lasting else item.id.translate(FOR_ADDRESSES)

    @property
    def _knows_lasting(self) -> bool:
        return "mailbox" not in self.keys or self.switches.items_know_immutable_ids

    def folder(self, key: str = "folder") -> Folder:
        """The folder that the path names, by a well-known name or by its id."""
        return self.folder_by(self.keys[key])

    def folder_by(self, id_: str) -> Folder:
        name = id_.lower()
        if name in WELL_KNOWN or (name in UNDOCUMENTED and self.switches.names_every_bin):
            return self._known(name)
        mailbox, kind, number = self._found(id_)
        if kind != "F" or mailbox is not self.mailbox or number not in mailbox.folders:
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return mailbox.folders[number]

    def _known(self, name: str) -> Folder:
        try:
            return self.mailbox.known(f"archive{name}" if self.is_archive else name)
        except KeyError:
            raise GraphError(404, "ErrorItemNotFound", "The specified folder was not found.") from None

    def item(self, folder: Folder | None = None) -> Item:
        """The item that the path names. Raises 404, or 403 for a DELETE of an immutable id that is gone."""
        return self.item_by(self.keys["item"], folder)

    def item_by(self, id_: str, folder: Folder | None = None) -> Item:
        mailbox, kind, number = self._found(id_)
        if kind == "L" and not self._knows_lasting:
            raise GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        known = mailbox.by_lasting if kind == "L" else mailbox.by_number
        found = known.get(number) if mailbox is self.mailbox and kind in "IL" else None
        if found is None or folder not in (None, found.home):
            if self.asked.method == "DELETE" and kind == "L" and self.switches.gone_is_forbidden:
                raise denied()
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def _found(self, id_: str) -> tuple[Mailbox, str, int]:
        try:
            return self.store.found(id_)
        except (ValueError, binascii.Error):
            raise GraphError(400, "ErrorInvalidIdMalformed", "Id is malformed.") from None
        except KeyError:
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found.") from None


def denied() -> GraphError:
    """The one answer for all that may not be done, whatever the reason."""
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def folder_id(folder: Folder) -> str:
    """An id for a folder; it is the same with and without immutable ids."""
    return folder.id.translate(FOR_ADDRESSES)
