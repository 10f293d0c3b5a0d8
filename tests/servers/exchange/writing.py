"""What clients write: elements of CreateItem and UpdateItem become items and their fields."""

from __future__ import annotations

import base64
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from tests.servers.exchange import soap
from tests.servers.exchange.properties import extended_key, path_key, set_extended
from tests.servers.exchange.soap import Element, EwsError
from tests.servers.mailstore.content import Content
from tests.servers.mailstore.mapi import Key
from tests.servers.mailstore.retention import Retention
from tests.servers.mailstore.store import Item

_CLASSES = {
    "PostItem": "IPM.Post",
    "CalendarItem": "IPM.Appointment",
    "Contact": "IPM.Contact",
    "DistributionList": "IPM.DistList",
    "Task": "IPM.Task",
}
_FIELDS_OF_CONTENT = frozenset(("item:Subject", "item:Body", "item:MimeContent", "item:Attachments"))


def new_item(element: Element, now: datetime) -> Item:
    """The item that a client's element describes: by its MIME where it has some, else by its fields.

    Saved by a client it is a draft, received now, unless 0x0E07 and 0x0E06 say otherwise.
    """
    mime = soap.find(element, "t:MimeContent")
    content = Content(_decoded(mime) if mime is not None else _composed(element, now))
    item = Item(
        content=content,
        item_class=_text(element, "t:ItemClass") or _CLASSES.get(soap.local(element), "IPM.Note"),
        received=now,
        sent=content.date,
        created=now,
        modified=now,
        is_draft=True,
        receipt_pending=content.wants_receipt,
        categories=tuple(str(one.text) for one in soap.find_all(element, "t:Categories/t:String")),
        importance=_text(element, "t:Importance") or "Normal",
        sensitivity=_text(element, "t:Sensitivity") or "Normal",
    )
    for extended in soap.find_all(element, "t:ExtendedProperty"):
        set_extended(item, extended_key(extended[0]), value_of(extended), is_new=True)
    if _text(element, "t:IsRead") == "true":
        item.is_read = True
    if item.is_read or item.is_draft or item.is_from_me:
        item.receipt_pending = False
    return item


def value_of(extended: Element) -> str | tuple[str, ...]:
    """The value, or the values, of an ExtendedProperty."""
    if soap.local(extended[1]) == "Values":
        return tuple(str(value.text or "") for value in extended[1])
    return str(extended[1].text or "")


def stands_in_content(update: Element) -> bool:
    """Whether an update changes what single item recovery keeps versions of."""
    return path_key(update[0]) in _FIELDS_OF_CONTENT


def set_field(item: Item, path: Element, value: Element, retention: Retention, suppresses: bool) -> None:
    """A SetItemField. Raises EwsError for a field that cannot be written."""
    key = path_key(path)
    if not isinstance(key, str):
        set_extended(item, key, value_of(value), is_new=False)
        return
    text = str(value.text or "")
    match key:
        case "item:Categories":
            item.categories = tuple(str(one.text) for one in value)
        case "message:IsRead" if text in ("true", "1"):
            retention.read(item, suppress_receipts=suppresses)
        case "message:IsRead":
            item.is_read = False
        case "item:Importance":
            item.importance = text
        case "item:Sensitivity":
            item.sensitivity = text
        case "item:Subject":
            item.subject_override = text
        case "item:Flag":
            item.flag = _text(value, "t:FlagStatus") or "NotFlagged"
        case "item:ItemClass":
            item.item_class = text
        case "item:MimeContent":
            item.content = Content(_decoded(value))
        case _:
            raise EwsError("ErrorInvalidPropertySet")


def clear_field(item: Item, path: Element) -> None:
    """A DeleteItemField. Raises EwsError for a field that cannot be deleted."""
    key: str | Key = path_key(path)
    if not isinstance(key, str):
        set_extended(item, key, None, is_new=False)
    elif key == "item:Categories":
        item.categories = ()
    elif key == "item:Subject":
        item.subject_override = ""
    elif key == "item:Flag":
        item.flag = "NotFlagged"
    else:
        raise EwsError("ErrorInvalidPropertyDelete")


def _decoded(mime: Element) -> bytes:
    try:
        return base64.b64decode(str(mime.text or ""))
    except ValueError:
        raise EwsError("ErrorMimeContentInvalidBase64String") from None


def _text(element: Element, path: str) -> str:
    found = soap.find(element, path)
    return "" if found is None else str(found.text or "")


def _composed(element: Element, now: datetime) -> bytes:
    """A message made of fields, as Exchange makes one."""
    message = EmailMessage(policy=SMTP)
    for header, path in (
        ("From", "t:From/t:Mailbox"),
        ("To", "t:ToRecipients/t:Mailbox"),
        ("Cc", "t:CcRecipients/t:Mailbox"),
        ("Reply-To", "t:ReplyTo/t:Mailbox"),
    ):
        addresses = [_text(person, "t:EmailAddress") for person in soap.find_all(element, path)]
        if any(addresses):
            message[header] = ", ".join(addresses)
    message["Subject"] = _text(element, "t:Subject")
    message["Date"] = now
    for header, path in (
        ("Message-ID", "t:InternetMessageId"),
        ("In-Reply-To", "t:InReplyTo"),
        ("References", "t:References"),
    ):
        if _text(element, path):
            message[header] = _text(element, path)
    if _text(element, "t:IsReadReceiptRequested") == "true":
        message["Disposition-Notification-To"] = _text(element, "t:From/t:Mailbox/t:EmailAddress")
    body = soap.find(element, "t:Body")
    kind = "html" if body is not None and body.get("BodyType") == "HTML" else "plain"
    message.set_content(str(body.text or "") if body is not None else "", subtype=kind)
    for attached in soap.find_all(element, "t:Attachments/t:FileAttachment"):
        kind = _text(attached, "t:ContentType") or "application/octet-stream"
        main, _slash, sub = kind.partition("/")
        data = base64.b64decode(_text(attached, "t:Content"))
        message.add_attachment(data, maintype=main, subtype=sub, filename=_text(attached, "t:Name"))
    return message.as_bytes()
