"""A message from another server, as EWS takes a new item: MIME, and the MAPI properties that MIME lacks."""

from __future__ import annotations

import base64
from datetime import datetime
from email.utils import parsedate_to_datetime

from retentiond.mailbox.base import Message
from retentiond.mailbox.ews_words import (
    FLAG_STATUS,
    LAST_VERB,
    MESSAGE_FLAGS,
    RECEIVED,
    SENT,
    Row,
    extended,
    instant,
    tag,
    text,
)
from retentiond.mailbox.headers import fields_of

_READ, _UNSENT = 0x1, 0x8
_FLAGGED, _REPLIED = 2, 102


def written(message: Message) -> str:
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


def flags_of(row: Row) -> frozenset[str]:
    """What IMAP calls flags; a category stands under its own name."""
    told = set(row.categories)
    told |= {"\\Seen"} if row.is_read else set()
    told |= {"\\Draft"} if row.number(MESSAGE_FLAGS) & _UNSENT else set()
    told |= {"\\Flagged"} if row.number(FLAG_STATUS) == _FLAGGED else set()
    told |= {"\\Answered"} if row.number(LAST_VERB) == _REPLIED else set()
    return frozenset(told)


def is_kept(row: Row, message: Message) -> bool:
    wanted = {flag.casefold() for flag in message.flags}
    return row.received == message.received and {flag.casefold() for flag in flags_of(row)} == wanted
