"""Messages on their way from and to an Exchange mailbox: as the server packs them, else as MIME.

What a server does not take as it was packed is made of its MIME, with the MAPI properties that MIME does not
hold. What stands there afterwards is looked at.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

from retentiond.core.model import Key, Place
from retentiond.errors import MailboxError, Refused, Unreachable, Unsupported, Why
from retentiond.mailbox.base import Copy, Likeness, Message
from retentiond.mailbox.ews_destroy import destroy
from retentiond.mailbox.ews_session import GONE, SIGN, Session, only
from retentiond.mailbox.ews_words import (
    FLAG_STATUS,
    LAST_VERB,
    MESSAGE_FLAGS,
    MESSAGE_ID,
    SENT,
    M,
    NotUnderstood,
    Path,
    Row,
    T,
    contains,
    either,
    id_of,
    item_ids,
    missing,
    tag,
)
from retentiond.mailbox.ews_write import flags_of, is_kept, written
from retentiond.mailbox.exchange_folders import Folder
from retentiond.mailbox.likeness import likeness

#: What is told of an item beside its content; and by what a copy is verified.
STATE: tuple[Path, ...] = (
    *("item:DateTimeReceived", *SIGN, "message:IsRead", "message:InternetMessageId"),
    *(MESSAGE_FLAGS, FLAG_STATUS, LAST_VERB, SENT),
)
#: How many whole messages one request asks for, and how many Message-IDs one search names.
WHOLE, _TERMS = 20, 25
#: What a server says of a message that it cannot make of its MIME.
_NO_MIME = frozenset(
    ("ErrorMimeContentInvalid", "ErrorMimeContentInvalidBase64String", "ErrorMimeContentConversionFailed")
)
#: What one upload may weigh (base64); a server takes 25 MB in one request.
PARCEL = 12 * 1024 * 1024


def fetch(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Message]:
    """The verb of the port: the message as MIME. One that changed since it was seen comes under its old
    key, and its destruction will be refused."""
    session.at(place)
    for key, row in session.items(keys, STATE, mime=True, chunk=WHOLE):
        if isinstance(row, str):
            if row in GONE:
                continue
            raise session.line.error(row, place.folder)
        if row.received is not None:
            yield Message(key, _mime(session, row), row.received, flags_of(row))


def copies(session: Session, place: Place, of: Sequence[Likeness]) -> Iterator[Copy]:
    """The verb of the port. Sizes do not count: the same message weighs otherwise in another mailbox."""
    folder = session.at(place)
    rows = {row.id: row for row in alike(session, folder, of)}
    if not rows:
        return
    conversations = session.held_conversations()
    keys = [row.key for row in rows.values()]
    for _, row in session.items(keys, STATE, mime=True, chunk=WHOLE):
        if isinstance(row, str) and row not in GONE:
            raise session.line.error(row, place.folder)
        if isinstance(row, Row) and row.received is not None:
            is_held = session.is_held(folder, row, conversations)
            digest = likeness(_mime(session, row))
            yield Copy(row.key, digest, row.received, flags_of(row), is_held, False)


def alike(session: Session, folder: Folder, of: Sequence[Likeness]) -> Iterator[Row]:
    """The items with one of these Message-IDs: by a search where they are at hand, else by their marks."""
    marker = session.marker
    hints = {each.hint for each in of if each.hint}
    wanted = {each.message for each in of}
    nameless = marker.message("") in wanted
    known = {marker.message(hint) for hint in hints}
    if wanted - known - ({marker.message("")} if nameless else set()):
        for page in session.pages(folder, ("message:InternetMessageId",)):
            yield from (row for row in page.rows if marker.message(row.message_id) in wanted)
        return
    terms = [contains(MESSAGE_ID, hint) for hint in sorted(hints)]
    terms += [missing(MESSAGE_ID)] if nameless else []
    for start in range(0, len(terms), _TERMS):
        where = either(*terms[start : start + _TERMS])
        for page in session.pages(folder, ("message:InternetMessageId",), where):
            yield from page.rows


def raise_if_unsure(session: Session, code: str) -> None:
    """A refusal by the letter is one; a server that was busy, or away, is asked again another time."""
    error = session.line.error(code)
    if isinstance(error, Unreachable) and error.why is not Why.PROTOCOL:
        raise error
    if error.why is Why.OVER_QUOTA:
        raise error


def pack(session: Session, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
    """The verb of the port: exported whole; where the server packs nothing for this login, nothing."""
    session.at(place)
    found: dict[Key, str] = {}
    for start in range(0, len(keys), WHOLE):
        part = keys[start : start + WHOLE]
        body = tag("m:ExportItems", item_ids(str(key) for key in part))
        for key, reply in zip(part, session.line.ask("ExportItems", body, len(part)), strict=True):
            data = reply.element.findtext(M + "Data")
            if reply.is_good and data:
                found[key] = data
            else:
                raise_if_unsure(session, reply.code)
    return found


# ── by MIME ──────────────────────────────────────────────────────────────────────────────────────


def add(session: Session, place: Place, messages: Sequence[Message]) -> None:
    """The verb of the port: as it was packed, else as MIME. Not all or none: what a broken line left is found
    as a twin the next time, and one message that is refused does not keep the others."""
    folder = session.at(place)
    refused: MailboxError | None = None
    for message in messages:
        try:
            _stored(session, folder, place, message)
        except (Refused, Unsupported) as error:
            refused = error
    if refused is not None:
        raise refused


def _stored(session: Session, folder: Folder, place: Place, message: Message) -> None:
    """Stores one, and looks at it. A copy that is not the same is destroyed again: else it would be a twin
    the next time. Raises Refused(not-kept)."""
    key = _unpacked(session, folder, message) or _created(session, folder, message)
    for _, row in session.items([key], STATE):
        if not isinstance(row, Row) or not is_kept(row, message):
            if isinstance(row, Row):
                destroy(session, place, [row.key], holds_win=False)
            raise Refused(session.target, Why.NOT_KEPT, folder.label)


def _unpacked(session: Session, folder: Folder, message: Message) -> str:
    """Stores the item as another server packed it; the new key, empty where there is no parcel or this
    server does not take it."""
    if not message.parcel or len(message.parcel) > PARCEL:
        return ""
    where, data = tag("t:ParentFolderId", Id=folder.id), tag("t:Data", message.parcel)
    body = tag("m:UploadItems", tag("m:Items", tag("t:Item", where, data, CreateAction="CreateNew")))
    [reply] = session.line.ask("UploadItems", body, 1, orders=True)
    if not reply.is_good:
        raise_if_unsure(session, reply.code)
        return ""
    found = reply.element.find(M + "ItemId")
    if found is None or not found.get("Id"):
        raise Unreachable(session.target, Why.PROTOCOL)
    return f"{found.get('Id', '')} {found.get('ChangeKey', '')}"


def _created(session: Session, folder: Folder, message: Message) -> str:
    """Makes the item of its MIME, and of what MIME does not hold; the new key."""
    where = tag("m:SavedItemFolderId", tag("t:FolderId", Id=folder.id))
    what = tag("m:Items", written(message))
    body = tag(
        "m:CreateItem", where, what, MessageDisposition="SaveOnly", SendMeetingInvitations="SendToNone"
    )
    [reply] = session.line.ask("CreateItem", body, 1, orders=True)
    if reply.code in _NO_MIME:
        raise Unsupported(session.target, Why.NO_PARCEL, folder.label)
    if not reply.is_good:
        raise session.line.error(reply.code, folder.label)
    try:
        return " ".join(id_of(only(reply.element, M + "Items/*"), "ItemId"))
    except NotUnderstood:
        raise Unreachable(session.target, Why.PROTOCOL) from None


def _mime(session: Session, row: Row) -> bytes:
    """The whole message. Raises Unreachable(protocol) where it is none."""
    told = row.element.findtext(T + "MimeContent")
    try:
        if not told:
            raise ValueError
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        raise Unreachable(session.target, Why.PROTOCOL) from None
