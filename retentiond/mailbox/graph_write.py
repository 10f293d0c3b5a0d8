"""A message from another kind of server, in the words in which Graph takes a new item; never as a draft.

As MIME Graph takes drafts alone. In JSON the property that says "sent" (PidTagMessageFlags) is heard when
an item is made, and only then; with it go the dates of receipt and of sending. What cannot be said whole in
JSON is refused before anything is sent, and what was stored is compared by what survives of it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message as Mime
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, Final

from retentiond.mailbox.base import Message
from retentiond.mailbox.graph_words import LAST_VERB, MESSAGE_FLAGS, PARENT_ID, RECEIVED, REFERENCES, instant
from retentiond.mailbox.likeness import decoded, text_of

SENT: Final = "SystemTime 0x0039"
_READ: Final = 0x1
_REPLIED: Final = "102"
#: What one request may weigh: Graph takes 4 MB, and base64 makes a third more of an attachment.
HEAVIEST: Final = 2_800_000


class NotSayable(Exception):
    """A message that JSON cannot hold whole: signed, encrypted, a message within it, or too big."""


def written(message: Message) -> dict[str, Any]:
    """The body of the request that makes this message. Raises NotSayable."""
    if len(message.content) > HEAVIEST:
        raise NotSayable
    try:
        return _body(message, message_from_bytes(message.content, policy=policy.compat32))
    except RecursionError:  # parts within parts, more than anybody writes
        raise NotSayable from None


def _body(message: Message, mime: Mime) -> dict[str, Any]:
    own = sorted(flag for flag in message.flags if not flag.startswith("\\"))
    return {
        "subject": _header(mime, "subject"),
        **_people(mime),
        **({"internetMessageId": told} if (told := _header(mime, "message-id")) else {}),
        **_parts(mime),
        "isRead": "\\Seen" in message.flags,
        "categories": own,
        "flag": {"flagStatus": "flagged" if "\\Flagged" in message.flags else "notFlagged"},
        "singleValueExtendedProperties": [
            {"id": name, "value": value} for name, value in _properties(message, mime)
        ],
    }


def _properties(message: Message, mime: Mime) -> Iterator[tuple[str, str]]:
    """What MIME does not hold; and without the bit that says "unsent", the item is no draft."""
    yield MESSAGE_FLAGS, str(_READ * ("\\Seen" in message.flags))
    yield RECEIVED, instant(message.received)
    if sent := _date(mime):
        yield SENT, instant(sent)
    if "\\Answered" in message.flags:
        yield LAST_VERB, _REPLIED
    for name, property_ in (("in-reply-to", PARENT_ID), ("references", REFERENCES)):
        if told := _header(mime, name):
            yield property_, told


def _people(mime: Mime) -> dict[str, Any]:
    """Who wrote, for whom, and to whom. An author without a sender is the sender."""
    found: dict[str, Any] = {}
    for name, key in (("from", "from"), ("sender", "sender")):
        people = list(_named(mime, name))
        if len(people) > 1:
            raise NotSayable
        if people:
            found[key] = people[0]
    lists = {"to": "toRecipients", "cc": "ccRecipients", "bcc": "bccRecipients", "reply-to": "replyTo"}
    for name, key in lists.items():
        if people := list(_named(mime, name)):
            found[key] = people
    return found


def _named(mime: Mime, name: str) -> Iterator[Mapping[str, Any]]:
    for person, address in getaddresses([str(value) for value in mime.get_all(name, [])]):
        if address:
            yield {"emailAddress": {"name": decoded(person) or address, "address": address}}


def _parts(mime: Mime) -> dict[str, Any]:
    """The body, and the attachments in their order. Raises NotSayable for any other structure."""
    body: Mime | None = None
    attached: list[Mime] = []
    for part in _leaves(mime):
        is_text = part.get_content_type() in ("text/plain", "text/html")
        if body is None and not attached and is_text and not part.get_filename():
            body = part
        elif part.get_content_maintype() in ("message", "multipart"):
            raise NotSayable
        else:
            attached.append(part)
    if body is None:  # encrypted, or a single file
        raise NotSayable
    kind = "html" if body.get_content_type() == "text/html" else "text"
    told: dict[str, Any] = {"body": {"contentType": kind, "content": text_of(body)}}
    if attached:
        told["attachments"] = [_attachment(part) for part in attached]
    return told


def _leaves(part: Mime) -> Iterator[Mime]:
    """The parts that hold something; of two ways of saying the same, the richer one (RFC 2046, 5.1.4)."""
    if not part.is_multipart() or part.get_content_maintype() == "message":
        yield part
        return
    kind = part.get_content_type()
    if kind not in ("multipart/mixed", "multipart/related", "multipart/alternative"):
        raise NotSayable
    inside = [each for each in part.get_payload() if isinstance(each, Mime)]
    for each in inside[-1:] if kind == "multipart/alternative" else inside:
        yield from _leaves(each)


def _attachment(part: Mime) -> dict[str, Any]:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    identity = str(part.get("content-id", "")).strip("<> ")
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": part.get_filename() or "",
        "contentType": part.get_content_type(),
        "contentBytes": base64.b64encode(content).decode("ascii"),
        "isInline": bool(identity) and part.get_content_disposition() == "inline",
        **({"contentId": identity} if identity else {}),
    }


def _header(mime: Mime, name: str) -> str:
    return " ".join(decoded(str(mime.get(name, ""))).split())


def _date(mime: Mime) -> datetime | None:
    """The Date as an aware instant, for the property that stands for it; never for a decision."""
    try:
        date = parsedate_to_datetime(str(mime.get("date", "")))
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
    return date.astimezone(UTC) if date.tzinfo is not None else None
