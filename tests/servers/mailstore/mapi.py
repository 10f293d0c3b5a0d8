"""MAPI properties of an item by their tags.

A value is None where the item lacks it, else text, bytes, bool, int, an aware datetime, or a tuple of texts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.servers.mailstore.content import Person
from tests.servers.mailstore.store import Item

Held = str | bytes | bool | int | datetime | tuple[str, ...] | None
Key = tuple[object, ...]

_READ, _UNMODIFIED, _UNSENT, _ATTACHED, _FROM_ME = 0x1, 0x2, 0x8, 0x10, 0x20


def message_flags(item: Item) -> int:
    """PidTagMessageFlags."""
    return (
        _READ * item.is_read
        | _UNMODIFIED
        | _UNSENT * item.is_draft
        | _ATTACHED * item.content.has_attachments
        | _FROM_ME * item.is_from_me
    )


def set_message_flags(item: Item, flags: int) -> None:
    """What the flags say of a new item; MAPI ignores them later."""
    item.is_read, item.is_draft = bool(flags & _READ), bool(flags & _UNSENT)
    item.is_from_me = bool(flags & _FROM_ME)


def address(person: Person | None) -> str | None:
    """The bare address, where there is somebody."""
    return person.address if person else None


def names(people: tuple[Person, ...]) -> str:
    """People as DisplayTo and DisplayCc name them."""
    return "; ".join(person.name for person in people)


#: Properties that the server works out, by tag.
MAPI: dict[int, Callable[[Item], Held]] = {
    0x001A: lambda item: item.item_class,
    0x0017: lambda item: {"Low": 0, "Normal": 1, "High": 2}[item.importance],
    0x0029: lambda item: item.content.wants_receipt,
    0x0037: lambda item: item.subject,
    0x0039: lambda item: item.sent,
    0x0042: lambda item: item.content.author.name if item.content.author else None,
    0x0065: lambda item: address(item.content.author),
    0x0070: lambda item: item.content.topic,
    0x0071: lambda item: item.content.conversation_index,
    0x007D: lambda item: item.content.mime.partition(b"\r\n\r\n")[0].decode("latin-1"),
    0x0C1A: lambda item: item.content.sender.name if item.content.sender else None,
    0x0C1F: lambda item: address(item.content.sender),
    0x0E03: lambda item: names(item.content.people("Cc")),
    0x0E04: lambda item: names(item.content.people("To")),
    0x0E06: lambda item: item.received,
    0x0E07: message_flags,
    0x0E08: lambda item: len(item.content.mime),
    0x0E1B: lambda item: item.content.has_attachments,
    0x0E69: lambda item: item.is_read,
    0x1035: lambda item: item.content.message_id or None,
    0x1039: lambda item: item.content.header("References") or None,
    0x1042: lambda item: item.content.header("In-Reply-To") or None,
    0x1090: lambda item: {"NotFlagged": None, "Complete": 1, "Flagged": 2}[item.flag],
    0x3007: lambda item: item.created,
    0x3008: lambda item: item.modified,
    0x300B: lambda item: item.search_key,
    0x3013: lambda item: item.content.conversation,
    0x668F: lambda item: item.dumped,
    0x5D01: lambda item: address(item.content.sender),
    0x5D02: lambda item: address(item.content.author),
}
