"""Messages on their way between Exchange mailboxes: copied by the server, else exported and uploaded.

Both carry all that an item is (dates, sender, read or not, categories, attachments, its conversation). The
third way, for a server that refuses both, is its MIME with the MAPI properties that MIME does not hold. The
destination is looked at afterwards, each time: a copy across mailboxes is answered without an id.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

from retentiond.core.model import Key, Place
from retentiond.errors import Refused, Unreachable, Why
from retentiond.mailbox.base import Copy, Likeness, Message
from retentiond.mailbox.ews_session import CHUNK, GONE, SIGN, Session, only
from retentiond.mailbox.ews_words import (
    FLAG_STATUS,
    LAST_VERB,
    MESSAGE_FLAGS,
    MESSAGE_ID,
    RECEIVED,
    SENT,
    M,
    NotUnderstood,
    Path,
    Row,
    T,
    contains,
    either,
    extended,
    id_of,
    instant,
    item_ids,
    missing,
    tag,
    text,
)
from retentiond.mailbox.headers import fields_of
from retentiond.mailbox.layout import Folder
from retentiond.mailbox.likeness import likeness

_READ, _UNSENT = 0x1, 0x8
_FLAGGED, _REPLIED = 2, 102
#: What is told of an item beside its content; and by what a copy is verified.
_STATE: tuple[Path, ...] = (
    *("item:DateTimeReceived", *SIGN, "message:IsRead", "message:InternetMessageId"),
    *(MESSAGE_FLAGS, FLAG_STATUS, LAST_VERB, SENT),
)
#: How many whole messages one request asks for, and how many Message-IDs one search names.
_WHOLE, _TERMS = 20, 25
#: What one upload may weigh (base64); a server takes 25 MB in one request.
_PARCEL = 12 * 1024 * 1024


def fetch(session: Session, place: Place, keys: Sequence[Key]) -> Iterator[Message]:
    """The verb of the port: the message as MIME. One that changed since it was seen comes under its old
    key, and its destruction will be refused."""
    session.at(place)
    for key, row in session.items(keys, _STATE, mime=True, chunk=_WHOLE):
        if isinstance(row, str):
            if row in GONE:
                continue
            raise session.line.error(row, place.folder)
        if row.received is not None:
            yield Message(key, _mime(session, row), row.received, _flags(row))


def copies(session: Session, place: Place, of: Sequence[Likeness]) -> Iterator[Copy]:
    """The verb of the port. Sizes do not count: the same message weighs otherwise in another mailbox."""
    folder = session.at(place)
    rows = {row.id: row for row in _alike(session, folder, of)}
    if not rows:
        return
    conversations = session.held_conversations()
    keys = [row.key for row in rows.values()]
    for _, row in session.items(keys, _STATE, mime=True, chunk=_WHOLE):
        if isinstance(row, str) and row not in GONE:
            raise session.line.error(row, place.folder)
        if isinstance(row, Row) and row.received is not None:
            is_held = session.is_held(folder, row, conversations)
            digest = likeness(_mime(session, row))
            yield Copy(row.key, digest, row.received, _flags(row), is_held, False)


def _alike(session: Session, folder: Folder, of: Sequence[Likeness]) -> Iterator[Row]:
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


# ── on the server ────────────────────────────────────────────────────────────────────────────────


def copy(session: Session, place: Place, keys: Sequence[Key], home: Session, sent: Place) -> bool:
    """The verb of the port: by CopyItem where this login may act in both mailboxes, else by export and
    upload. False where the server refuses both. Raises Refused(not-kept) where a copy lost its state."""
    session.at(place)
    folder = home.at(sent)
    states = {key: row for key, row in session.items(keys, _STATE) if isinstance(row, Row)}
    if len(states) != len(set(keys)):
        return False
    before = _census(home, folder, states.values())
    left = list(states)
    if session.line.account == home.line.account and not session.line.account.is_impersonating:
        left = _copied(session, left, folder)
    if left and not _uploaded(session, left, home, folder):
        if len(left) < len(states):  # the rest stands there already: nothing may be carried once more
            raise Refused(session.target, Why.NO_ACCESS)
        return False
    _verify(home, folder, states.values(), before)
    return True


def _copied(session: Session, keys: Sequence[Key], folder: Folder) -> list[Key]:
    """Lets the server copy; gives the keys that it would not."""
    refused: list[Key] = []
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        where = tag("m:ToFolderId", tag("t:FolderId", Id=folder.id))
        body = tag("m:CopyItem", where, item_ids(str(key) for key in part))
        replies = session.line.ask("CopyItem", body, len(part), orders=True)
        for key, reply in zip(part, replies, strict=True):
            if not reply.is_good:
                _raise_if_unsure(session, reply.code)
                refused.append(key)
        if len(refused) == len(part) and start == 0:
            return list(keys)
    return refused


def _raise_if_unsure(session: Session, code: str) -> None:
    """A refusal by the letter is one; a server that was busy, or away, is asked again another time."""
    error = session.line.error(code)
    if isinstance(error, Unreachable) and error.why is not Why.PROTOCOL:
        raise error
    if error.why is Why.OVER_QUOTA:
        raise error


def _uploaded(session: Session, keys: Sequence[Key], home: Session, folder: Folder) -> bool:
    """Carries whole items by export and upload; False where the first of them is refused."""
    has_stored = False
    for parcels in _parcels(session, keys):
        if parcels is None:
            if has_stored:
                raise Refused(session.target, Why.NO_ACCESS)
            return False
        items = [
            tag(
                "t:Item",
                tag("t:ParentFolderId", Id=folder.id),
                tag("t:Data", parcel),
                CreateAction="CreateNew",
            )
            for parcel in parcels
        ]
        body = tag("m:UploadItems", tag("m:Items", *items))
        replies = home.line.ask("UploadItems", body, len(items), orders=True)
        for reply in replies:
            if not reply.is_good:
                raise home.line.error(reply.code, folder.label)
        has_stored = True
    return True


def pack(session: Session, place: Place, keys: Sequence[Key]) -> dict[Key, str]:
    """The verb of the port: exported whole; where the server packs nothing for this login, nothing."""
    session.at(place)
    found: dict[Key, str] = {}
    for start in range(0, len(keys), _WHOLE):
        part = keys[start : start + _WHOLE]
        body = tag("m:ExportItems", item_ids(str(key) for key in part))
        for key, reply in zip(part, session.line.ask("ExportItems", body, len(part)), strict=True):
            data = reply.element.findtext(M + "Data")
            if reply.is_good and data:
                found[key] = data
            else:
                _raise_if_unsure(session, reply.code)
    return found


def _parcels(session: Session, keys: Sequence[Key]) -> Iterator[list[str] | None]:
    """Exported items (base64) in loads of bounded weight; None where an export is refused."""
    load: list[str] = []
    weight = 0
    for start in range(0, len(keys), _WHOLE):
        part = keys[start : start + _WHOLE]
        body = tag("m:ExportItems", item_ids(str(key) for key in part))
        for reply in session.line.ask("ExportItems", body, len(part)):
            data = reply.element.findtext(M + "Data")
            if not reply.is_good or not data:
                _raise_if_unsure(session, reply.code)
                yield None
                return
            if load and weight + len(data) > _PARCEL:
                yield load
                load, weight = [], 0
            load.append(data)
            weight += len(data)
    if load:
        yield load


# ── by MIME ──────────────────────────────────────────────────────────────────────────────────────


def add(session: Session, place: Place, messages: Sequence[Message]) -> None:
    """The verb of the port: as it was packed, else as MIME. Not all or none: what a broken line left is found
    as a twin the next time, and one message that is refused does not keep the others."""
    folder = session.at(place)
    refused: Refused | None = None
    for message in messages:
        try:
            _stored(session, folder, message)
        except Refused as error:
            refused = error
    if refused is not None:
        raise refused


def _stored(session: Session, folder: Folder, message: Message) -> None:
    key = _unpacked(session, folder, message) or _created(session, folder, message)
    for _, row in session.items([key], _STATE):
        if not isinstance(row, Row) or not _is_kept(row, message):
            raise Refused(session.target, Why.NOT_KEPT, folder.label)


def _unpacked(session: Session, folder: Folder, message: Message) -> str:
    """Stores the item as another server packed it; the new key, empty where there is no parcel or this
    server does not take it."""
    if not message.parcel or len(message.parcel) > _PARCEL:
        return ""
    where, data = tag("t:ParentFolderId", Id=folder.id), tag("t:Data", message.parcel)
    body = tag("m:UploadItems", tag("m:Items", tag("t:Item", where, data, CreateAction="CreateNew")))
    [reply] = session.line.ask("UploadItems", body, 1, orders=True)
    if not reply.is_good:
        _raise_if_unsure(session, reply.code)
        return ""
    found = reply.element.find(M + "ItemId")
    if found is None or not found.get("Id"):
        raise Unreachable(session.target, Why.PROTOCOL)
    return f"{found.get('Id', '')} {found.get('ChangeKey', '')}"


def _created(session: Session, folder: Folder, message: Message) -> str:
    """Makes the item of its MIME, and of what MIME does not hold; the new key."""
    where = tag("m:SavedItemFolderId", tag("t:FolderId", Id=folder.id))
    what = tag("m:Items", _written(session, message))
    body = tag(
        "m:CreateItem", where, what, MessageDisposition="SaveOnly", SendMeetingInvitations="SendToNone"
    )
    [reply] = session.line.ask("CreateItem", body, 1, orders=True)
    if not reply.is_good:
        raise session.line.error(reply.code, folder.label)
    try:
        return " ".join(id_of(only(reply.element, M + "Items/*"), "ItemId"))
    except NotUnderstood:
        raise Unreachable(session.target, Why.PROTOCOL) from None


def _is_kept(row: Row, message: Message) -> bool:
    wanted = {flag.casefold() for flag in message.flags}
    return row.received == message.received and {flag.casefold() for flag in _flags(row)} == wanted


def _written(session: Session, message: Message) -> str:
    """A message as CreateItem takes it: MIME, and what MIME does not hold. 0x0E07 is heard only now."""
    own = {flag for flag in message.flags if not flag.startswith("\\")}
    number = _READ * ("\\Seen" in message.flags) | _UNSENT * ("\\Draft" in message.flags)
    properties = [extended(MESSAGE_FLAGS, str(number)), extended(RECEIVED, instant(message.received))]
    date = _date(message.content)
    properties += [extended(SENT, instant(date))] if date is not None else []
    if "\\Flagged" in message.flags:
        properties.append(extended(FLAG_STATUS, str(_FLAGGED)))
    if "\\Answered" in message.flags:
        properties.append(extended(LAST_VERB, str(_REPLIED)))
    categories = (tag("t:Categories", *(tag("t:String", text(name)) for name in sorted(own))),) if own else ()
    content = base64.b64encode(message.content).decode("ascii")
    return tag("t:Message", tag("t:MimeContent", content, CharacterSet="UTF-8"), *categories, *properties)


def _date(content: bytes) -> datetime | None:
    """The Date header as an aware instant, for the property that stands for it; never for a decision."""
    try:
        date = parsedate_to_datetime(fields_of(content[: 64 * 1024]).get("date", ""))
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
    return date if date.tzinfo is not None else None


# ── what an item is, beside its content ──────────────────────────────────────────────────────────


def _flags(row: Row) -> frozenset[str]:
    """What IMAP calls flags; a category stands under its own name."""
    told = set(row.categories)
    told |= {"\\Seen"} if row.is_read else set()
    told |= {"\\Draft"} if row.number(MESSAGE_FLAGS) & _UNSENT else set()
    told |= {"\\Flagged"} if row.number(FLAG_STATUS) == _FLAGGED else set()
    told |= {"\\Answered"} if row.number(LAST_VERB) == _REPLIED else set()
    return frozenset(told)


def _mime(session: Session, row: Row) -> bytes:
    """The whole message. Raises Unreachable(protocol) where it is none."""
    told = row.element.findtext(T + "MimeContent")
    try:
        if not told:
            raise ValueError
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        raise Unreachable(session.target, Why.PROTOCOL) from None


def _state(row: Row) -> tuple[object, ...]:
    return row.message_id, row.received, _flags(row), row.property(SENT)


def _census(home: Session, folder: Folder, rows: Iterable[Row]) -> Counter[tuple[object, ...]]:
    """How many items of each of these states stand at home."""
    of = [Likeness(home.marker.message(row.message_id), 0, row.message_id) for row in rows]
    keys = [row.key for row in _alike(home, folder, of)]
    return Counter(_state(row) for _, row in home.items(keys, _STATE) if isinstance(row, Row))


def _verify(home: Session, folder: Folder, rows: Iterable[Row], before: Counter[tuple[object, ...]]) -> None:
    """Each item stands at home once more than before, with its dates, flags and categories."""
    rows = list(rows)
    wanted = before + Counter(_state(row) for row in rows)
    if wanted - _census(home, folder, rows):
        raise Refused(home.target, Why.NOT_KEPT, folder.label)
