"""The fields of an item by their names: `item:Subject`, `message:From`, and MAPI properties by tag or name.

A value is None where the item lacks it, else text, bytes, bool, int, an aware datetime, or a tuple of texts.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

from tests.servers.exchange import soap
from tests.servers.exchange.soap import Element, EwsError
from tests.servers.mailstore.content import Person
from tests.servers.mailstore.mapi import MAPI, Held, Key, names, set_message_flags
from tests.servers.mailstore.store import Item

#: `Keywords` among the public strings are the categories.
KEYWORDS: tuple[Key, ...] = (
    ("name", "PublicStrings", "Keywords"),
    ("name", "00020329-0000-0000-c000-000000000046", "Keywords"),
)

FIELDS: dict[str, Callable[[Item], Held]] = {
    "item:ItemClass": lambda item: item.item_class,
    "item:Subject": lambda item: item.subject,
    "item:Sensitivity": lambda item: item.sensitivity,
    "item:DateTimeReceived": lambda item: item.received,
    "item:Size": lambda item: len(item.content.mime),
    "item:Categories": lambda item: item.categories or None,
    "item:Importance": lambda item: item.importance,
    "item:InReplyTo": lambda item: item.content.header("In-Reply-To") or None,
    "item:IsSubmitted": lambda item: False,
    "item:IsDraft": lambda item: item.is_draft,
    "item:IsFromMe": lambda item: item.is_from_me,
    "item:IsResend": lambda item: False,
    "item:IsUnmodified": lambda item: True,
    "item:DateTimeSent": lambda item: item.sent,
    "item:DateTimeCreated": lambda item: item.created,
    "item:ReminderIsSet": lambda item: False,
    "item:DisplayCc": lambda item: names(item.content.people("Cc")),
    "item:DisplayTo": lambda item: names(item.content.people("To")),
    "item:HasAttachments": lambda item: item.content.has_attachments,
    "item:Culture": lambda item: "en-GB",
    "item:LastModifiedName": lambda item: item.home.mailbox.name,
    "item:LastModifiedTime": lambda item: item.modified,
    "item:IsAssociated": lambda item: False,
    "message:IsReadReceiptRequested": lambda item: item.content.wants_receipt,
    "message:IsDeliveryReceiptRequested": lambda item: False,
    "message:ConversationIndex": lambda item: item.content.conversation_index,
    "message:ConversationTopic": lambda item: item.content.topic,
    "message:From": lambda item: _both(item.content.author),
    "message:InternetMessageId": lambda item: item.content.message_id or None,
    "message:IsRead": lambda item: item.is_read,
    "message:IsResponseRequested": lambda item: False,
    "message:References": lambda item: item.content.header("References") or None,
    "message:Sender": lambda item: _both(item.content.sender),
    "postitem:PostedTime": lambda item: item.sent,
}


def _both(person: Person | None) -> tuple[str, ...] | None:
    return (person.name, person.address) if person else None


def path_key(path: Element) -> str | Key:
    """What a FieldURI, an IndexedFieldURI or an ExtendedFieldURI names."""
    if soap.local(path) == "ExtendedFieldURI":
        return extended_key(path)
    uri = str(path.get("FieldURI"))
    index = path.get("FieldIndex")
    return uri if index is None else ("index", uri, str(index))


def extended_key(path: Element) -> Key:
    """A MAPI property: ("tag", number), ("name", set, name) or ("id", set, number)."""
    tag = path.get("PropertyTag")
    if tag is not None:
        return ("tag", int(tag, 0))
    owner = path.get("DistinguishedPropertySetId") or str(path.get("PropertySetId")).lower()
    if path.get("PropertyName") is not None:
        return ("name", owner, path.get("PropertyName"))
    return ("id", owner, int(str(path.get("PropertyId"))))


def held(item: Item, key: str | Key) -> Held:
    """The value of a field. Raises EwsError for a field that this server does not know."""
    if isinstance(key, str):
        getter = FIELDS.get(key)
        if getter is None:
            raise EwsError("ErrorUnsupportedPathForQuery")
        return getter(item)
    if key in KEYWORDS:
        return item.categories or None
    if key[:2] == ("index", "item:InternetMessageHeader"):
        return item.content.header(str(key[2])) or None
    if key[0] == "tag" and key[1] in MAPI:
        return MAPI[key[1]](item)
    return item.extended.get(key)


def text(value: Held) -> str:
    """A single value as EWS writes it."""
    match value:
        case bool():
            return soap.truth(value)
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return soap.instant(value)
        case None:
            return ""
        case _:
            return str(value)


def set_extended(item: Item, key: Key, value: str | tuple[str, ...] | None, *, is_new: bool) -> None:
    """Stores a property that a client sends; None deletes it.

    Message flags are written when an item is created and ignored later, as MAPI has it; so `is_draft`
    and `is_read` follow 0x0E07 only then.
    """
    match key:
        case ("tag", 0x0E06):
            item.received = None if value is None else soap.moment(str(value))
        case ("tag", 0x0039):
            item.sent = None if value is None else soap.moment(str(value))
        case ("tag", 0x0E07):
            if is_new and value is not None:
                set_message_flags(item, int(str(value)))
        case ("tag", 0x1090):
            item.flag = {None: "NotFlagged", "1": "Complete"}.get(
                value if isinstance(value, str) else None, "Flagged"
            )
        case ("tag", 0x001A):
            item.item_class = str(value)
        case _ if key in KEYWORDS:
            item.categories = (value,) if isinstance(value, str) else value or ()
        case _ if value is None:
            item.extended.pop(key, None)
        case _:
            item.extended[key] = value
