"""The few header fields that may be looked at become Marks; no text survives this room (P3, P7).

Nothing here raises on a malformed header: a sender writes it, and a sweep must not stop for it.
"""

from __future__ import annotations

import re
from email.utils import getaddresses

from retentiond.core.model import Mark, Marks
from retentiond.mailbox.base import Likeness, Marker

#: What an IMAP FETCH asks for to recognise a reply by its identity, and by its thread (RFC 5322, 3.6).
IDENTITY_FIELDS = ("FROM", "SENDER", "MESSAGE-ID")
KIN_FIELDS = ("MESSAGE-ID", "IN-REPLY-TO", "REFERENCES")
THREAD_FIELDS = (*IDENTITY_FIELDS, "TO", "CC", "BCC", "IN-REPLY-TO", "REFERENCES")

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ONE_ADDRESS = re.compile(r'\s*(?:"[^"\\]*"|[^"<>@,;:()]*?)\s*<([^<>@,\s"]+@[^<>@,\s"]+)>\s*')
_ID = re.compile(r"<([^<>]+)>")


def fields_of(header: bytes) -> dict[str, str]:
    """The fields of a header block: lower-case name to unfolded value; repeated fields are joined."""
    head = header.split(b"\r\n\r\n", 1)[0].split(b"\n\n", 1)[0]
    text = _FOLD.sub("", head.decode("utf-8", "surrogateescape"))
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
    return fields


def marks_of(header: bytes, marker: Marker) -> Marks:
    """The marks of a header block (CRLF or LF lines, with or without the body behind it)."""
    fields = fields_of(header)
    recipients = ", ".join(fields[name] for name in ("to", "cc", "bcc") if name in fields)
    parents = " ".join(fields[name] for name in ("in-reply-to", "references") if name in fields)
    message = fields.get("message-id", "").strip()
    return Marks(
        authors=_addresses(fields.get("from", ""), marker),
        senders=_addresses(fields.get("sender", ""), marker),
        recipients=_addresses(recipients, marker),
        message=marker.message(message) if message else None,
        parents=frozenset(marker.message(each) for each in _ID.findall(parents)),
    )


def message_ids_in(text: str) -> list[str]:
    """The Message-IDs in a list of them, without their angle brackets."""
    return _ID.findall(text)


def message_ids_of(header: bytes) -> list[str]:
    """The Message-IDs that a message bears and names as its parents, without their angle brackets."""
    fields = fields_of(header)
    return message_ids_in(" ".join(fields.get(each.lower(), "") for each in KIN_FIELDS))


def likeness_of(content: bytes, marker: Marker) -> Likeness:
    """By what a twin of this message is sought."""
    message = fields_of(content[: 64 * 1024]).get("message-id", "").strip()
    return Likeness(marker.message(message), len(content), hint=message)


def _addresses(value: str, marker: Marker) -> frozenset[Mark]:
    """The marks of the bare addresses in a field's value; a name that looks like one is not one."""
    if not value:
        return frozenset()
    if match := _ONE_ADDRESS.fullmatch(value):
        return frozenset((marker.address(match[1]),))
    try:
        pairs = getaddresses([value])
    except (ValueError, IndexError, TypeError):
        return frozenset()
    return frozenset(marker.address(address) for _, address in pairs if "@" in address)
