"""What Graph makes of an item: a message, or a mailboxItem; and which properties may be filtered by."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from tests.servers.graph import extended
from tests.servers.graph.call import folder_id
from tests.servers.graph.extended import instant
from tests.servers.graph.query import Shape
from tests.servers.mailstore.content import Person
from tests.servers.mailstore.store import Item

#: Classes of items that are messages to Graph; a mail folder may hold others, which it then does not list.
_MESSAGES = ("IPM.Note", "IPM.Schedule", "IPM.Sharing", "IPM.Post", "IPM.TaskRequest", "REPORT")
#: What an app with Mail.ReadBasic may not see.
NOT_BASIC = frozenset(("body", "bodyPreview", "uniqueBody"))
_FLAGS = {"NotFlagged": "notFlagged", "Complete": "complete", "Flagged": "flagged"}
_EVENTS = {
    "IPM.Schedule.Meeting.Request": ("eventMessageRequest", "meetingRequest"),
    "IPM.Schedule.Meeting.Canceled": ("eventMessage", "meetingCancelled"),
    "IPM.Schedule.Meeting.Resp.Pos": ("eventMessageResponse", "meetingAccepted"),
    "IPM.Schedule.Meeting.Resp.Tent": ("eventMessageResponse", "meetingTentativelyAccepted"),
    "IPM.Schedule.Meeting.Resp.Neg": ("eventMessageResponse", "meetingDeclined"),
}


def is_message(item: Item) -> bool:
    """Whether a mail folder lists the item among its messages."""
    return item.item_class.startswith(_MESSAGES)


def _recipient(person: Person | None) -> dict[str, Any] | None:
    return {"emailAddress": {"name": person.name, "address": person.address}} if person else None


def _recipients(field: str) -> Callable[[Item], list[Any]]:
    return lambda item: [_recipient(person) for person in item.content.people(field)]


def _body(item: Item) -> dict[str, str]:
    html = item.content.body("html")
    return (
        {"contentType": "html", "content": html} if html else {"contentType": "text", "content": _plain(item)}
    )


def _plain(item: Item) -> str:
    return item.content.body("plain")


def _headers(item: Item) -> list[dict[str, str]]:
    return [{"name": name, "value": str(value)} for name, value in item.content.headers.items()]


#: A message's properties. The last three are given only where $select names them.
MESSAGE_FIELDS: dict[str, Callable[[Item], Any]] = {
    "createdDateTime": lambda item: instant(item.created),
    "lastModifiedDateTime": lambda item: instant(item.modified),
    "changeKey": lambda item: item.change_key,
    "categories": lambda item: list(item.categories),
    "receivedDateTime": lambda item: instant(item.received),
    "sentDateTime": lambda item: instant(item.sent),
    "hasAttachments": lambda item: item.content.has_attachments,
    "internetMessageId": lambda item: item.content.message_id or None,
    "subject": lambda item: item.subject,
    "bodyPreview": lambda item: re.sub(r"\s+", " ", _plain(item))[:255],
    "importance": lambda item: item.importance.lower(),
    "parentFolderId": lambda item: folder_id(item.home),
    "conversationId": lambda item: "AAQk" + base64.urlsafe_b64encode(item.content.conversation).decode(),
    "conversationIndex": lambda item: base64.b64encode(item.content.conversation_index).decode(),
    "isDeliveryReceiptRequested": lambda item: "Return-Receipt-To" in item.content.headers,
    "isReadReceiptRequested": lambda item: "Disposition-Notification-To" in item.content.headers,
    "isRead": lambda item: item.is_read,
    "isDraft": lambda item: item.is_draft,
    "webLink": lambda item: "https://outlook.office365.com/owa/?viewmodel=ReadMessageItem",
    "inferenceClassification": lambda item: "focused",
    "body": _body,
    "sender": lambda item: _recipient(item.content.sender),
    "from": lambda item: _recipient(item.content.author),
    "toRecipients": _recipients("To"),
    "ccRecipients": _recipients("Cc"),
    "bccRecipients": _recipients("Bcc"),
    "replyTo": _recipients("Reply-To"),
    "flag": lambda item: {"flagStatus": _FLAGS[item.flag]},
    "internetMessageHeaders": _headers,
    "uniqueBody": _body,
}
ON_DEMAND = frozenset(("internetMessageHeaders", "uniqueBody"))

ITEM_FIELDS: dict[str, Callable[[Item], Any]] = {
    "createdDateTime": lambda item: instant(item.created),
    "lastModifiedDateTime": lambda item: instant(item.modified),
    "changeKey": lambda item: item.change_key,
    "categories": lambda item: list(item.categories),
    "type": lambda item: item.item_class,
    "size": lambda item: len(item.content.mime),
}

MESSAGE = Shape(
    "message",
    MESSAGE_FIELDS,
    frozenset(
        (
            *("createdDateTime", "lastModifiedDateTime", "receivedDateTime", "sentDateTime", "categories"),
            *("hasAttachments", "internetMessageId", "subject", "importance", "conversationId", "isRead"),
            *("isDraft", "from", "sender", "flag", "inferenceClassification"),
        )
    ),
    extended.held,
)
ITEM = Shape("mailboxItem", ITEM_FIELDS, frozenset(ITEM_FIELDS) - {"changeKey"}, extended.held)


def message(item: Item, id_: str, names: list[str], expanded: list[str]) -> dict[str, Any]:
    """A message resource: the properties of `names`."""
    found = _begun(item, id_)
    start = next((start for start in _EVENTS if item.item_class.startswith(start)), None)
    if start:
        found["@odata.type"] = f"#microsoft.graph.{_EVENTS[start][0]}"
    found.update({name: MESSAGE_FIELDS[name](item) for name in names if name in MESSAGE_FIELDS})
    if start and "meetingMessageType" in names:
        found["meetingMessageType"] = _EVENTS[start][1]
    return _expanded(found, item, expanded)


def mailbox_item(item: Item, id_: str, names: list[str] | None, expanded: list[str]) -> dict[str, Any]:
    """A mailboxItem resource."""
    found = {"@odata.type": "#microsoft.graph.mailboxItem", **_begun(item, id_)}
    wanted = ITEM_FIELDS if names is None else names
    found.update({name: ITEM_FIELDS[name](item) for name in wanted if name in ITEM_FIELDS})
    return _expanded(found, item, expanded)


def _begun(item: Item, id_: str) -> dict[str, Any]:
    return {"@odata.etag": f'W/"{item.change_key}"', "id": id_}


def _expanded(found: dict[str, Any], item: Item, ids: list[str]) -> dict[str, Any]:
    properties = extended.rendered(item, ids)
    if properties:
        found["singleValueExtendedProperties"] = properties
    return found
